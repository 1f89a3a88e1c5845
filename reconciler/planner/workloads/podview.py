"""Questions about Pods that every controller asks. Pure."""

from collections.abc import Iterable

from reconciler.model.kinds import Condition, Pod
from reconciler.model.times import seconds, unix
from reconciler.planner.health import condition
from reconciler.planner.view import View
from reconciler.planner.workloads.annotations import signed_in

_NEVER = float("inf")


def is_active(pod: Pod) -> bool:
    """Whether a Pod counts for its owner: neither ended nor ending."""
    return pod.status.phase not in ("Succeeded", "Failed") and pod.metadata.deletion_timestamp is None


def is_ready(pod: Pod) -> bool:
    """Whether the Pod's Ready condition holds."""
    return _readiness(pod) is not None


def _readiness(pod: Pod) -> Condition | None:
    ready = condition(pod.status.conditions, "Ready")
    return ready if ready is not None and ready.status == "True" else None


def ready_since(pod: Pod) -> float | None:
    """Return since when the Pod is ready, in Unix seconds; None while it is not."""
    ready = _readiness(pod)
    return unix(ready.last_transition_time) if ready is not None else None


def available_at(pod: Pod, min_ready_s: int) -> float | None:
    """Return when the Pod counts as available: ready for `min_ready_s`; None while it is not ready."""
    since = ready_since(pod)
    return None if since is None else since + min_ready_s


def is_available(pod: Pod, min_ready_s: int, now: float) -> bool:
    """Whether the Pod has been ready for `min_ready_s` seconds."""
    at = available_at(pod, min_ready_s)
    return at is not None and (min_ready_s == 0 or at <= now)


def look_again_when_available(view: View, pods: Iterable[Pod], min_ready_s: int) -> None:
    """Have it looked again when each of these Pods becomes available; without a time to wait for they are at once."""
    for pod in pods if min_ready_s else ():
        at = available_at(pod, min_ready_s)
        if at is not None:
            view.look_again(at)


def deletion_rank(pod: Pod) -> tuple[bool, bool, bool, bool, float, float, int, float, str]:
    """Sort Pods by who goes first when there are too many, as upstream's ReplicaSet does.

    Unplaced before placed, pending before running, unready before ready, the one that is ending (longer), the one
    ready for less long, the one that restarted more often, the younger one; names break ties.
    """
    ready = _readiness(pod)
    restarts = max((status.restart_count for status in pod.status.container_statuses), default=0)
    return (
        bool(pod.spec.node_name),
        pod.status.phase == "Running",
        pod.status.phase == "Unknown",
        ready is not None,
        unix(pod.metadata.deletion_timestamp) or _NEVER,
        -seconds(ready.last_transition_time if ready is not None else None),
        -restarts,
        -seconds(pod.metadata.creation_timestamp),
        pod.metadata.name,
    )


def pod_cost(pod: Pod) -> int:
    """Return the Pod's own word on how dear it is (`controller.kubernetes.io/pod-deletion-cost`)."""
    return signed_in(pod.metadata.annotations, "controller.kubernetes.io/pod-deletion-cost") or 0
