"""Builds plain values and their positions from a stream of YAML events.

Pure. Works on the events of ruamel.yaml and of libyaml alike. Nulls in mappings are left out, as Kubernetes does.
No message shows a value: it may be confidential (P22).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from reconciler.schema.positions import Mark, Marks
from reconciler.schema.scalars import Scalar, plain_scalar

DEPTH_MAX = 100
EXPANDED_MAX = 100_000

_PREFIX = "tag:yaml.org,2002:"
_CORE_TAGS = frozenset(_PREFIX + name for name in ("str", "int", "float", "bool", "null", "map", "seq"))
_TAGGED: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "null": (type(None),),
}
_MERGE = "<<"


class BuildError(Exception):
    """The events make no acceptable document; carries the event at fault and a stable code."""

    def __init__(self, message: str, event: Any, code: str, hint: str = "") -> None:
        super().__init__(message)
        self.event = event
        self.code = code
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Built:
    """One document's value, where it starts, and the marks of its parts (None for a scalar)."""

    value: Any
    start: Mark
    marks: Marks | None
    remarks: tuple[tuple[str, Mark], ...]


def build(events: Iterable[Any], types: ModuleType, first_line: int = 1) -> Iterator[Built]:
    """Yield one `Built` per document of the event stream, which begins on `first_line` of its file.

    `types` is the library's module of event classes.

    Raises `BuildError`, and whatever the event stream raises for broken YAML.
    """
    stream = iter(events)
    for event in stream:
        if isinstance(event, types.DocumentStartEvent):
            yield _Builder(stream, types, first_line).document()


class _Builder:
    """Builds one document; mutable, private to `build`."""

    def __init__(self, stream: Iterator[Any], types: ModuleType, first_line: int) -> None:
        self._line = first_line
        self._next: Callable[[], Any] = stream.__next__
        self._scalar = types.ScalarEvent
        self._mapping = types.MappingStartEvent
        self._mapping_end = types.MappingEndEvent
        self._sequence = types.SequenceStartEvent
        self._sequence_end = types.SequenceEndEvent
        self._anchors: dict[str, tuple[Any, Marks | None, int]] = {}
        self._open: set[str] = set()
        self._expanded = 0
        self._nodes = 0
        self._remarks: list[tuple[str, Mark]] = []

    def document(self) -> Built:
        event = self._next()
        value, marks = self._node(event, 0)
        return Built(value, self._mark(event), marks, tuple(self._remarks))

    def _mark(self, event: Any) -> Mark:
        return Mark(event.start_mark.line + self._line, event.start_mark.column + 1)

    def _node(self, event: Any, depth: int) -> tuple[Any, Marks | None]:
        kind = type(event)
        self._nodes += 1
        if kind is self._scalar:
            value: Any = self._scalar_value(event)
            if event.anchor is not None:
                self._anchors[event.anchor] = (value, None, 1)
            return value, None
        if kind is not self._mapping and kind is not self._sequence:
            return self._alias(event)
        if depth >= DEPTH_MAX:
            raise BuildError(f"nested deeper than {DEPTH_MAX} levels", event, "too-deep")
        return self._container(event, kind is self._mapping, depth)

    def _container(self, event: Any, is_mapping: bool, depth: int) -> tuple[Any, Marks]:
        _refuse_tag(event)
        before, anchor = self._nodes, event.anchor
        if anchor is not None:
            self._open.add(anchor)
        value, marks = self._map(depth + 1) if is_mapping else self._list(depth + 1)
        if anchor is not None:
            self._open.discard(anchor)
            self._anchors[anchor] = (value, marks, self._nodes - before + 1)
        return value, marks

    def _alias(self, event: Any) -> tuple[Any, Marks | None]:
        name = event.anchor
        if name in self._open:
            raise BuildError("an alias stands inside what it refers to", event, "alias")
        if name not in self._anchors:
            raise BuildError(
                "an alias refers to no anchor before it", event, "alias", "quote a value that begins with *"
            )
        value, marks, size = self._anchors[name]
        self._expanded += size
        self._nodes += size - 1
        if self._expanded > EXPANDED_MAX:
            raise BuildError(f"aliases expand to more than {EXPANDED_MAX} values", event, "alias-expansion")
        return value, marks

    def _list(self, depth: int) -> tuple[list[Any], Marks]:
        values: list[Any] = []
        marks: Marks = {}
        end, take, first = self._sequence_end, self._next, self._line
        while type(event := take()) is not end:
            value, below = self._node(event, depth)
            mark = event.start_mark
            line, column = mark.line + first, mark.column + 1
            marks[len(values)] = (line, column, line, column, below)
            values.append(value)
        return values, marks

    def _map(self, depth: int) -> tuple[dict[str, Any], Marks]:
        values: dict[str, Any] = {}
        marks: Marks = {}
        merges: list[tuple[Any, Any, Marks | None]] = []
        end, take, first = self._mapping_end, self._next, self._line
        while type(event := take()) is not end:
            key = self._key(event)
            value_event = take()
            value, below = self._node(value_event, depth)
            if key == _MERGE and event.implicit[0]:
                merges.append((value_event, value, below))
                continue
            if key in marks:
                raise BuildError(
                    f"the key {key!r} stands twice in the same mapping, first at line {marks[key][0]}",
                    event,
                    "duplicate-key",
                    "remove one of the two",
                )
            at, value_at = event.start_mark, value_event.start_mark
            marks[key] = (at.line + first, at.column + 1, value_at.line + first, value_at.column + 1, below)
            if value is not None:
                values[key] = value
        for merge in reversed(merges):
            _merge(values, marks, *merge)
        return values, marks

    def _key(self, event: Any) -> str:
        kind = type(event)
        if kind is self._scalar:
            self._nodes += 1
            if event.implicit[0]:
                value = plain_scalar(event.value)
                if type(value) is str:
                    if event.anchor is not None:
                        self._anchors[event.anchor] = (value, None, 1)
                    return value
            else:
                value = self._scalar_value(event)
        elif kind is self._mapping or kind is self._sequence:
            raise BuildError("a key must be a text, not a list or mapping", event, "bad-key")
        else:
            value, _ = self._alias(event)
        return self._key_text(event, value)

    def _key_text(self, event: Any, value: Any) -> str:
        if isinstance(value, str):
            return value
        if value is None or isinstance(value, list | dict):
            raise BuildError("a key must be a text, not null, a list or a mapping", event, "bad-key")
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if isinstance(value, bool) and text != event.value:
            message = f"the key {event.value} reads as {text}; quote it to keep it as it stands"
            self._remarks.append((message, self._mark(event)))
        return text

    def _scalar_value(self, event: Any) -> Scalar:
        if event.implicit[0]:
            value = plain_scalar(event.value)
        elif event.implicit[1] or event.tag is None:
            return str(event.value)
        else:
            value = _tagged(event)
        if isinstance(value, float) and (value != value or abs(value) == float("inf")):
            raise BuildError(f"{event.value} is no number in JSON", event, "bad-number", "quote it")
        return value


def _tagged(event: Any) -> Scalar:
    _refuse_tag(event)
    name = str(event.tag).removeprefix(_PREFIX)
    if name in ("str", "!"):
        return str(event.value)
    value = plain_scalar(event.value)
    if type(value) not in _TAGGED.get(name, ()):
        raise BuildError(f"the value cannot be read as !!{name}", event, "bad-tag")
    return float(value) if name == "float" and isinstance(value, int) else value


def _refuse_tag(event: Any) -> None:
    tag = event.tag
    if tag is not None and str(tag) not in _CORE_TAGS and str(tag) != "!":
        hint = "remove the tag, or quote a value that begins with !"
        raise BuildError("YAML tags are not supported", event, "bad-tag", hint)


def _merge(values: dict[str, Any], marks: Marks, event: Any, merged: Any, merged_marks: Marks | None) -> None:
    """Put the keys of `<<: *other` (one mapping or a list of them) below those that stand here."""
    if isinstance(merged, dict):
        sources = [(merged, merged_marks or {})]
    elif isinstance(merged, list) and all(isinstance(item, dict) for item in merged):
        sources = [(item, (merged_marks or {})[index][4] or {}) for index, item in enumerate(merged)]
    else:
        raise BuildError("<< takes a mapping or a list of mappings", event, "bad-merge")
    for source, source_marks in sources:
        for key, value in source.items():
            if key not in marks:
                values[key] = value
                marks[key] = source_marks[key]
