"""Which object belongs to which, as a drawing in Graphviz's language DOT. Pure.

As Kubernetes' garbage collector draws it: arrows lead from what is owned to its owners. An owner that is gone is drawn
from what refers to it; objects that own nothing and belong to nobody are left out.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from reconciler.model.base import Value
from reconciler.model.kinds import Object

Edge = tuple[str, str]


class Owned(Value):
    """One object of the drawing, by its uid."""

    uid: str
    kind: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def label(self) -> str:
        """What stands in its box."""
        place = "/".join(part for part in (self.kind.lower(), self.namespace, self.name) if part)
        return "\n".join(part for part in (place, f"uid={self.uid}") if part)


class Ownership(Value):
    """Objects, and who belongs to whom."""

    objects: tuple[Owned, ...] = ()
    edges: tuple[Edge, ...] = ()


def ownership_of(objects: Iterable[Object], uids: Sequence[str] = ()) -> Ownership:
    """Return what belongs to what; with `uids` only what hangs together with these objects, where they exist."""
    here = {one.metadata.uid: one for one in objects}
    boxes: dict[str, Owned] = {}
    edges: set[Edge] = set()
    for uid, object in here.items():
        for owner in object.metadata.owner_references:
            edges.add((uid, owner.uid))
            boxes.setdefault(owner.uid, Owned(uid=owner.uid, kind=owner.kind, name=owner.name))
    for uid, object in here.items():
        if uid in boxes or object.metadata.owner_references:
            metadata = object.metadata
            boxes[uid] = Owned(uid=uid, kind=object.kind, namespace=metadata.namespace, name=metadata.name)
    shown = _connected(edges, [uid for uid in uids if uid in here]) if uids else frozenset(boxes)
    return Ownership(
        objects=tuple(boxes[uid] for uid in sorted(boxes) if uid in shown),
        edges=tuple(sorted(edge for edge in edges if edge[0] in shown)),
    )


def _connected(edges: Iterable[Edge], start: Iterable[str]) -> frozenset[str]:
    near: defaultdict[str, list[str]] = defaultdict(list)
    for low, high in edges:
        near[low].append(high)
        near[high].append(low)
    found, waiting = set[str](), [uid for uid in start if uid in near]
    while waiting:
        uid = waiting.pop()
        if uid not in found:
            found.add(uid)
            waiting += near[uid]
    return frozenset(found)


def dot(ownership: Ownership) -> str:
    """Return the drawing."""
    numbers: Mapping[str, int] = {one.uid: number for number, one in enumerate(ownership.objects)}
    boxes = [f"  n{numbers[one.uid]} [label={_quoted(one.label)}];" for one in ownership.objects]
    arrows = [f"  n{numbers[low]} -> n{numbers[high]};" for low, high in ownership.edges]
    return "\n".join(("digraph ownership {", "  node [shape=box];", *boxes, *arrows, "}", ""))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
