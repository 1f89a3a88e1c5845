"""Ports of the host, what shows that a Pod was initialised, and which Pod goes first, as upstream has them."""

from typing import Any

from reconciler.model.kinds import Container, Pod
from reconciler.model.node_report import ContainerFact
from reconciler.planner.node.look import PodFacts
from reconciler.planner.node.memory import PodMemory
from reconciler.planner.node.network import host_ports
from reconciler.planner.node.pods import was_initialized
from reconciler.planner.workloads.podview import deletion_rank
from tests.parity.loosely import loosely
from tests.parity.rows import compare
from tests.planner.node.host import pod

_SANDBOX = ContainerFact(id="current", name="s", role="sandbox", pod_uid="u", state="running")
_STATES = {"terminated": "exited", "exited": "exited", "running": "running"}


def ports(case: dict[str, Any]) -> bool:
    """Judge a row about the ports of the host that a container asks for."""
    spec = loosely(Container, case["container"])
    found = [
        {"ContainerPort": one.pod_port, "HostPort": one.port, "Protocol": one.protocol}
        | ({"HostIP": one.host_ip} if one.host_ip else {})
        for one in host_ports(pod("p", spec), "10.42.0.2")
    ]
    return found == case["expectedPortMappings"]


def started(case: dict[str, Any]) -> bool:
    """Judge a row about whether a regular container ever started; one that waits is not there yet."""
    apps = {one["name"] for one in case["spec"]["containers"]}
    statuses = [(one["name"], next(iter(one["state"]))) for one in case.get("statuses", ())]
    statuses += [(one["Name"], one["State"]) for one in case.get("podStatus", {}).get("ActiveContainerStatuses", ())]
    facts = tuple(
        ContainerFact(
            id=name,
            name=name,
            role="app" if name in apps else "init",
            pod_uid="u",
            container=name,
            state=_STATES[state],
            sandbox="current",
        )
        for name, state in statuses
        if state in _STATES
    )
    found = PodFacts(sandboxes=(_SANDBOX,), containers=facts)
    memory = PodMemory(namespace="n", name="p", started_at=0.0)
    return was_initialized(memory, found, _SANDBOX.id) is bool(case.get("expectStarted") or case.get("expected"))


def first_to_go(case: dict[str, Any]) -> bool:
    """Judge a row about which of two Pods goes first: the first."""
    return deletion_rank(loosely(Pod, case["pod1"])) < deletion_rank(loosely(Pod, case["pod2"]))


def _twice_named(row: dict[str, Any]) -> str:
    names = [one["name"] for one in row["case"].get("container", {}).get("ports", ()) if one.get("name")]
    return "a value that is refused at the door" if len(names) > len(set(names)) else ""


def test_containers_are_seen_as_upstream_sees_them() -> None:
    """A port that is asked for twice is there once; a regular container shows that init containers are done."""
    tables = {
        "TestMakePortMappings": ports,
        "TestHasAnyRegularContainerStarted": started,
        "TestHasAnyActiveRegularContainerStarted": started,
    }
    compare("pkg_kubelet_container", tables, _twice_named)


def test_the_pod_that_goes_first_is_upstreams() -> None:
    """Placement, phase, readiness, restarts and age, in this order."""
    compare("kubectl_pkg_util_podutils", {"TestActivePods": first_to_go})
