"""How much room nodes have for volumes that are to be made: what CSIStorageCapacity is in Kubernetes. Pure.

A node's agent tells the room of the directories in which classes make volumes; the Node object carries it as an
annotation, so that whoever waits for room is looked at again when that changes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import msgspec

from reconciler.model.kinds import LabelSelector, Node, StorageClass
from reconciler.model.labels import matches
from reconciler.model.storage import RoomFact
from reconciler.planner.storage.classes import PATH_PARAMETER, is_local_class

# Bytes by directory; that of the built-in class is called `default`.
STORAGE_FREE = "reconciler.dev/storage-free"
_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Capacity:
    """The room that volumes of a class have on the nodes that are chosen; None: nobody knows it, so there is none."""

    class_name: str
    nodes: LabelSelector
    free: Fraction | None = None
    largest: Fraction | None = None


def has_enough(capacities: Iterable[Capacity], class_name: str, node: Node, size: Fraction) -> Capacity | None:
    """Return the capacity that holds a volume of this size on a node (upstream's hasEnoughCapacity), or None."""
    return next((one for one in capacities if _holds(one, class_name, node, size)), None)


def _holds(one: Capacity, class_name: str, node: Node, size: Fraction) -> bool:
    limit = one.free if one.largest is None else one.largest
    is_here = one.class_name == class_name and matches(one.nodes, node.metadata.labels)
    return is_here and limit is not None and limit >= size


def capacities_of(class_: StorageClass, node: Node) -> tuple[Capacity, ...] | None:
    """Return the room for volumes of a class on a node; None where it is not kept there, or the agent tells none.

    An agent that tells of others and not of this one has not looked yet: the class is new. There is none until it has.
    """
    told = _told(node)
    if not is_local_class(class_) or not told:
        return None
    directory = class_.parameters.get(PATH_PARAMETER, "").rstrip("/") or _DEFAULT
    if directory not in told:
        return ()
    return (Capacity(class_.metadata.name, LabelSelector(), Fraction(told[directory])),)


def noted_room(annotations: Mapping[str, str], rooms: Iterable[RoomFact], volumes_dir: str) -> Mapping[str, str]:
    """Return a node's annotations with the room that its agent tells; an agent that tells nothing changes nothing."""
    told = {_DEFAULT if one.path == volumes_dir else one.path: one.free for one in rooms}
    if not told:
        return annotations
    return {**annotations, STORAGE_FREE: msgspec.json.encode(told, order="sorted").decode()}


def _told(node: Node) -> Mapping[str, int]:
    text = node.metadata.annotations.get(STORAGE_FREE, "")
    return msgspec.json.decode(text, type=dict[str, int]) if text else {}
