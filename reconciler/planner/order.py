"""Values kept in the order of their references while a few of them come, change and go. Pure but for its own memory."""

from bisect import bisect_left
from collections.abc import Collection, Mapping
from typing import Generic, TypeVar

from reconciler.model.refs import ObjectRef

T = TypeVar("T")
# So many at most are put in their places one by one.
_FEW = 64


class InOrder(Generic[T]):
    """Values by reference."""

    def __init__(self) -> None:
        self._refs: list[ObjectRef] = []
        self._values: list[T] = []

    def values(self) -> tuple[T, ...]:
        """Return the values in the order of their references."""
        return tuple(self._values)

    def change(self, fresh: Mapping[ObjectRef, T], gone: Collection[ObjectRef] = ()) -> None:
        """Take over what is new or has changed, and leave out what is gone."""
        if len(fresh) + len(gone) > _FEW:
            self._change_many(fresh, gone)
            return
        for ref in gone:
            at, is_there = self._place_of(ref)
            if is_there:
                del self._refs[at], self._values[at]
        for ref, value in fresh.items():
            at, is_there = self._place_of(ref)
            if is_there:
                self._values[at] = value
            else:
                self._refs.insert(at, ref)
                self._values.insert(at, value)

    def _place_of(self, ref: ObjectRef) -> tuple[int, bool]:
        at = bisect_left(self._refs, ref)
        return at, at < len(self._refs) and self._refs[at] == ref

    def _change_many(self, fresh: Mapping[ObjectRef, T], gone: Collection[ObjectRef]) -> None:
        known = dict(zip(self._refs, self._values, strict=True))
        for ref in gone:
            known.pop(ref, None)
        known.update(fresh)
        self._refs = sorted(known)
        self._values = [known[ref] for ref in self._refs]
