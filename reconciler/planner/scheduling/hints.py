"""Changes after which a Pod that waits may be placed: what kube-scheduler calls queueing hints. Pure.

A Pod counts from when it has a node, or is to have one that room is made on, until it ends. Each plugin says which
changes may help a Pod that it refused, see `Plugin.hints`; it may say yes too often, and never no in vain.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TypeVar

from reconciler.model.kinds import Node, Object, Pod, PodSpec
from reconciler.planner.scheduling.resizing import counted_spec
from reconciler.planner.scheduling.room import allocatable
from reconciler.planner.storage.capacity import STORAGE_FREE

T = TypeVar("T", bound=Object)


@dataclass(frozen=True, slots=True)
class Change:
    """What stands under a name of a kind before and after; None where it was not there yet, or is there no more."""

    kind: str
    old: Object | None
    new: Object | None

    def of(self, type_: type[T]) -> tuple[T | None, T | None]:
        """Return the object before and after, which has to be of this type."""
        return _narrowed(self.old, type_), _narrowed(self.new, type_)

    def is_named(self, type_: type[Object], names: Collection[tuple[str, str]]) -> bool:
        """Whether the object, which has to be of this type, has one of these names, each with its namespace."""
        return any(one is not None and (one.metadata.namespace, one.metadata.name) in names for one in self.of(type_))

    def is_relabelled(self, type_: type[Object]) -> bool:
        """Whether the object, which has to be of this type, comes or goes, or has other labels."""
        old, new = self.of(type_)
        return old is None or new is None or old.metadata.labels != new.metadata.labels

    def of_counted(self) -> tuple[Pod | None, Pod | None]:
        """Return the Pod before and after, as far as it counts."""
        old, new = self.of(Pod)
        return _counted(old), _counted(new)

    def of_itself(self, pod: Pod) -> tuple[Pod, Pod] | None:
        """Return the waiting Pod itself before and after; None when another one has changed."""
        old, new = self.of(Pod)
        if old is None or new is None or _identity(new) != _identity(pod):
            return None
        return old, new


def _narrowed(object: Object | None, type_: type[T]) -> T | None:
    """Return an object as what it is said to be. A hint about anything else would be wrong, and a Pod wait in vain."""
    if object is None or isinstance(object, type_):
        return object
    raise TypeError(f"expected a {type_.__name__}, got a {type(object).__name__}")


def _counted(pod: Pod | None) -> Pod | None:
    return pod if pod is not None and is_counted(pod) else None


def is_counted(pod: Pod) -> bool:
    """Whether a Pod takes something of a node."""
    return bool(where(pod)) and pod.status.phase not in ("Succeeded", "Failed")


def where(pod: Pod) -> str:
    """Return the node that a Pod is on, or for which it waits while room is made."""
    return pod.spec.node_name or pod.status.nominated_node_name


def parts(change: Change) -> tuple[Change, ...]:
    """Return what of a change the scheduler looks at: nothing, the change, or both ends of a move."""
    if change.kind == Pod.kind:
        return _parts_of_pod(change)
    if change.kind == Node.kind:
        old, new = change.of(Node)
        if old is not None and new is not None and _outline(old) == _outline(new):
            return ()
    return (change,)


def _parts_of_pod(change: Change) -> tuple[Change, ...]:
    old, new = change.of_counted()
    if old is None and new is None:
        return ()
    if old is None or new is None:
        return (replace(change, old=old, new=new),)
    if where(old) != where(new):
        return replace(change, old=old, new=None), replace(change, old=None, new=new)
    return (change,) if _differ(old, new) else ()


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
