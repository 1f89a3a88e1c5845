"""The objects of a view with their indexes, kept from pass to pass: only what differs is indexed anew. Pure.

What a pass writes into it is taken back when the next one begins.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, cast, runtime_checkable

from reconciler.model.kinds import Pod
from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.planner.references import claims_of

SYSTEM = "api"

Objects = Mapping[ObjectRef, StoredObject]
Index = dict[ObjectRef, StoredObject]
Label = tuple[str, str, str]
Difference = tuple[ObjectRef, StoredObject | None, StoredObject | None]


@runtime_checkable
class Comparable(Protocol):
    """Objects that know without a look at each where they differ from others."""

    def differing(self, other: Objects) -> Iterable[ObjectRef]:
        """Return the references under which not the very same object is found in both."""
        ...


class Picture:
    """Objects by reference, by kind, by owner, by label, by node and by claim."""

    def __init__(self) -> None:
        self.objects: dict[ObjectRef, StoredObject] = {}
        self.by_kind: dict[str, Index] = defaultdict(dict)
        self.by_owner: dict[str, Index] = defaultdict(dict)
        self.bare_pods: dict[str, Index] = defaultdict(dict)
        # Pods by namespace and each of their labels.
        self.by_label: dict[Label, Index] = defaultdict(dict)
        # Pods by the node that they are placed on, and by each claim that they mount, with its namespace.
        self.by_node: dict[str, Index] = defaultdict(dict)
        self.by_claim: dict[tuple[str, str], Index] = defaultdict(dict)
        # What has ended for good, by kind: Pods.
        self.finished: dict[str, Index] = defaultdict(dict)
        # What nobody manages, by kind.
        self.unmanaged: dict[str, Index] = defaultdict(dict)
        # Another one of each kind, and for the Pods of each node, whenever something of it changes.
        self.marks: dict[str, object] = defaultdict(object)
        self.node_marks: dict[str, object] = defaultdict(object)
        self._in_order: dict[str, tuple[object, list[StoredObject]]] = {}
        self._base: Objects = {}
        self._written: set[ObjectRef] = set()

    def begin(self, base: Objects) -> list[Difference]:
        """Show what is observed now; return what was otherwise, in observation or by what the last pass wrote."""
        refs = self._written.union(differing_in(self._base, base))
        self._base, self._written = base, set()
        found: list[Difference] = []
        for ref in refs:
            old, new = self.objects.get(ref), base.get(ref)
            self._set(ref, old, new)
            found.append((ref, old, new))
        return found

    def in_order(self, kind: str) -> Sequence[StoredObject]:
        """Return all objects of a kind in the order of their names."""
        mark = self.marks[kind]
        known = self._in_order.get(kind)
        if known is None or known[0] is not mark:
            found = self.by_kind[kind]
            known = self._in_order[kind] = (mark, [found[ref] for ref in sorted(found)])
        return known[1]

    def write(self, ref: ObjectRef, new: StoredObject | None) -> StoredObject | None:
        """Show another object under a name until the pass ends, or none; return what was there."""
        old = self.objects.get(ref)
        self._written.add(ref)
        self._set(ref, old, new)
        return old

    def _set(self, ref: ObjectRef, old: StoredObject | None, new: StoredObject | None) -> None:
        if old is new:
            return
        self.marks[ref.kind] = object()
        if ref.kind == "Pod":
            self._mark_nodes(old, new)
        if old is not None and (new is None or not _stand_alike(old, new)):
            for table, key in self._places(ref, old):
                index = table.get(key, {})
                index.pop(ref, None)
                if not index:
                    # Labels and owners come and go for as long as a daemon runs.
                    table.pop(key, None)
        if new is None:
            self.objects.pop(ref, None)
            return
        self.objects[ref] = new
        for table, key in self._places(ref, new):
            table[key][ref] = new

    def _mark_nodes(self, *pods: StoredObject | None) -> None:
        for stored in pods:
            if stored is not None:
                self.node_marks[cast(Pod, stored.object).spec.node_name] = object()

    def _places(self, ref: ObjectRef, stored: StoredObject) -> Iterator[tuple[dict[Any, Index], Hashable]]:
        yield self.by_kind, ref.kind
        is_bare = True
        for owner in stored.object.metadata.owner_references:
            if owner.controller:
                is_bare = False
                yield self.by_owner, owner.uid
        if ref.kind == "Pod":
            pod = cast(Pod, stored.object)
            if is_bare:
                yield self.bare_pods, ref.namespace
            if pod.spec.node_name:
                yield self.by_node, pod.spec.node_name
            if pod.status.phase in ("Succeeded", "Failed"):
                yield self.finished, ref.kind
            for label in labels_of(ref, stored):
                yield self.by_label, label
            for claim in claims_of(pod.spec) if pod.spec.volumes else ():
                yield self.by_claim, (ref.namespace, claim)
        if is_unmanaged(stored):
            yield self.unmanaged, ref.kind


def _stand_alike(old: StoredObject, new: StoredObject) -> bool:
    """Whether both stand in the same places, see `_places`: as a rule only the status differs."""
    if old.manager != new.manager or old.object.metadata is not new.object.metadata:
        return False
    if old.ref.kind != "Pod":
        return True
    one, other = cast(Pod, old.object), cast(Pod, new.object)
    return one.spec is other.spec and one.status.phase == other.status.phase


def labels_of(ref: ObjectRef, stored: StoredObject) -> Iterator[Label]:
    """Return the labels of an object with its namespace."""
    for key, value in stored.object.metadata.labels.items():
        yield ref.namespace, key, value


def is_unmanaged(stored: StoredObject) -> bool:
    """Whether nobody manages an object, and it is to stay."""
    metadata = stored.object.metadata
    return (
        stored.manager == SYSTEM
        and metadata.deletion_timestamp is None
        and not any(owner.controller for owner in metadata.owner_references)
    )


def differing_in(old: Objects, new: Objects) -> Iterable[ObjectRef]:
    """Return the references under which not the very same object is found in both."""
    if old is new:
        return ()
    if type(old) is type(new) and not isinstance(new, dict) and isinstance(new, Comparable):
        return new.differing(old)
    changed = [ref for ref, stored in new.items() if old.get(ref) is not stored]
    return [*changed, *(ref for ref in old if ref not in new)]
