"""What belongs to Windows is judged as Kubernetes judges it, and has no effect on hosts that run Linux."""

import json
from typing import Any

import pytest

from reconciler.schema.validate import SourceFile, validate


def found(*, errors: bool = True, options: Any = None, of_pod: Any = None, **spec: Any) -> list[str]:
    """Return the pointers of the errors, or warnings, in a Pod whose container, or itself, has these options."""
    container = {"name": "a", "image": "b", **({"securityContext": {"windowsOptions": options}} if options else {})}
    if of_pod is not None:
        spec["securityContext"] = {"windowsOptions": of_pod}
    wanted = {"containers": [container], **spec}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": wanted}
    problems = validate([SourceFile("a.json", json.dumps(pod).encode())]).problems
    return [one.pointer for one in problems if one.is_error == errors]


AT = "/spec/containers/0/securityContext/windowsOptions"


def test_options_have_no_effect_on_linux() -> None:
    """They are accepted, with a warning; a Pod that says it is for Linux has none."""
    assert found(options={"runAsUserName": "ContainerUser"}) == []
    assert found(options={"runAsUserName": "ContainerUser"}, errors=False) == [AT]
    assert found(options={"runAsUserName": "ContainerUser"}, os={"name": "linux"}) == [AT]


@pytest.mark.parametrize(
    "name", ["user", "Container. User", "DOMAIN\\user", "a.example.com\\user", "d" * 42 + "\\user"]
)
def test_names_of_users(name: str) -> None:
    """Alone, or of a NetBIOS or DNS domain."""
    assert found(options={"runAsUserName": name}) == []


@pytest.mark.parametrize(
    "name", ["", "a\tb", "a\\b\\c", "\\user", "DOMAIN\\", ".dot\\user", "a?\\user", "u" * 105, ". .", "a/b"]
)
def test_what_is_no_name_of_a_user(name: str) -> None:
    """Empty parts, signs that Windows does not allow, more than it takes."""
    assert found(options={"runAsUserName": name}) == [f"{AT}/runAsUserName"]


def test_credentials_have_a_name_and_a_size() -> None:
    """As objects of Kubernetes have names, and at most 64 KiB."""
    assert found(options={"gmsaCredentialSpecName": "shop", "gmsaCredentialSpec": "x" * 65536}) == []
    assert found(options={"gmsaCredentialSpecName": "Shop!"}) == [f"{AT}/gmsaCredentialSpecName"]
    assert found(options={"gmsaCredentialSpec": "x" * 65537}) == [f"{AT}/gmsaCredentialSpec"]


def test_processes_of_the_host_stand_alone() -> None:
    """All containers are such, they agree with the Pod, and share the host's network."""
    assert found(options={"hostProcess": True}, hostNetwork=True) == []
    assert found(options={"hostProcess": True}) == ["/spec/hostNetwork"]
    both = [{"name": "a", "image": "b", "securityContext": {"windowsOptions": {"hostProcess": True}}}]
    both.append({"name": "c", "image": "b"})
    assert found(containers=both, hostNetwork=True) == ["/spec/containers"]
    assert found(containers=both, hostNetwork=True, of_pod={"hostProcess": True}) == []
    assert found(options={"hostProcess": False}, of_pod={"hostProcess": True}) == [f"{AT}/hostProcess"]


def test_a_pod_for_windows_has_nothing_of_linux() -> None:
    """It is warned that no host runs it."""
    windows = {"os": {"name": "windows"}}
    assert found(**windows) == []
    assert found(**windows, errors=False) == ["/spec/os/name"]
    assert found(**windows, hostPID=True) == ["/spec/hostPID"]
    assert found(**windows, securityContext={"runAsNonRoot": True, "fsGroup": 5}) == ["/spec/securityContext/fsGroup"]
