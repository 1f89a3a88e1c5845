"""Changes after which a Pod that waits may be placed: what kube-scheduler calls queueing hints. Pure.

A Pod counts from when it has a node, or is to have one that room is made on, until it ends. Each plugin says which
changes may help a Pod that it refused, see `Plugin.may_help`; it may say yes too often, and never no in vain.
"""

from dataclasses import dataclass
from typing import TypeVar, cast

from reconciler.model.kinds import Node, Object, Pod, PodSpec
from reconciler.planner.scheduling.resizing import counted_spec
from reconciler.planner.scheduling.room import allocatable
from reconciler.planner.storage.capacity import STORAGE_FREE

T = TypeVar("T", bound=Object)


@dataclass(frozen=True, slots=True)
class Change:
    """An object before and after; None where it was not there yet, or is there no more."""

    old: Object | None
    new: Object | None

    def of(self, type_: type[T]) -> tuple[T | None, T | None] | None:
        """Return the object before and after, of this type; None when it is another."""
        if not isinstance(self.old if self.new is None else self.new, type_):
            return None
        return cast(T | None, self.old), cast(T | None, self.new)

    @property
    def name(self) -> tuple[str, str]:
        """The namespace and the name of what has changed."""
        metadata = cast(Object, self.old if self.new is None else self.new).metadata
        return metadata.namespace, metadata.name

    def is_relabelled(self, type_: type[Object]) -> bool:
        """Whether an object of this type comes or goes, or has other labels."""
        if self.of(type_) is None:
            return False
        return self.old is None or self.new is None or self.old.metadata.labels != self.new.metadata.labels

    def of_counted(self) -> tuple[Pod | None, Pod | None] | None:
        """Return a Pod before and after, as far as it counts; None when it is nothing of the kind."""
        found = self.of(Pod)
        if found is None:
            return None
        old, new = (pod if pod is not None and is_counted(pod) else None for pod in found)
        return (old, new) if old is not None or new is not None else None

    def of_itself(self, pod: Pod) -> tuple[Pod, Pod] | None:
        """Return the waiting Pod itself before and after; None when something else has changed."""
        found = self.of(Pod)
        if found is None or found[0] is None or found[1] is None:
            return None
        same = _identity(found[1]) == _identity(pod)
        return (found[0], found[1]) if same else None


def is_counted(pod: Pod) -> bool:
    """Whether a Pod takes something of a node."""
    return bool(where(pod)) and pod.status.phase not in ("Succeeded", "Failed")


def where(pod: Pod) -> str:
    """Return the node that a Pod is on, or for which it waits while room is made."""
    return pod.spec.node_name or pod.status.nominated_node_name


def parts(change: Change) -> tuple[Change, ...]:
    """Return what of a change the scheduler looks at: nothing, the change, or both ends of a move."""
    counted, nodes = change.of_counted(), change.of(Node)
    if change.of(Pod) is not None:
        if counted is None:
            return ()
        old, new = counted
        if old is None or new is None:
            return (Change(old, new),)
        if where(old) != where(new):
            return Change(old, None), Change(None, new)
        return (Change(old, new),) if _differ(old, new) else ()
    if nodes is not None and nodes[0] is not None and nodes[1] is not None and _outline(nodes[0]) == _outline(nodes[1]):
        return ()
    return (change,)


def _differ(old: Pod, new: Pod) -> bool:
    if old.metadata.labels != new.metadata.labels or _is_ending(old) != _is_ending(new):
        return True
    was, now = counted_spec(old), counted_spec(new)
    return was is not now and _without_node(was) != _without_node(now)


def _without_node(spec: PodSpec) -> object:
    return spec.containers, spec.init_containers, spec.volumes, spec.affinity, spec.priority


def _is_ending(pod: Pod) -> bool:
    return pod.metadata.deletion_timestamp is not None


def _outline(node: Node) -> object:
    return node.metadata.labels, node.metadata.annotations.get(STORAGE_FREE), node.spec, allocatable(node)


def _identity(pod: Pod) -> tuple[str, str, str]:
    return pod.metadata.namespace, pod.metadata.name, pod.metadata.uid
