"""Pods that were to be disrupted and were not: what was told of it is taken back. Pure.

Kubernetes' disruption controller does so two minutes after the condition DisruptionTarget. Whoever set it has then most
likely failed to delete the Pod. What a node tells of its own Pods is left as it is: it may need longer.
"""

from typing import cast

from reconciler.model.kinds import Pod
from reconciler.model.observed import StoredObject
from reconciler.model.times import unix
from reconciler.planner.health import condition
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.conditions import with_condition
from reconciler.planner.workloads.podgc import NODE_GONE

STALE_AFTER_S = 120
_BY_NODE = "TerminationByKubelet"
_ENDED = ("Succeeded", "Failed")


def clear_stale_disruptions(view: View) -> None:
    """Have Pods that go on no longer be told to be disrupted."""
    for stored in view.due("Pod"):
        pod = cast(Pod, stored.object)
        if _is_told(pod):
            _clear_if_stale(view, stored, pod)


def _is_told(pod: Pod) -> bool:
    told = condition(pod.status.conditions, "DisruptionTarget")
    if told is None or told.status != "True" or told.reason in (_BY_NODE, NODE_GONE):
        return False
    return pod.metadata.deletion_timestamp is None and pod.status.phase not in _ENDED


def _clear_if_stale(view: View, stored: StoredObject, pod: Pod) -> None:
    told = condition(pod.status.conditions, "DisruptionTarget")
    since = unix(told.last_transition_time) if told is not None else None
    if told is None or since is None:
        return
    if view.now < since + STALE_AFTER_S:
        view.look_again(since + STALE_AFTER_S)
        return
    cleared = replace(told, status="False")
    view.set_status(stored, replace(pod.status, conditions=with_condition(view, pod.status.conditions, cleared)))
