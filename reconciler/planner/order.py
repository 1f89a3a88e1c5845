"""References kept in order while a few of them come and go. Pure."""

from bisect import bisect_left, insort
from collections.abc import Collection

from reconciler.model.refs import ObjectRef

# So many at most are put in their places one by one.
_FEW = 64


def reordered(refs: list[ObjectRef], gone: Collection[ObjectRef], new: Collection[ObjectRef]) -> list[ObjectRef]:
    """Return sorted references without those that are gone and with the new ones, still sorted."""
    if len(gone) + len(new) > _FEW:
        left = set(gone)
        return sorted([*(ref for ref in refs if ref not in left), *new])
    found = list(refs)
    for ref in gone:
        del found[bisect_left(found, ref)]
    for ref in new:
        insort(found, ref)
    return found
