"""Where every part of a document stands in its file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias


class Mark(NamedTuple):
    """Line and column, both from 1."""

    line: int
    column: int


# A container's marks: per key or index the place of the key, the place of the value, and the value's own
# marks.
Marks: TypeAlias = dict[str | int, tuple[int, int, int, int, Any]]


@dataclass(frozen=True, slots=True)
class Positions:
    """Answers JSON pointers (RFC 6901) with places; one that leads nowhere gets its parent's."""

    start: Mark
    marks: Mapping[str | int, Any]

    def value(self, pointer: str) -> Mark:
        """Return where the value at `pointer` begins."""
        return self._find(pointer, 2)

    def key(self, pointer: str) -> Mark:
        """Return where the key of the last part of `pointer` begins (for list items, the item)."""
        return self._find(pointer, 0)

    def below(self, pointer: str) -> "Positions":
        """Return the positions of the value at `pointer`, as if it were a document of its own."""
        marks: Any = self.marks
        for part in split_pointer(pointer):
            marks = _entry(marks, part)[4] or {}
        return Positions(self.value(pointer), marks)

    def _find(self, pointer: str, offset: int) -> Mark:
        place, marks, parts = self.start, self.marks, split_pointer(pointer)
        for number, part in enumerate(parts):
            entry = _entry(marks, part)
            if entry is None:
                return place
            at = offset if number == len(parts) - 1 else 2
            place = Mark(entry[at], entry[at + 1])
            marks = entry[4] or {}
        return place


def split_pointer(pointer: str) -> list[str]:
    """Return the unescaped parts of a JSON pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def join_pointer(*parts: str | int) -> str:
    """Return a JSON pointer from its parts."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _entry(marks: Mapping[str | int, Any], part: str) -> Any:
    entry = marks.get(part)
    return marks.get(int(part)) if entry is None and part.isdecimal() else entry
