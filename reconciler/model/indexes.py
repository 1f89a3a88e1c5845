"""Sets of completion indexes in the notation of Kubernetes: `0-2,5`. Pure."""

import re
from collections.abc import Iterable

_INDEX = re.compile(r"[0-9]{1,10}")


def as_ranges(indexes: Iterable[int]) -> str:
    """Return `0-2,5` for 0, 1, 2, 5."""
    parts: list[list[int]] = []
    for index in sorted(indexes):
        if parts and parts[-1][1] == index - 1:
            parts[-1][1] = index
        else:
            parts.append([index, index])
    return ",".join(_part(first, last) for first, last in parts)


def _part(first: int, last: int) -> str:
    """Two indexes in a row are listed; from three on they are a range."""
    if last - first > 1:
        return f"{first}-{last}"
    return str(first) if first == last else f"{first},{last}"


def from_ranges(text: str, below: int | None = None) -> frozenset[int]:
    """Return the indexes that `text` names, only those less than `below` where it is given."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        end = int(last or first) + 1
        found.update(range(int(first), end if below is None else min(end, below)))
    return frozenset(found)


def fault_of(text: str, completions: int) -> str:
    """Return what is wrong with indexes that a person wrote, or an empty text: they rise, below `completions`."""
    previous = -1
    for part in text.split(","):
        bounds = part.split("-")
        if len(bounds) > 2 or not all(map(_INDEX.fullmatch, bounds)):
            return f"{part or 'nothing'} is neither an index nor two with a hyphen"
        for bound in map(int, bounds):
            if bound <= previous:
                return f"{bound} after {previous}: indexes must rise"
            if bound >= completions:
                return f"{bound} is too large: there are {completions} completions"
            previous = bound
    return ""


def shared_index(one: str, other: str, completions: int) -> int | None:
    """Return the lowest index that both texts name, None where they share none; parts that are no indexes are left out.

    Kubernetes reads the indexes of a Job's status so: a part that was spoilt does not hide the others.
    """
    found = _readable(one, completions) & _readable(other, completions)
    return min(found, default=None)


def _readable(text: str, completions: int) -> frozenset[int]:
    parts = (part for part in text.split(",") if part and not fault_of(part, completions))
    return from_ranges(",".join(parts), completions)
