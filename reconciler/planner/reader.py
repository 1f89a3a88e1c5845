"""What steps ask of a view: objects, by many ways, and which of them have to be looked at. Pure.

Every answer is noted as read for the object that is being looked at, see `planner.attention`.
"""

from bisect import insort
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar, cast

from reconciler.model.kinds import LabelSelector, Object
from reconciler.model.labels import exact_labels, matches, requirements_of
from reconciler.model.observed import ObservedState, StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.planner import attention as keys
from reconciler.planner.attention import Attention
from reconciler.planner.picture import Picture

T = TypeVar("T", bound=Object)


class Reader:
    """The reading half of a view."""

    def __init__(self, observed: ObservedState, picture: Picture, attention: Attention) -> None:
        self.observed = observed
        self.objects = picture.objects
        self._picture = picture
        self._attention = attention

    def get(self, ref: ObjectRef) -> StoredObject | None:
        """Return an object as it will be, or None."""
        self._attention.read(ref)
        return self.objects.get(ref)

    def latest(self, stored: StoredObject) -> StoredObject:
        """Return an object as it is by now; as it was given when it is gone."""
        return self.get(stored.ref) or stored

    def uid_of(self, ref: ObjectRef) -> str | None:
        """Return the uid of an object; None when there is none of that name. Asks for less than the object."""
        self._attention.read(keys.presence(ref))
        stored = self.objects.get(ref)
        return None if stored is None else stored.object.metadata.uid

    def typed(self, type_: type[T], namespace: str, name: str) -> T | None:
        """Return an object by its Python type."""
        stored = self.get(ObjectRef(kind=type_.kind, namespace=namespace, name=name))
        return cast(T, stored.object) if stored is not None else None

    def of_kind(self, kind: str) -> Sequence[StoredObject]:
        """Return all objects of a kind in the order of their names."""
        if self._attention.visited is not None:
            self._attention.read(keys.kind_of(kind))
        return self._picture.in_order(kind)

    def finished_pods(self) -> list[StoredObject]:
        """Return the Pods that have ended, in the order of their names."""
        found = self._picture.finished.get("Pod", {})
        return [found[ref] for ref in sorted(found)]

    def owned_by(self, uid: str, kind: str) -> list[StoredObject]:
        """Return the objects of `kind` whose controller has `uid`, in the order of their names."""
        self._attention.read(keys.children(uid))
        owned = self._picture.by_owner.get(uid)
        return [owned[ref] for ref in sorted(owned) if ref.kind == kind] if owned else []

    def children(self, uid: str) -> list[StoredObject]:
        """Return everything whose controller has `uid`, in the order of its names."""
        self._attention.read(keys.children(uid))
        owned = self._picture.by_owner.get(uid, {})
        return [owned[ref] for ref in sorted(owned)]

    def bare_pods(self, namespace: str) -> list[StoredObject]:
        """Return the Pods of a namespace that have no controller, in the order of their names."""
        self._attention.read(keys.bare(namespace))
        found = self._picture.bare_pods.get(namespace, {})
        return [found[ref] for ref in sorted(found)]

    def unmanaged(self, kind: str) -> list[StoredObject]:
        """Return what there is of a kind that nobody manages. Who takes some in reads `is_offered` besides."""
        found = self._picture.unmanaged[kind]
        return [found[ref] for ref in sorted(found)]

    def watch_unmanaged(self, kind: str, namespace: str) -> None:
        """Note that the object that is looked at may take in others."""
        self._attention.read(keys.unmanaged(kind, namespace))

    def labelled(self, namespace: str, labels: Mapping[str, str]) -> list[StoredObject]:
        """Return the Pods with all these labels, in the order of their names; none without a label."""
        by_label = self._picture.by_label
        sought = [(namespace, key, value) for key, value in labels.items()]
        if not sought:
            return []
        rarest = min(sought, key=lambda label: len(by_label.get(label, ())))
        self._attention.read(rarest)
        fewest = by_label.get(rarest, {})
        return [fewest[ref] for ref in sorted(fewest) if labels.items() <= fewest[ref].object.metadata.labels.items()]

    def on_node(self, node: str) -> list[StoredObject]:
        """Return the Pods that are placed on a node, in the order of their names."""
        found = self._picture.by_node.get(node, {})
        return [found[ref] for ref in sorted(found)]

    def mounting(self, namespace: str, claim: str) -> list[StoredObject]:
        """Return the Pods that mount a claim, in the order of their names. It is not noted as read."""
        found = self._picture.by_claim.get((namespace, claim))
        return [found[ref] for ref in sorted(found)] if found else []

    def was_observed(self, ref: ObjectRef) -> StoredObject | None:
        """Return an object as it was observed when this pass began."""
        self._attention.read(ref)
        return self.observed.objects.get(ref)

    # Looking only at what may differ, see `planner.attention`

    def selected(self, namespace: str, selector: LabelSelector | None) -> list[StoredObject]:
        """Return the Pods that a selector chooses, in the order of their names; an absent one chooses none."""
        if selector is None:
            return []
        exact = exact_labels(requirements_of(selector))
        if exact:
            found = self.labelled(namespace, exact)
        else:
            found = [one for one in self.of_kind("Pod") if one.ref.namespace == namespace]
        return [one for one in found if matches(selector, one.object.metadata.labels)]

    def due(self, kind: str) -> Iterator[StoredObject]:
        """Go through the objects of a kind that have to be looked at, in the order of their names.

        They are those of the moment when it begins. One that is woken on the way and comes later has its turn.
        """
        attention, present = self._attention, self._picture.by_kind.get(kind)
        attention.next_phase()
        awake = attention.awake.get(kind)
        if not present or not awake:
            return
        turns = [(ref, present[ref]) for ref in attention.in_order(kind) if ref in present]
        woken = len(attention.woken)
        number = 0
        while number < len(turns):
            ref, stored = turns[number]
            number += 1
            attention.visited = ref
            yield stored
            attention.visited = None
            if len(attention.woken) == woken:
                continue
            for other in attention.woken[woken:]:
                slept = self.observed.objects.get(other)
                if other.kind == kind and other > ref and slept is not None:
                    attention.forget_phase(other)
                    insort(turns, (other, slept), lo=number, key=_ref_of_turn)
            woken = len(attention.woken)

    def each(self, refs: Iterable[ObjectRef]) -> Iterator[ObjectRef]:
        """Go through these references, noting what is read for each."""
        attention = self._attention
        attention.next_phase()
        for ref in refs:
            attention.visited = ref
            yield ref
            attention.visited = None

    def due_of(self, kinds: Iterable[str]) -> Iterator[StoredObject]:
        """Go through the objects of several kinds that have to be looked at, kind after kind; see `due`."""
        attention = self._attention
        for kind in kinds:
            if attention.awake.get(kind):
                yield from self.due(kind)
            else:
                attention.next_phase()

    def awake_of(self, kind: str) -> Collection[ObjectRef]:
        """Return what of a kind has to be looked at, in no order."""
        return self._attention.awake.get(kind, ())

    def awake(self) -> Iterator[ObjectRef]:
        """Return what has to be looked at, of every kind and in no order."""
        return self._attention.all_awake()

    def wake(self, ref: ObjectRef) -> None:
        """Have an object looked at, by the steps that come."""
        self._attention.wake(ref)

    def come_to(self, ref: ObjectRef) -> None:
        """Have an object looked at that slept, by this step and those that come."""
        self._attention.wake(ref)
        self._attention.forget_phase(ref)

    def wake_all(self) -> None:
        """Have everything looked at."""
        self._attention.wake_all()

    def keep_awake(self, ref: ObjectRef | None = None) -> None:
        """Have an object, or the one that is looked at, looked at in the next pass too."""
        self._attention.keep_awake(ref)


def _ref_of_turn(turn: tuple[ObjectRef, StoredObject]) -> ObjectRef:
    return turn[0]
