"""The objects in memory: a read-only mapping that costs nothing to keep while others go on changing. Pure.

Copy-on-write by kind and namespace: a change copies two small dictionaries, and every mapping handed out before stays
as it was.
"""

from collections.abc import ItemsView, Iterable, Iterator, Mapping, ValuesView
from typing import TypeVar, overload

from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef

T = TypeVar("T")
_Names = dict[str, StoredObject]
_Kinds = dict[str, dict[str, _Names]]
# What led to some objects: the mark of those before, and what was changed of them.
_Step = tuple[object, frozenset[ObjectRef]]
# So many steps are remembered; who was away for longer compares.
_STEPS_MAX = 16


class Objects(Mapping[ObjectRef, StoredObject]):
    """Every object of one moment, by reference, by kind and by namespace. Never changes."""

    __slots__ = ("_kinds", "_length", "_mark", "_steps")

    def __init__(self, stored: Iterable[StoredObject] = ()) -> None:
        self._mark = object()
        self._steps: tuple[_Step, ...] = ()
        self._kinds: _Kinds = {}
        self._length = 0
        for one in stored:
            self._kinds.setdefault(one.ref.kind, {}).setdefault(one.ref.namespace, {})[one.ref.name] = one
            self._length += 1

    def by_kind(self, kind: str) -> Iterator[StoredObject]:
        """Go through the objects of a kind."""
        for names in self._kinds.get(kind, {}).values():
            yield from names.values()

    def by_namespace(self, kind: str, namespace: str) -> Iterator[StoredObject]:
        """Go through the objects of a kind in one namespace."""
        yield from self._kinds.get(kind, {}).get(namespace, {}).values()

    def spaces(self, kind: str) -> Mapping[str, Mapping[str, StoredObject]]:
        """Return the objects of a kind by namespace and name."""
        return self._kinds.get(kind, {})

    def find(self, kind: str, namespace: str, name: str) -> StoredObject | None:
        """Return one object without building a reference to it."""
        spaces = self._kinds.get(kind)
        names = None if spaces is None else spaces.get(namespace)
        return None if names is None else names.get(name)

    def changed(self, states: Iterable[tuple[ObjectRef, StoredObject | None]]) -> "Objects":
        """Return the objects with these new states; None takes one away."""
        kinds = dict(self._kinds)
        fresh: dict[tuple[str, str], _Names] = {}
        length = self._length
        refs = []
        for ref, stored in states:
            refs.append(ref)
            names = fresh.get((ref.kind, ref.namespace))
            if names is None:
                names = fresh[ref.kind, ref.namespace] = dict(kinds.get(ref.kind, {}).get(ref.namespace, {}))
            length -= ref.name in names
            if stored is None:
                names.pop(ref.name, None)
            else:
                names[ref.name] = stored
                length += 1
        for kind, namespace in fresh:
            spaces = dict(kinds.get(kind, {}))
            spaces[namespace] = fresh[kind, namespace]
            if not spaces[namespace]:
                del spaces[namespace]
            kinds[kind] = spaces
        objects = Objects()
        objects._kinds, objects._length = kinds, length
        objects._steps = (*self._steps[1 - _STEPS_MAX :], (self._mark, frozenset(refs)))
        return objects

    def differing(self, other: Mapping[ObjectRef, StoredObject]) -> Iterator[ObjectRef]:
        """Return where these objects are not the very same as the others; what both share is not looked at."""
        others = other if isinstance(other, Objects) else Objects(other.values())
        known = self._changed_since(others)
        if known is not None:
            yield from (ref for ref in sorted(known) if self.get(ref) is not others.get(ref))
            return
        for kind in sorted({*self._kinds, *others._kinds}):
            mine, theirs = self.spaces(kind), others.spaces(kind)
            for space in sorted({*mine, *theirs}) if mine is not theirs else ():
                yield from _differing(kind, space, mine.get(space, {}), theirs.get(space, {}))

    def _changed_since(self, others: "Objects") -> set[ObjectRef] | None:
        """Return what the steps from the others to these have changed; None when they are not known."""
        if others._mark is self._mark:
            return set()
        for number, (mark, _) in enumerate(self._steps):
            if mark is others._mark:
                return {ref for _, refs in self._steps[number:] for ref in refs}
        return None

    def __getitem__(self, ref: ObjectRef) -> StoredObject:
        found = self.find(ref.kind, ref.namespace, ref.name)
        if found is None:
            raise KeyError(ref)
        return found

    @overload
    def get(self, key: ObjectRef, /) -> StoredObject | None: ...

    @overload
    def get(self, key: ObjectRef, /, default: StoredObject | T) -> StoredObject | T: ...

    def get(self, key: ObjectRef, /, default: T | None = None) -> StoredObject | T | None:
        """Return an object, or what stands for none."""
        found = self.find(key.kind, key.namespace, key.name)
        return default if found is None else found

    def __contains__(self, ref: object) -> bool:
        return isinstance(ref, ObjectRef) and self.find(ref.kind, ref.namespace, ref.name) is not None

    def __iter__(self) -> Iterator[ObjectRef]:
        return (stored.ref for stored in self._all())

    def __len__(self) -> int:
        return self._length

    def __repr__(self) -> str:
        return f"Objects({self._length})"

    def values(self) -> ValuesView[StoredObject]:
        """Return the objects; without a look-up for each."""
        return _Values(self)

    def items(self) -> ItemsView[ObjectRef, StoredObject]:
        """Return references and objects; without a look-up for each."""
        return _Items(self)

    def _all(self) -> Iterator[StoredObject]:
        for spaces in self._kinds.values():
            for names in spaces.values():
                yield from names.values()


def _differing(
    kind: str, namespace: str, mine: Mapping[str, StoredObject], theirs: Mapping[str, StoredObject]
) -> Iterator[ObjectRef]:
    if mine is theirs:
        return
    for name, stored in mine.items():
        if theirs.get(name) is not stored:
            yield stored.ref
    for name in theirs:
        if name not in mine:
            yield ObjectRef(kind=kind, namespace=namespace, name=name)


class _Values(ValuesView[StoredObject]):
    _mapping: Objects

    def __iter__(self) -> Iterator[StoredObject]:
        return self._mapping._all()


class _Items(ItemsView[ObjectRef, StoredObject]):
    _mapping: Objects

    def __iter__(self) -> Iterator[tuple[ObjectRef, StoredObject]]:
        return ((stored.ref, stored) for stored in self._mapping._all())
