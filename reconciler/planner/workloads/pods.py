"""Pods as objects: their status from what nodes report, and their end. Pure."""

from functools import partial
from typing import cast

from reconciler.model.granted import qos_class as class_of
from reconciler.model.kinds import Condition, Pod, PodIP, PodStatus
from reconciler.model.node_report import Observation, PodReport
from reconciler.model.observed import NodeState, StoredObject
from reconciler.model.plan import Decision, Reason
from reconciler.model.refs import ObjectRef
from reconciler.planner.health import condition
from reconciler.planner.overrides import given_conditions
from reconciler.planner.priority import missing_class
from reconciler.planner.references import references_of
from reconciler.planner.updates.fault import Fault
from reconciler.planner.updates.pod_status import address_faults
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.deployment_status import with_times
from reconciler.planner.workloads.ending import let_go
from reconciler.planner.workloads.podview import is_ready


def observe_pods(view: View) -> None:
    """Take over what the nodes report about their Pods; remove Pods that have ended for good."""
    for stored in view.due("Pod"):
        pod = cast(Pod, stored.object)
        node = view.observed.nodes.get(pod.spec.node_name)
        report = _report(view, pod, node)
        if _is_gone(pod, node, report):
            _let_go(view, stored, report)
            continue
        if not _is_settled(view, stored, node, report):
            status = pod_status(view, pod, node, report)
            if is_silent(view, node) and is_ready(pod) and not is_ready(replace(pod, status=status)):
                view.happened(stored, "NodeNotReady", "Node is not ready", warning=True)
            view.set_status(stored, status)
            _note_settled(view, stored, node, report)


def _is_settled(view: View, stored: StoredObject, node: NodeState | None, report: PodReport | None) -> bool:
    """Whether this Pod with this report needed no other status before: then it needs none now, whatever the time."""
    if is_silent(view, node):
        return False
    inputs = (stored, view.overrides.get(stored.ref))
    known = view.memo.known(("pod status", stored.ref), inputs)
    if known is None or not (known is report or known == report):
        return False
    view.memo.keep(("pod status", stored.ref), inputs, known)
    return True


def _note_settled(view: View, stored: StoredObject, node: NodeState | None, report: PodReport | None) -> None:
    if not is_silent(view, node) and view.get(stored.ref) is stored:
        view.memo.keep(("pod status", stored.ref), (stored, view.overrides.get(stored.ref)), report)


def _report(view: View, pod: Pod, node: NodeState | None) -> PodReport | None:
    """Return what a Pod's node reports of it."""
    if node is None or node.observation is None:
        return None
    observation = node.observation
    found = view.memo.get(("reports", node.name), (observation,), partial(_by_uid, observation))
    return found.get(pod.metadata.uid)


def _by_uid(observation: Observation) -> dict[str, PodReport]:
    return {report.uid: report for report in observation.pods}


def _is_gone(pod: Pod, node: NodeState | None, report: PodReport | None) -> bool:
    """Whether a terminating Pod has ended: its node says so, or no node ever had it."""
    if pod.metadata.deletion_timestamp is None:
        return False
    if not pod.spec.node_name:
        return True
    return report is not None and report.gone


def _let_go(view: View, stored: StoredObject, report: PodReport | None) -> None:
    phase = report.phase if report is not None else ""
    let_go(view, stored, *_why_gone(view, stored), phase=phase)


def _why_gone(view: View, stored: StoredObject) -> tuple[Reason, str]:
    return Reason.POD_TERMINATING, "has ended"


def is_silent(view: View, node: NodeState | None) -> bool:
    """Whether a node has not been heard of for longer than its lease: unknown, which is not absent (P20)."""
    return node is None or node.is_silent(view.now, view.policy.node_lease_s)


def pod_status(view: View, pod: Pod, node: NodeState | None, report: PodReport | None) -> PodStatus:
    """Return a Pod's status: the node's report, and the conditions that the cluster and other controllers add."""
    given = tuple(with_times(view, pod.status.conditions, one) for one in given_conditions(view, pod))
    status = _observed_status(view, pod, node, report, given)
    if faults := tuple(address_faults(pod.status, status)):
        status = _without_addresses(view, pod, status, faults)
    names = {one.type for one in given}
    return replace(status, conditions=(*(one for one in status.conditions if one.type not in names), *given))


def _without_addresses(view: View, pod: Pod, status: PodStatus, faults: tuple[Fault, ...]) -> PodStatus:
    """A node that reports what is no address has no say in where others send what is meant for the Pod."""
    told = "; ".join(f"{fault.field} {fault.message}" for fault in faults)
    unready = Condition(type="Ready", status="False", reason="InvalidAddress", message=f"its node reports: {told}")
    others = (one for one in status.conditions if one.type != "Ready")
    conditions = (*others, with_times(view, pod.status.conditions, unready))
    return replace(status, pod_ip="", pod_ips=(), host_ip="", host_ips=(), conditions=conditions)


def _observed_status(
    view: View, pod: Pod, node: NodeState | None, report: PodReport | None, given: tuple[Condition, ...]
) -> PodStatus:
    old = pod.status
    if not pod.spec.node_name:
        return replace(old, phase="Pending", qos_class=qos_class(pod))
    scheduled = with_times(view, old.conditions, Condition(type="PodScheduled", status="True"))
    if report is None:
        kept = tuple(one for one in old.conditions if one.type != "PodScheduled")
        return replace(old, conditions=(*kept, scheduled), qos_class=qos_class(pod))
    if is_silent(view, node):
        return _of_silent_node(view, pod)
    if old.phase in ("Succeeded", "Failed"):
        # A Pod ends once and for ever, whatever a node that lost its memory thinks of it.
        reason, message = report.reason or old.reason, report.message or old.message
        report = replace(report, phase=old.phase, reason=reason, message=message)
    reported = tuple(with_times(view, old.conditions, one) for one in report.conditions if one.type != "Ready")
    ready = with_times(view, old.conditions, _ready(pod, report, given))
    return replace(
        old,
        phase=report.phase,
        reason=report.reason,
        message=report.message,
        conditions=(*reported, ready, scheduled, *_taken_away(old, report)),
        host_ip=report.host_ip,
        pod_ip=report.pod_ip,
        pod_ips=(PodIP(ip=report.pod_ip),) if report.pod_ip else (),
        start_time=report.start_time or old.start_time,
        init_container_statuses=report.init_container_statuses,
        container_statuses=report.container_statuses,
        ephemeral_container_statuses=report.ephemeral_container_statuses,
        qos_class=qos_class(pod),
        observed_generation=pod.metadata.generation,
    )


def _taken_away(old: PodStatus, report: PodReport) -> tuple[Condition, ...]:
    """What tells that and why a Pod is being taken away stays, unless its node says that itself."""
    told = condition(report.conditions, "DisruptionTarget")
    return tuple(one for one in old.conditions if one.type == "DisruptionTarget" and told is None)


def _ready(pod: Pod, report: PodReport, given: tuple[Condition, ...]) -> Condition:
    """Ready: all containers are, and so is every readiness gate."""
    containers = condition(report.conditions, "ContainersReady")
    if containers is None or containers.status != "True":
        reason = containers.reason if containers else "ContainersNotReady"
        message = containers.message if containers else ""
        return Condition(type="Ready", status="False", reason=reason or "ContainersNotReady", message=message)
    for gate in pod.spec.readiness_gates:
        found = condition(given, gate.condition_type) or condition(report.conditions, gate.condition_type)
        if found is None or found.status != "True":
            message = f"readiness gate {gate.condition_type} is not true"
            return Condition(type="Ready", status="False", reason="ReadinessGatesNotReady", message=message)
    return Condition(type="Ready", status="True")


def _of_silent_node(view: View, pod: Pod) -> PodStatus:
    unknown = Condition(
        type="Ready", status="False", reason="NodeNotReady", message=f"node {pod.spec.node_name} is silent"
    )
    kept = tuple(one for one in pod.status.conditions if one.type != "Ready")
    return replace(pod.status, conditions=(*kept, with_times(view, pod.status.conditions, unknown)))


def qos_class(pod: Pod) -> str:
    """Return Guaranteed, Burstable or BestEffort as Kubernetes derives it from requests and limits."""
    return class_of(pod.spec)


def judge_pods(view: View) -> None:
    """Give every Pod without a verdict one: unchanged, or blocked with what it waits for."""
    for stored in view.due("Pod"):
        if stored.ref in view.verdicts and view.verdicts[stored.ref].decision is not Decision.UNCHANGED:
            continue
        pod = cast(Pod, stored.object)
        node = view.observed.nodes.get(pod.spec.node_name)
        silent = bool(pod.spec.node_name) and is_silent(view, node)
        if pod.metadata.deletion_timestamp:
            message = f"is ending; {pod.spec.node_name} is silent" if silent else "is ending"
            view.judge(stored.ref, Decision.DELETE, Reason.POD_TERMINATING, message, stored=stored)
        elif silent and pod.status.phase not in ("Succeeded", "Failed"):
            message = f"{pod.spec.node_name} is silent: unknown is not absent"
            view.judge(stored.ref, Decision.BLOCKED, Reason.NODE_SILENT, message, stored=stored)
        elif missing := missing_references(view, stored):
            message = f"{', '.join(missing)} does not exist"
            view.judge(stored.ref, Decision.BLOCKED, Reason.MISSING_REFERENCE, message, stored=stored)
        else:
            view.judge(stored.ref, Decision.UNCHANGED, Reason.IN_SYNC, stored=stored)


def missing_references(view: View, stored: StoredObject) -> tuple[str, ...]:
    """Return the ConfigMaps, Secrets and the PriorityClass that a Pod needs and that do not exist."""
    spec = cast(Pod, stored.object).spec
    references = view.memo.get(("references", stored.ref), (spec,), partial(references_of, spec))
    refs = (
        ObjectRef(kind=one.kind, namespace=stored.ref.namespace, name=one.name)
        for one in references
        if not one.optional
    )
    missing = [str(ref) for ref in refs if view.uid_of(ref) is None]
    if name := missing_class(view, spec):
        missing.append(f"priorityclass/{name}")
    return tuple(missing)
