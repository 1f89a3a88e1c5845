"""Pods that nobody else ends: finished ones beyond a number, those of nodes that are gone or out of service. Pure.

Semantics of Kubernetes' Pod collector: what a Job has not counted yet has failed, and goes once it is counted. What a
repository declares is not collected: it would only come back.
"""

from typing import cast

from reconciler.model.kinds import Condition, Node, Pod
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.model.refs import ObjectRef
from reconciler.model.times import seconds, unix
from reconciler.planner.health import condition
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.conditions import with_condition, without_condition
from reconciler.planner.workloads.ending import let_go
from reconciler.planner.workloads.replicaset import delete_pod

OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
NODE_GONE = "DeletionByPodGC"


def collect_pods(view: View) -> None:
    """End the Pods that nothing else would ever end."""
    nodes = {one.ref.name: cast(Node, one.object) for one in view.of_kind("Node")} if view.awake_of("Pod") else {}

    def is_odd(stored: StoredObject) -> bool:
        pod = cast(Pod, stored.object)
        is_known = view.uid_of(ObjectRef(kind="Node", name=pod.spec.node_name)) is not None
        is_ending = pod.metadata.deletion_timestamp is not None
        return bool(pod.spec.node_name) and (not is_known or is_ending or _is_told_gone(pod))

    for stored in view.due("Pod"):
        if not is_odd(stored):
            continue
        pod = cast(Pod, stored.object)
        node = nodes.get(pod.spec.node_name)
        if node is None:
            _of_gone_node(view, stored, pod)
        elif pod.metadata.deletion_timestamp is not None and _is_out_of_service(node):
            let_go(view, stored, Reason.POD_TERMINATING, f"{node.metadata.name} is marked as out of service")
        elif _is_told_gone(pod):
            kept = without_condition(pod.status.conditions, "DisruptionTarget")
            view.set_status(stored, replace(pod.status, conditions=kept))
    _collect_finished(view)


def _is_told_gone(pod: Pod) -> bool:
    told = condition(pod.status.conditions, "DisruptionTarget")
    return told is not None and told.reason == NODE_GONE


def _of_gone_node(view: View, stored: StoredObject, pod: Pod) -> None:
    """A node that the cluster does not know any more is waited for as long as a silent one."""
    message = f"node {pod.spec.node_name} does not exist any more"
    gone = Condition(type="DisruptionTarget", status="True", reason=NODE_GONE, message=message)
    conditions = with_condition(view, pod.status.conditions, gone)
    told = condition(conditions, gone.type)
    began = unix(told.last_transition_time) if told is not None else None
    until = (view.now if began is None else began) + view.policy.node_lease_s
    if view.now >= until:
        let_go(view, view.set_status(stored, replace(pod.status, conditions=conditions)), Reason.POD_DELETED, message)
        return
    view.look_again(until)
    view.set_status(stored, replace(pod.status, conditions=conditions))


def _is_out_of_service(node: Node) -> bool:
    """Whether a person says that the node is off for good; one that reports is not believed to be."""
    ready = condition(node.status.conditions, "Ready")
    is_ready = ready is not None and ready.status == "True"
    return not is_ready and any(taint.key == OUT_OF_SERVICE for taint in node.spec.taints)


def _collect_finished(view: View) -> None:
    """Forget the oldest finished Pods beyond the limit, those that were evicted before the others."""
    limit = view.policy.finished_pods_max
    if limit <= 0:
        return
    finished = [one for one in view.finished_pods() if _is_finished(one)]
    surplus = len(finished) - limit
    for one in sorted(finished, key=_who_goes_first)[: max(surplus, 0)]:
        delete_pod(view, one, Reason.POD_FINISHED, f"only {limit} finished Pods are kept")


def _is_finished(stored: StoredObject) -> bool:
    pod = cast(Pod, stored.object)
    has_ended = pod.status.phase in ("Succeeded", "Failed") and pod.metadata.deletion_timestamp is None
    return has_ended and not stored.manager.startswith("source/")


def _who_goes_first(stored: StoredObject) -> tuple[bool, float, str]:
    pod = cast(Pod, stored.object)
    return (pod.status.reason != "Evicted", seconds(pod.metadata.creation_timestamp), stored.ref.name)
