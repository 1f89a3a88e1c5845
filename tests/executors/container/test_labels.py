"""Which containers are ours (P05)."""

from typing import Any

import pytest

from reconciler.executors.container import labels


def inspected(name: str, ipc: str, role: str = "container", cluster: str = "c") -> dict[str, Any]:
    """A container as the Engine tells of it."""
    named = {labels.CLUSTER: cluster, labels.POD_UID: "u", labels.ROLE: role}
    return {"Name": f"/{name}", "Config": {"Labels": named}, "HostConfig": {"IpcMode": ipc}}


@pytest.mark.parametrize(
    ("found", "is_ours"),
    [
        (inspected("rc_app_web_default_1_0", "container:s"), True),
        (inspected("rc_app_web_default_1_0", "host"), True),
        (inspected("renamed", "container:s"), True),
        (inspected("rc_POD_web_default_1_0", "shareable", "sandbox"), True),
        (inspected("renamed", "shareable", "sandbox"), True),
        (inspected("eager_turing", "private"), False),
        (inspected("eager_turing", "host"), False),
        (inspected("rc_app_web_default_1_0", "container:s", cluster="other"), False),
    ],
)
def test_a_container_of_an_image_made_of_ours_is_not_ours(found: dict[str, Any], is_ours: bool) -> None:
    """P05: whoever runs an image of `docker commit` to look into it loses neither that nor the Pod."""
    assert labels.is_ours(found, "c") == is_ours
