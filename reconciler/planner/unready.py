"""Which of a workload's Pods keeps it from being healthy, and why. Pure; `status` and `explain` say it."""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.model.status import Health, ObjectHealth
from reconciler.planner.health import health_of

_ILL = (Health.DEGRADED, Health.PROGRESSING)
_OWNERS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"})


def faults_of_pods(objects: Mapping[ObjectRef, StoredObject]) -> Mapping[str, str]:
    """Return by uid of every workload, also where its Pods are those of ReplicaSets, what is wrong with one Pod."""
    pods = (_fault(one) for one in _of_kind(objects, "Pod"))
    worst_first = sorted((one for one in pods if one is not None), key=lambda one: one[0])
    found = _first((owner, text) for _, owner, text in worst_first)
    sets = (one for one in _of_kind(objects, "ReplicaSet") if one.manager not in found)
    above = _first((one.manager, found[uid]) for one in sets if (uid := one.object.metadata.uid) in found)
    return {**above, **found}


def with_fault(health: ObjectHealth, stored: StoredObject, faults: Mapping[str, str]) -> ObjectHealth:
    """Return a workload's health with what is wrong with one of its Pods, where the workload is not healthy."""
    fault = faults.get(stored.object.metadata.uid, "") if stored.ref.kind in _OWNERS else ""
    if not fault or health.health not in _ILL:
        return health
    return replace(health, message=f"{health.message}; {fault}" if health.message else fault)


def _of_kind(objects: Mapping[ObjectRef, StoredObject], kind: str) -> list[StoredObject]:
    return [objects[ref] for ref in sorted(ref for ref in objects if ref.kind == kind)]


def _fault(stored: StoredObject) -> tuple[int, str, str] | None:
    """Return how urgent, whose and what a Pod's fault is; None where there is nothing to say."""
    if stored.object.metadata.deletion_timestamp:
        return None
    health = health_of(stored)
    if health.health not in _ILL or not health.message:
        return None
    return _ILL.index(health.health), stored.manager, f"{stored.ref.name} {health.reason}: {health.message}"


def _first(entries: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for uid, text in entries:
        found.setdefault(uid, text)
    return found
