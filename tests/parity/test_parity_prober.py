"""Probes are asked for, run and believed as upstream's kubelet does it.

A row of a worker of upstream is one container with one probe. "Continues" is spelled as: the node asks for the probe
when that container runs next. A result that is set is spelled as what the Pod's status then says.
"""

import re
from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace as changed

from reconciler.executors.container.network_probes import UnknownPort, port_number
from reconciler.model.kinds import Container, ContainerPort, ContainerStatus, Probe
from reconciler.model.kinds.probe import ExecAction
from reconciler.model.node_report import ContainerFact, ProbeState
from reconciler.model.plan import Reason
from reconciler.planner.node.probes import next_at
from reconciler.planner.node.step import NodeStep
from tests.parity.loosely import loosely
from tests.parity.rows import NotTranslated, compare
from tests.parity.steps import NOW, UID, fact_of, facts_of, step_with
from tests.planner.node.host import IMAGE, container, pod

NAME = "cOnTaInEr_NaMe"
SUCCESS, UNKNOWN = 0, -1
KINDS = ("liveness", "readiness", "startup")
OTHER_SETTINGS = "upstream's tests run with other settings than its defaults"


def _probed(kind: str, given: dict[str, Any], delay_s: int = 0) -> Container:
    """Return the row's container with one probe."""
    spec = loosely(Container, {**given, "name": NAME, "image": IMAGE})
    return changed(spec, **{f"{kind}_probe": Probe(exec=ExecAction(), initial_delay_seconds=delay_s)})


def _found(status: dict[str, Any] | None) -> tuple[ContainerFact, ...]:
    facts = []
    for one in (status or {}).get("containerStatuses", ()):
        ended = one["state"].get("terminated")
        state = "exited" if ended else "running" if "running" in one["state"] else "created"
        facts.append(fact_of(one["name"], state, exit_code=(ended or {}).get("exitCode", 0)))
    return tuple(facts)


def do_probe(case: dict[str, Any]) -> bool:
    """Judge a row of one pass of a worker, for every kind of probe that the row speaks of."""
    return all(_pass_of(case, kind) for kind in KINDS)


def _pass_of(case: dict[str, Any], kind: str) -> bool:
    expected = case.get("expectContinue", {})
    continues = expected.get(kind.capitalize(), False) if isinstance(expected, dict) else bool(expected)
    status = case.get("podStatus")
    spec = _probed(kind, case.get("container", {}), case.get("probe", {}).get("initialDelaySeconds", 0))
    finished = "Failed" if (status or {}).get("phase") == "Failed" else ""
    one = pod("p", spec, uid=UID, host_network=True, restart_policy="Never", finished=finished)
    if case.get("setDeletionTimestamp"):
        one = changed(one, deletion_requested_at=NOW - 1)
    facts = _found(status)
    believed = (ProbeState(key=f"{fact.id}/{kind}", result="success") for fact in facts if fact.state == "running")
    first = step_with(one, facts_of(*facts), None, *believed)
    attempt = 1 if any(fact.container == NAME and fact.state != "created" for fact in facts) else 0
    then = step_with(one, facts_of(fact_of(NAME, "running", attempt=attempt)), first.memory)
    due = [target for target in then.probes if target.probe_kind == kind and next_at(None, target, NOW) <= NOW]
    return bool(due) == continues and (not case.get("expectSet") or _is_set(first, kind, case))


def _is_set(found: NodeStep, kind: str, case: dict[str, Any]) -> bool:
    """Whether the status, or what is done, is what follows from the result that upstream keeps."""
    good = case.get("expectedResult", SUCCESS) == SUCCESS
    if kind == "liveness":
        return not good or _is_left(found)
    status = _status(found.reports[0].container_statuses, NAME)
    return bool(status.ready if kind == "readiness" else status.started) is good


def _is_left(found: NodeStep) -> bool:
    return not any(one.reason is Reason.CONTAINER_UNHEALTHY for one in found.plan.actions)


def _status(statuses: Iterable[ContainerStatus], name: str) -> ContainerStatus:
    return next(one for one in statuses if one.name == name)


def kubelet_restart(case: dict[str, Any]) -> bool:
    """Judge a row about what a restart of the kubelet does to what was known of a container."""
    kind = KINDS[case.get("probeType", 0)]
    sidecar = case.get("isSidecar", False)
    spec = _probed(kind, {"restartPolicy": "Always"} if sidecar else {})
    one = pod("p", *((container("app"),) if sidecar else (spec,)), uid=UID, host_network=True)
    if sidecar:
        one = changed(one, spec=changed(one.spec, init_containers=(spec,)))
    facts = facts_of(fact_of(NAME, "running", role="sidecar" if sidecar else "app"))
    good = ProbeState(key=f"{NAME}-0/{kind}", result="success")
    memory = step_with(one, facts, None, good).memory if case.get("isRestart") else None
    found = step_with(one, facts, memory)
    status = _status((*found.reports[0].container_statuses, *found.reports[0].init_container_statuses), NAME)
    stands = {"liveness": _is_left(found), "readiness": status.ready, "startup": bool(status.started)}[kind]
    result = case.get("expectedResult", SUCCESS) if case.get("expectSet") else SUCCESS
    return stands is (result == SUCCESS)


def sidecar(case: dict[str, Any]) -> bool:
    """Judge a row about which probes an init container that stays has."""
    probes = {f"{kind}_probe": Probe(exec=ExecAction()) for kind in KINDS}
    spec = container("restartable-init", restart_policy="Always" if case["hasRestartableInitContainer"] else None)
    one = pod("p", uid=UID, host_network=True, init_containers=(changed(spec, **probes),))
    facts = facts_of(fact_of(spec.name, "running", role="sidecar"))
    good = ProbeState(key=f"{spec.name}-0/startup", result="success")
    asked = {
        target.probe_kind
        for found in (step_with(one, facts), step_with(one, facts, None, good))
        for target in found.probes
    }
    return asked == {KINDS[path.get("probeType", 0)] for path in case["probePaths"]}


def init_statuses(case: dict[str, Any]) -> bool:
    """Judge a row about readiness and start of init containers that stay."""
    names = ("not_started_container", "started_container", "terminated_container")
    policy = "Always" if case["hasRestartableInitContainer"] else None
    one = pod(
        "p", uid=UID, host_network=True, init_containers=tuple(container(name, restart_policy=policy) for name in names)
    )
    states = ("created", "running", "exited")
    facts = facts_of(*(fact_of(name, state, role="sidecar") for name, state in zip(names, states, strict=True)))
    found = step_with(one, facts).reports[0].init_container_statuses
    ready = {one.name: one.ready for one in found}
    started = {one.name: bool(one.started) for one in found}
    return ready == _by_name(case["expectedReadiness"]) and started == _by_name(case["expectedStartup"])


def _by_name(expected: dict[str, bool]) -> dict[str, bool]:
    named = {re.fullmatch(r"\{\S+ (\S+) \d\}", key): value for key, value in expected.items()}
    if None in named:
        raise NotTranslated
    return {str(key and key[1]): value for key, value in named.items()}


def port(case: dict[str, Any]) -> bool:
    """Judge a row about the port of a probe; the container of upstream's test has one named `found`."""
    spec = changed(container(), ports=(ContainerPort(name="found", container_port=93),))
    try:
        return port_number(case["probe"]["port"], spec) == case["port"] and bool(case.get("ok"))
    except UnknownPort:
        return not case.get("ok")


def test_probes_are_asked_for_and_believed_as_upstream_does() -> None:
    """By the state of the container, its restart policy, and the end of its Pod."""
    tables = {
        "TestDoProbe": do_probe,
        "TestDoProbeWithContainerRestartRules": do_probe,
        "TestDoProbeWithContainerRestartAllContainers": _with_data,
        "TestChangeContainerStatusOnKubeletRestart": kubelet_restart,
        "TestAddRemovePodsWithRestartableInitContainer": sidecar,
        "TestUpdatePodStatusWithInitContainers": init_statuses,
        "TestGetURLParts": port,
        "TestGetTCPAddrParts": port,
    }
    compare("pkg_kubelet_prober", tables, _on_purpose)


def _with_data(case: dict[str, Any]) -> bool:
    if "<func>" in (case.get("pod"), case.get("podStatus")):
        raise NotTranslated
    return do_probe(case)


def _on_purpose(row: dict[str, Any]) -> str:
    return OTHER_SETTINGS if row["case"].get("featureEnabled") else ""
