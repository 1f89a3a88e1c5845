"""Sets of completion indexes in the notation of Kubernetes: `0-2,5`. Pure."""

from collections.abc import Iterable


def as_ranges(indexes: Iterable[int]) -> str:
    """Return `0-2,5` for 0, 1, 2, 5."""
    parts: list[list[int]] = []
    for index in sorted(indexes):
        if parts and parts[-1][1] == index - 1:
            parts[-1][1] = index
        else:
            parts.append([index, index])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def from_ranges(text: str) -> frozenset[int]:
    """Return the indexes that `text` names."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)
