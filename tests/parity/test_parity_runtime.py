"""What is asked of the Engine for a container, and what is told of it, as upstream's kubelet has it."""

from typing import Any

from reconciler.controller.tick import happenings_of
from reconciler.executors.container.facts import container_fact
from reconciler.executors.container.labels import Owner
from reconciler.executors.container.render import Surroundings, container_body
from reconciler.model.details import StartContainer
from reconciler.model.kinds import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStatus,
    ObjectMeta,
    Pod,
    PodSpec,
    PodStatus,
    SecurityContext,
)
from reconciler.model.node import Materials
from reconciler.model.node_report import ContainerFact, NodeEvent, NodeFacts, Observation, PodReport
from reconciler.model.streams import status_of_container
from reconciler.planner.node.look import NOTHING, by_pod
from tests.parity.loosely import loosely
from tests.parity.rows import Judge, NotTranslated, compare, parity_rows
from tests.planner.node.host import container, pod

PACKAGE = "pkg_kubelet_container"
Case = dict[str, Any]
_UID = "uid"


def _body(spec: Container, **fields: Any) -> Case:
    """Return what the Engine is asked for."""
    detail = StartContainer(
        pod=pod("p", spec, **fields),
        spec=spec,
        role="app",
        name="c",
        attempt=0,
        sandbox="s",
        pod_ip="",
        host_ip="",
        node="",
    )
    return container_body(detail, Owner(cluster="c", node="n"), Surroundings(sandbox="s"), Materials())


def command(case: Case) -> bool:
    """Judge a row about command and arguments: what a container does not say, its image does."""
    given = loosely(Container, {**case["container"], "name": "c", "image": "i"})
    body = _body(given)
    return [body.get("Entrypoint"), body.get("Cmd")] == [case.get("expectedCommand"), case.get("expectedArgs")]


def privileged(case: Case) -> bool:
    """Judge a row about whether a container of a Pod is privileged."""
    spec = container(security_context=loosely(SecurityContext, case.get("securityContext") or {}))
    return _body(spec)["HostConfig"]["Privileged"] is case.get("expected", False)


def sandbox_state(case: Case) -> bool:
    """Judge a row about the state of a sandbox: 0 is ready, 1 is not, other numbers are of no state that there is."""
    told = {0: "running", 1: "exited"}.get(case.get("input", 0), str(case.get("input")))
    inspected = {"Id": "s", "Name": "/s", "State": {"Status": told}, "Config": {}}
    return container_fact(inspected).state == case["expected"]


def field_path(case: Case) -> bool:
    """Judge a row about the part of a Pod that an event is about; every container of ours has a name."""
    name = case["container"]["name"]
    if not name:
        raise NotTranslated
    spec = case["pod"]["spec"]
    statuses = {
        field: tuple(ContainerStatus(name=one["name"], image="", image_id="") for one in spec.get(part) or ())
        for field, part in (("init_container_statuses", "initContainers"), ("container_statuses", "containers"))
    }
    event = NodeEvent(at=0.0, reason="Started", message="", namespace="ns", pod="p", uid=_UID, container=name)
    report = PodReport(uid=_UID, namespace="ns", name="p", **statuses)
    facts = NodeFacts(node="n", observed_at=0.0)
    told = Observation(node="n", boot_id="b", sequence=1, observed_at=0.0, facts=facts, pods=(report,), events=(event,))
    return [one.field_path for one in happenings_of(told)] == [case["path"]]


def _with_statuses(*statuses: ContainerStatus) -> Pod:
    spec = PodSpec(containers=tuple(container(one.name) for one in statuses))
    return Pod(metadata=ObjectMeta(name="p"), spec=spec, status=PodStatus(container_statuses=statuses))


def _expected(test: str, field: str) -> list[Case]:
    """Return the containers that the rows of a table find: all that there are."""
    return [row["case"][field] for row in parity_rows(PACKAGE) if row["test"] == test and field in row["case"]]


def status_by_name(case: Case) -> bool:
    """Judge a row about finding the status of a container by its name."""
    states = {
        "running": ContainerState(running=ContainerStateRunning()),
        "exited": ContainerState(terminated=ContainerStateTerminated(exit_code=0)),
    }
    there = _expected("TestPodStatusFindContainerStatusByName", "expectedStatus")
    shown = (ContainerStatus(name=one["Name"], image="", image_id="", state=states[one["State"]]) for one in there)
    found = status_of_container(_with_statuses(*shown), case.get("containerName", ""))
    if found is None or "expectedStatus" not in case:
        return found is None and "expectedStatus" not in case
    wanted = case["expectedStatus"]
    return (found.name, found.state) == (wanted["Name"], states[wanted["State"]])


def _fact(id_: str, name: str, role: str = "app") -> ContainerFact:
    return ContainerFact(id=id_, name=name, role=role, pod_uid=_UID, container=name, state="running")


def container_by_name(case: Case) -> bool:
    """Judge a row about finding a container of a Pod on the host by its name."""
    there = _expected("TestPodFindContainerByName", "expectedContainer")
    facts = NodeFacts(node="n", observed_at=0.0, containers=tuple(_fact(one["ID"]["ID"], one["Name"]) for one in there))
    found = [fact.id for fact in by_pod(facts)[_UID].of(case.get("containerName", ""))]
    return found == ([case["expectedContainer"]["ID"]["ID"]] if "expectedContainer" in case else [])


def nothing_left(case: Case) -> bool:
    """Judge a row about whether there is anything of a Pod; the runtime knows it by its sandbox."""
    there = (_fact("s", "POD", "sandbox"),) if case["pod"].get("ID") else ()
    found = by_pod(NodeFacts(node="n", observed_at=0.0, containers=there)).get(_UID, NOTHING)
    return found.is_empty is case.get("expected", False)


TABLES: dict[str, Judge] = {
    "TestExpandCommandAndArgs": command,
    "TestHasPrivilegedContainer": privileged,
    "TestSandboxToContainerState": sandbox_state,
    "TestFieldPath": field_path,
    "TestPodStatusFindContainerStatusByName": status_by_name,
    "TestPodFindContainerByName": container_by_name,
    "TestPodIsEmpty": nothing_left,
}


def test_containers_are_made_and_told_of_as_upstream_does() -> None:
    """Commands, privileges, states, the parts that events are about, and what is found by name."""
    compare(PACKAGE, TABLES)
