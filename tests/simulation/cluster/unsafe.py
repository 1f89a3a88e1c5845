"""What must never happen, and what Pods and workloads of a story are, judged independently of the planner."""

from collections.abc import Mapping
from typing import Any, cast

from reconciler.model.kinds import Pod
from reconciler.model.observed import ObservedState, StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.model.times import unix

Objects = Mapping[ObjectRef, StoredObject]


class Unsafe(AssertionError):
    """Something happened that must never happen."""


def changed_in(before: ObservedState, after: ObservedState) -> list[ObjectRef]:
    """Return what is new, otherwise or gone."""
    old, new = before.objects, after.objects
    return [*(ref for ref, one in new.items() if old.get(ref) is not one), *(ref for ref in old if ref not in new)]


def is_active(pod: Pod) -> bool:
    """Whether a Pod is not told to end, and has not ended."""
    return pod.metadata.deletion_timestamp is None and pod.status.phase not in ("Succeeded", "Failed")


def was_active(before: ObservedState, pod: Pod) -> bool:
    """Whether a Pod was there before and was not told to end."""
    old = before.objects.get(ref_of_pod(pod))
    return old is not None and old.object.metadata.deletion_timestamp is None


def is_disrupted(before: ObservedState, pod: Pod) -> bool:
    """Whether a Pod ends because of a person, its node, or another Pod: not because of its workload."""
    told = any(one.type == "DisruptionTarget" and one.status == "True" for one in pod.status.conditions)
    return told or ref_of_pod(pod) in before.overrides


def is_preempted_now(before: ObservedState, pod: Pod) -> bool:
    """Whether a Pod that was there is driven away by a more urgent one in the plan that has just been made."""

    def is_told(pod: Pod) -> bool:
        return any(one.reason == "PreemptionByScheduler" and one.status == "True" for one in pod.status.conditions)

    old = before.objects.get(ref_of_pod(pod))
    return is_told(pod) and old is not None and not is_told(cast(Pod, old.object))


def pod_is_available(pod: Pod, min_ready_s: int, now: float) -> bool:
    """Whether a Pod has been ready for so long."""
    for one in pod.status.conditions:
        if one.type == "Ready" and one.status == "True":
            return (unix(one.last_transition_time) or 0.0) + min_ready_s <= now
    return False


def ref_of_pod(pod: Pod) -> ObjectRef:
    """Return the name of a Pod."""
    return ObjectRef(kind="Pod", namespace=pod.metadata.namespace, name=pod.metadata.name)


def owned_by(state: ObservedState, kind: str, uid: str) -> list[Any]:
    """Return the objects of a kind that belong to one."""
    return _owned(state.objects).get((kind, uid), [])


# The objects of the last states that were asked about, by kind and owner.
_OWNED: list[tuple[Objects, dict[tuple[str, str], list[Any]]]] = []
_OWNED_MAX = 2


def _owned(objects: Objects) -> dict[tuple[str, str], list[Any]]:
    for known, found in _OWNED:
        if known is objects:
            return found
    found = {}
    for ref, one in objects.items():
        for uid in {owner.uid for owner in one.object.metadata.owner_references}:
            found.setdefault((ref.kind, uid), []).append(one.object)
    _OWNED.insert(0, (objects, found))
    del _OWNED[_OWNED_MAX:]
    return found
