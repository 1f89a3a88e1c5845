"""Which images a host removes when their disk fills up, as the kubelet's image manager chooses.

Pure. Only those that were pulled for Pods of this cluster, that no container is made from and no Pod asks for: first
those unused for the longest, until the disk is down to its lower mark, or all of them where Pods would else be ended.
"""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from reconciler.model.base import Value
from reconciler.model.details import RemoveImage
from reconciler.model.node_report import NodeEvent
from reconciler.model.plan import Reason
from reconciler.model.pressure import ImageLimits, OwnImage, SignalFact
from reconciler.planner.node.actions import make_action, node_ref
from reconciler.planner.node.images import full_name
from reconciler.planner.node.look import Look
from reconciler.planner.node.memory import Collection, NodeMemory
from reconciler.planner.node.remember import every_container
from reconciler.planner.node.tasks import Task

# The kubelet looks this often (its ImageGCPeriod).
EVERY_S = 300.0
_TOLD_FROM = 2


class CollectionStep(Value):
    """What is remembered, which images go, and what is told."""

    memory: NodeMemory
    tasks: tuple[Task, ...] = ()
    events: tuple[NodeEvent, ...] = ()


def collect_images(look: Look, memory: NodeMemory, limits: ImageLimits) -> CollectionStep:
    """Decide which images go now."""
    memory = replace_if(memory, unused=_unused(look, memory.unused))
    if not (memory.unused or look.facts.signals or memory.collection.chosen or memory.collection.failures):
        return CollectionStep(memory=memory)
    removable = _removable(look, memory.unused, limits)
    events: tuple[NodeEvent, ...] = ()
    if look.reclaim:
        chosen = tuple(one.id for one in removable)
    else:
        collection, events = _collection(look, memory.collection, removable, limits)
        memory = replace_if(memory, collection=collection)
        still = {one.id for one in removable}
        chosen = tuple(id for id in collection.chosen if id in still)
    by_id = {one.id: one for one in removable}
    return CollectionStep(memory=memory, tasks=tuple(_task(look, by_id[id]) for id in chosen), events=events)


def replace_if(memory: NodeMemory, **fields: object) -> NodeMemory:
    """Return the memory with other fields; the same value when they say nothing new."""
    same = all(getattr(memory, name) == value for name, value in fields.items())
    return memory if same else replace(memory, **fields)


def percent_used(fact: SignalFact) -> int:
    """Return how full a disk is, rounded up as the kubelet does."""
    return 100 - fact.available * 100 // fact.capacity if fact.capacity > 0 else 0


def _unused(look: Look, before: Mapping[str, float]) -> dict[str, float]:
    """Return since when nobody uses each image of ours."""
    if not look.facts.own_images:
        return {}
    used = {fact.image_id for fact in look.facts.containers}
    idle = [image for image in look.facts.own_images if image.id not in used]
    if not idle:
        return {}
    wanted = {full_name(name) for name in _wanted(look)}
    found = {}
    for image in idle:
        if not wanted.intersection(full_name(name) for name in image.names):
            found[image.id] = min(before.get(image.id, look.now), look.now)
    return {id: found[id] for id in sorted(found)}


def _wanted(look: Look) -> Iterable[str]:
    for pod in look.assignment.pods:
        if not pod.finished:
            yield from (one.image for one in every_container(pod.spec))


def _removable(look: Look, unused: Mapping[str, float], limits: ImageLimits) -> list[OwnImage]:
    found = (one for one in look.facts.own_images if one.id in unused and look.now - one.pulled_at >= limits.min_age_s)
    return sorted(found, key=lambda one: (unused[one.id], one.pulled_at, one.id))


def _collection(
    look: Look, before: Collection, removable: list[OwnImage], limits: ImageLimits
) -> tuple[Collection, tuple[NodeEvent, ...]]:
    """Choose anew where the disk is too full, and the last choice is long enough ago."""
    signals = {one.signal: one for one in look.facts.signals}
    disk = signals.get("imagefs.available") or signals.get("nodefs.available")
    if disk is None or limits.high >= 100 or percent_used(disk) < limits.high:
        return (before if before.chosen else Collection(at=before.at)), ()
    if 0 <= look.now - before.at < EVERY_S:
        return before, ()
    needed = disk.capacity * (100 - limits.low) // 100 - disk.available
    chosen, found = [], 0
    for image in removable:
        if found < needed:
            chosen.append(image.id)
            found += image.size_bytes
    failures = 0 if found >= needed else before.failures + 1
    return Collection(at=look.now, chosen=tuple(chosen), failures=failures), _told(look, needed, found, failures)


def _told(look: Look, needed: int, found: int, failures: int) -> tuple[NodeEvent, ...]:
    message = (
        f"Failed to garbage collect required amount of images. Attempted to free {needed} bytes, "
        f"but only found {found} bytes eligible to free."
    )
    reasons = ("FreeDiskSpaceFailed", "ImageGCFailed") if failures >= _TOLD_FROM else ("FreeDiskSpaceFailed",)
    given = reasons if failures else ()
    return tuple(NodeEvent(at=look.now, type="Warning", reason=reason, message=message) for reason in given)


def _task(look: Look, image: OwnImage) -> Task:
    detail = RemoveImage(image_id=image.id, names=image.names)
    action = make_action(look.node, node_ref(look.node), detail, Reason.NODE_PRESSED, target=image.id)
    return Task(action, target=image.id)
