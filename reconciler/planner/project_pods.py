"""The Pods of a node as it receives them, kept from pass to pass: only what has changed is projected anew. Pure."""

from collections.abc import Callable
from operator import is_

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
            if last is not None and last[0] is one and is_read:
                self._known[uid] = last
                continue
            inputs = read(one)
            is_same = last is not None and last[0] is one and _are_same(last[1], inputs)
            self._known[uid] = last if last is not None and is_same else (one, inputs, project(one))
        self._marks, self._stored = marks, stored
        self._pods = tuple(pod for _, _, pod in self._known.values())
        return self._pods


def _are_same(old: tuple[object, ...] | list[StoredObject], new: tuple[object, ...] | list[StoredObject]) -> bool:
    return len(old) == len(new) and all(map(is_, old, new))


def _name_of(stored: StoredObject) -> tuple[str, str]:
    return stored.ref.namespace, stored.ref.name
