"""Tables: ages, rows, and what of a Pod stands in one word."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.kinds import (
    Container,
    ContainerState,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    ObjectMeta,
    Pod,
    PodSpec,
    PodStatus,
)
from reconciler.server.tables import form_of, human_duration, row_of, shown, table

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"),
        (-1.5, "0s"),
        (0.9, "0s"),
        (119, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (600, "10m"),
        (10_799, "179m"),
        (10_800, "3h"),
        (11_100, "3h5m"),
        (8 * 3600 + 60, "8h"),
        (47 * 3600, "47h"),
        (48 * 3600, "2d"),
        (50 * 3600, "2d2h"),
        (8 * 86_400, "8d"),
        (729 * 86_400, "729d"),
        (740 * 86_400, "2y10d"),
        (9 * 365 * 86_400, "9y"),
    ],
)
def test_an_age_is_told_in_at_most_two_units(seconds: float, text: str) -> None:
    """The forms that users of kubectl know."""
    assert human_duration(seconds) == text


def cells(pod: Pod) -> dict[str, Any]:
    """Return a Pod's cells by column."""
    names = [column.name for column in form_of("Pod").columns]
    return dict(zip(names, shown(form_of("Pod").cells(pod), NOW), strict=True))


def crashing() -> Pod:
    """Return a Pod whose container waits to be started again."""
    last = ContainerState(terminated=ContainerStateTerminated(exit_code=1, finished_at="2027-01-15T07:55:00Z"))
    waiting = ContainerState(waiting=ContainerStateWaiting(reason="CrashLoopBackOff"))
    status = ContainerStatus(name="web", restart_count=3, state=waiting, last_state=last)
    return Pod(
        metadata=ObjectMeta(name="web-0", namespace="shop", creation_timestamp="2027-01-15T07:00:00Z"),
        spec=PodSpec(containers=(Container(name="web", image="web:1"),), node_name="node-1"),
        status=PodStatus(phase="Running", container_statuses=(status,), pod_ip="10.42.0.7"),
    )


def test_a_crashing_pod_says_so_with_its_restarts() -> None:
    """Reason, restarts and when the last one was."""
    assert cells(crashing()) == {
        "Name": "web-0",
        "Ready": "0/1",
        "Status": "CrashLoopBackOff",
        "Restarts": "3 (5m ago)",
        "Age": "60m",
        "IP": "10.42.0.7",
        "Node": "node-1",
        "Nominated Node": "<none>",
        "Readiness Gates": "<none>",
    }


def test_a_pod_that_is_being_deleted_is_terminating() -> None:
    """Whatever its containers do."""
    pod = crashing()
    ending = replace(pod, metadata=replace(pod.metadata, deletion_timestamp="2027-01-15T08:00:00Z"))
    assert cells(ending)["Status"] == "Terminating"


def test_a_row_is_the_same_encoded_and_as_a_document() -> None:
    """The fast way and the plain way say the same, at every moment."""
    pod = crashing()
    for now in (NOW, NOW + 3600):
        encoded = json.loads(b"".join(row_of(pod, b"null").pieces(now)))
        document = table("Pod", [pod], now)["rows"][0]
        assert encoded["cells"] == document["cells"]
        assert encoded.get("conditions") == document.get("conditions")
    ended = replace(pod, status=PodStatus(phase="Succeeded"))
    assert [c["type"] for c in json.loads(b"".join(row_of(ended, b"null").pieces(NOW)))["conditions"]] == ["Completed"]


def test_computed_documents_have_tables_too() -> None:
    """ComponentStatus exists only as a document."""
    healthy = {"type": "Healthy", "status": "True", "message": "ok"}
    shown_table = table("ComponentStatus", [{"metadata": {"name": "store"}, "conditions": [healthy]}], NOW)
    assert shown_table["rows"][0]["cells"] == ["store", "Healthy", "ok", ""]
    assert shown_table["rows"][0]["object"]["metadata"] == {"name": "store"}
    assert [column["name"] for column in shown_table["columnDefinitions"]] == ["Name", "Status", "Message", "Error"]
