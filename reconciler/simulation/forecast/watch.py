"""How many replicas are ready in the course of a rollout. Pure apart from its own state."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.model.forecast import Availability
from reconciler.model.kinds import Endpoints, Pod
from reconciler.model.observed import ObservedState
from reconciler.model.plan import Plan
from reconciler.model.refs import ObjectRef
from reconciler.planner.workloads.podview import is_ready

Objects = Mapping[ObjectRef, Any]


@dataclass
class _Course:
    """One workload or Service so far."""

    before: int
    now: int
    created: bool
    lowest: int | None = None
    lowest_at: float = 0.0
    empty_since: float | None = None
    down_s: float = 0.0


class Watch:
    """Is told every plan once it is committed, and counts. `started_at` is in Unix seconds."""

    def __init__(self, observed: ObservedState, started_at: float) -> None:
        self._started_at = started_at
        self._courses: dict[ObjectRef, _Course] = {}
        for ref, stored in observed.objects.items():
            if _is_watched(ref, stored.object):
                ready = _ready(ref, observed)
                lowest = ready if ready else None
                self._courses[ref] = _Course(before=ready, now=ready, created=False, lowest=lowest)

    def note(self, observed: ObservedState, plan: Plan, now: float) -> None:
        """Count again what a committed plan has changed; `observed` is what the store holds after it."""
        for ref in {_watched_by(change.ref) for change in plan.changes}:
            stored = observed.objects.get(ref)
            course = self._courses.get(ref)
            if stored is None and course is None:
                continue
            if course is None:
                assert stored is not None
                if not _is_watched(ref, stored.object):
                    continue
                course = self._courses[ref] = _Course(before=0, now=0, created=True)
            self._count(course, ref, observed, now - self._started_at)

    def result(self, observed: ObservedState, now: float) -> tuple[Availability, ...]:
        """Return what was counted, in the order of names; what never changed and is whole is left out."""
        found = []
        for ref in sorted(self._courses):
            course, stored = self._courses[ref], observed.objects.get(ref)
            self._count(course, ref, observed, now - self._started_at)
            one = Availability(
                object=ref,
                before=course.before,
                lowest=course.now if course.lowest is None else course.lowest,
                lowest_at_s=round(course.lowest_at, 3),
                after=course.now,
                wanted=-1 if stored is None else _wanted(ref, stored.object),
                down_s=round(course.down_s, 3),
                created=course.created,
                deleted=stored is None,
            )
            found.append(one)
        return tuple(found)

    def _count(self, course: _Course, ref: ObjectRef, observed: ObservedState, at: float) -> None:
        course.now = _ready(ref, observed)
        if course.empty_since is not None:
            course.down_s += at - course.empty_since
            course.empty_since = None
        if course.lowest is None:
            # What starts is not yet missed: it counts from the first time that it is whole.
            stored = observed.objects.get(ref)
            wanted = 1 if stored is None else max(1, _wanted(ref, stored.object))
            if course.now >= wanted:
                course.lowest, course.lowest_at = course.now, at
            return
        if course.now < course.lowest:
            course.lowest, course.lowest_at = course.now, at
        if course.now == 0 and ref in observed.objects:
            course.empty_since = at


def _ready(ref: ObjectRef, observed: ObservedState) -> int:
    if ref.kind == "Service":
        stored = observed.objects.get(ObjectRef(kind="Endpoints", namespace=ref.namespace, name=ref.name))
        return 0 if stored is None else _addresses(stored.object)
    stored = observed.objects.get(ref)
    return 0 if stored is None else _COUNTED[ref.kind][0](stored.object)


def _addresses(endpoints: Endpoints | Any) -> int:
    return len({address.ip for subset in endpoints.subsets for address in subset.addresses})


def _wanted(ref: ObjectRef, object: Any) -> int:
    return -1 if ref.kind == "Service" else _COUNTED[ref.kind][1](object)


def _watched_by(ref: ObjectRef) -> ObjectRef:
    return ObjectRef(kind="Service", namespace=ref.namespace, name=ref.name) if ref.kind == "Endpoints" else ref


def _is_watched(ref: ObjectRef, object: Any) -> bool:
    if ref.kind == "Service":
        return bool(object.spec.selector)
    if ref.kind == "Pod" and object.spec.restart_policy != "Always":
        return False
    return ref.kind in _COUNTED and not any(owner.controller for owner in object.metadata.owner_references)


def _one_if_ready(pod: Pod) -> int:
    return int(is_ready(pod))


# By kind: how many are ready, and how many are asked for.
_COUNTED: Mapping[str, tuple[Callable[[Any], int], Callable[[Any], int]]] = {
    "Deployment": (lambda one: one.status.ready_replicas, lambda one: one.spec.replicas),
    "ReplicaSet": (lambda one: one.status.ready_replicas, lambda one: one.spec.replicas),
    "ReplicationController": (lambda one: one.status.ready_replicas, lambda one: one.spec.replicas),
    "StatefulSet": (lambda one: one.status.ready_replicas, lambda one: one.spec.replicas),
    "DaemonSet": (lambda one: one.status.number_ready, lambda one: one.status.desired_number_scheduled),
    "Pod": (_one_if_ready, lambda _: 1),
}
