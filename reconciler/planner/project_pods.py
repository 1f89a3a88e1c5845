"""The Pods of a node as it receives them, kept from pass to pass: only what has changed is projected anew. Pure."""

from collections.abc import Callable
from operator import is_
from typing import cast

from reconciler.model.kinds import Pod
from reconciler.model.node import PodAssignment
from reconciler.model.observed import StoredObject

Read = Callable[[StoredObject], tuple[object, ...]]
Project = Callable[[StoredObject], PodAssignment]


class NodePods:
    """What was made for the Pods of one node, and of what."""

    def __init__(self) -> None:
        self._marks: tuple[object, ...] = ()
        self._stored: list[StoredObject] = []
        self._known: dict[str, tuple[StoredObject, tuple[object, ...], PodAssignment]] = {}
        self._pods: tuple[PodAssignment, ...] = ()

    def brought_to(
        self, marks: tuple[object, ...], stored: list[StoredObject], read: Read, project: Project
    ) -> tuple[PodAssignment, ...]:
        """Return these Pods in the order of names: the very same as before when nothing has changed.

        While the `marks` stay, nothing that Pods read has changed; `read` names what it is for one of them.
        """
        is_read = _are_same(self._marks, marks)
        if is_read and _are_same(self._stored, stored):
            return self._pods
        known, self._known = self._known, {}
        for one in sorted(stored, key=_name_of):
            uid = one.object.metadata.uid
            last = known.get(uid)
            is_same = last is not None and _is_told_alike(last[0], one)
            inputs = last[1] if last is not None and is_same and is_read else read(one)
            if last is not None and is_same and _are_same(last[1], inputs):
                self._known[uid] = one, inputs, last[2]
            else:
                self._known[uid] = one, inputs, project(one)
        self._marks, self._stored = marks, stored
        fresh = tuple(pod for _, _, pod in self._known.values())
        if not _are_same(self._pods, fresh):
            self._pods = fresh
        return self._pods


def _is_told_alike(old: StoredObject, new: StoredObject) -> bool:
    """Whether the node receives the same of both: as a rule only the status differs, and it needs the end alone."""
    if old is new:
        return True
    one, other = cast(Pod, old.object), cast(Pod, new.object)
    is_alike = one.metadata is other.metadata and one.spec is other.spec and one.status.phase == other.status.phase
    return is_alike and old.digest == new.digest and old.provenance == new.provenance


def _are_same(old: tuple[object, ...] | list[StoredObject], new: tuple[object, ...] | list[StoredObject]) -> bool:
    return len(old) == len(new) and all(map(is_, old, new))


def _name_of(stored: StoredObject) -> tuple[str, str]:
    return stored.ref.namespace, stored.ref.name
