"""Reads YAML files as the Kubernetes tools do, with the place of everything and a limit on everything.

Pure. Documents come from libyaml's event stream where PyYAML has it, because it is twenty times faster than
ruamel.yaml's; a document that it refuses is judged by ruamel.yaml, whose words and places are better. A
test holds both to the same result. See docs/decisions/.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ruamel.yaml
import ruamel.yaml.error
import ruamel.yaml.events
import yaml
import yaml.events

from reconciler.model.problem import Problem, Severity
from reconciler.schema.builder import BuildError, Built, build
from reconciler.schema.positions import Mark, Positions, join_pointer

FILE_BYTES_MAX = 10 * 1024 * 1024
DOCUMENT_BYTES_MAX = 1024 * 1024

_SEPARATOR = re.compile(r"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
# The libraries quote parts of the text; more than one character may be part of a confidential value (P22).
_QUOTED = re.compile(r"'([^']*)'")
_CONTENT = re.compile(r"^[ \t]*[^\s#]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document (or one item of a List): its plain value, its place and the places of its parts."""

    file: str
    index: int
    value: dict[str, Any]
    positions: Positions

    @property
    def line(self) -> int:
        """The line on which the document starts, from 1."""
        return self.positions.start.line


def read_documents(file: str, content: bytes) -> tuple[tuple[Document, ...], tuple[Problem, ...]]:
    """Return all documents of a file and all problems in reading it; a broken document hides no other."""
    text, problem = _decode(file, content)
    if problem is not None:
        return (), (problem,)
    documents: list[Document] = []
    problems: list[Problem] = []
    for chunk, first_line in _chunks(text):
        if len(chunk) > DOCUMENT_BYTES_MAX // 4 and len(chunk.encode()) > DOCUMENT_BYTES_MAX:
            message = f"the document is larger than {DOCUMENT_BYTES_MAX // 1024} KiB"
            problems.append(_problem(file, Mark(first_line, 1), message, "too-large", "split it"))
            continue
        _read_chunk(file, chunk, first_line, documents, problems)
    return tuple(documents), tuple(problems)


def _decode(file: str, content: bytes) -> tuple[str, Problem | None]:
    if len(content) > FILE_BYTES_MAX:
        message = f"the file is larger than {FILE_BYTES_MAX // 1024 // 1024} MiB"
        return "", _problem(file, Mark(0, 0), message, "too-large", "split it into several files")
    try:
        return content.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode(errors="replace")) + 1
        return "", _problem(file, Mark(line, column), "the file is not valid UTF-8", "not-utf8", "save it as UTF-8")


def _chunks(text: str) -> Iterator[tuple[str, int]]:
    """Yield the text between document separators, with the line on which each begins.

    A separator at the start of a line ends a document whatever stands before it, so one document's errors
    cannot reach the next. Text that only holds directives (%YAML) belongs to the document after it.
    """
    starts = [found.start() for found in _SEPARATOR.finditer(text)]
    if not starts or _CONTENT.search(text[: starts[0]]):
        first = text[: starts[0]] if starts else text
        starts = starts[1:] if first.lstrip().startswith("%") else starts
        starts.insert(0, 0)
    line, previous = 1, 0
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        line += text.count("\n", previous, start)
        previous = start
        yield text[start:end], line


def _read_chunk(file: str, chunk: str, first_line: int, documents: list[Document], problems: list[Problem]) -> None:
    try:
        for built in _build(chunk, first_line):
            for message, mark in built.remarks:
                problems.append(_problem(file, mark, message, "boolean-key", "", Severity.WARNING))
            _add(file, built, documents, problems)
    except BuildError as error:
        place = error.event.start_mark
        mark = Mark(place.line + first_line, place.column + 1)
        problems.append(_problem(file, mark, str(error), error.code, error.hint))
    except yaml.YAMLError as error:
        problems.append(_syntax_problem(file, chunk, first_line, error))


def _build(chunk: str, first_line: int) -> Iterator[Built]:
    loader = yaml.CSafeLoader(chunk) if yaml.__with_libyaml__ else yaml.SafeLoader(chunk)
    try:
        yield from build(iter(loader.get_event, None), yaml.events, first_line)
    finally:
        loader.dispose()


def build_with_ruamel(chunk: str, first_line: int = 1) -> Iterator[Built]:
    """Build the documents of `chunk` from ruamel.yaml's event stream: the reference for the fast path."""
    stream = ruamel.yaml.YAML(typ="safe", pure=True).parse(chunk)
    return build(stream, ruamel.yaml.events, first_line)


def _add(file: str, built: Built, documents: list[Document], problems: list[Problem]) -> None:
    if built.value is None:
        return
    if not isinstance(built.value, dict):
        message = "a manifest is a mapping that begins with apiVersion and kind, not " + _shape(built.value)
        problems.append(_problem(file, built.start, message, "not-a-mapping"))
        return
    positions = Positions(built.start, built.marks or {})
    if _is_list(built.value):
        _add_items(file, built.value["items"], positions, documents, problems)
    else:
        documents.append(Document(file, len(documents), built.value, positions))


def _is_list(value: dict[str, Any]) -> bool:
    kind = value.get("kind")
    return isinstance(kind, str) and kind.endswith("List") and isinstance(value.get("items"), list)


def _add_items(
    file: str, items: list[Any], positions: Positions, documents: list[Document], problems: list[Problem]
) -> None:
    for number, item in enumerate(items):
        pointer = join_pointer("items", number)
        if isinstance(item, dict):
            documents.append(Document(file, len(documents), item, positions.below(pointer)))
        else:
            message = "an item of a List is a manifest, not " + _shape(item)
            problems.append(_problem(file, positions.value(pointer), message, "not-a-mapping"))


def _shape(value: Any) -> str:
    if value is None:
        return "null"
    return "a list" if isinstance(value, list) else "a single value"


def _syntax_problem(file: str, chunk: str, first_line: int, error: yaml.YAMLError) -> Problem:
    """Tell what ruamel.yaml says of a chunk that libyaml refused, or else libyaml's own words."""
    judged: Any = error
    try:
        for _ in ruamel.yaml.YAML(typ="safe", pure=True).parse(chunk):
            pass
    except ruamel.yaml.error.YAMLError as better:
        judged = better
    place = getattr(judged, "problem_mark", None) or getattr(judged, "context_mark", None)
    if place is None:
        found = chunk[: int(getattr(judged, "position", 0) or 0)]
        line, column = found.count("\n"), len(found.rpartition("\n")[2])
    else:
        line, column = place.line, place.column
    message, hint = _syntax_words(chunk, line, judged)
    return _problem(file, Mark(line + first_line, column + 1), message, "yaml-syntax", hint)


def _syntax_words(chunk: str, line: int, judged: Any) -> tuple[str, str]:
    lines = chunk.split("\n")
    text = lines[line] if line < len(lines) else ""
    if "\t" in text[: len(text) - len(text.lstrip())]:
        return "the YAML is broken: a tab cannot indent", "indent with spaces"
    words = [str(part) for part in (getattr(judged, "context", None), getattr(judged, "problem", None)) if part]
    said = ", ".join(words) or str(getattr(judged, "reason", "")) or "it cannot be read"
    said = _QUOTED.sub(_hide, said)
    return f"the YAML is broken: {said}", ""


def _hide(quoted: re.Match[str]) -> str:
    return quoted[0] if len(quoted[1]) <= 1 or quoted[1].startswith("<") else "what stands here"


def _problem(
    file: str, mark: Mark, message: str, code: str, hint: str = "", severity: Severity = Severity.ERROR
) -> Problem:
    return Problem(
        severity=severity,
        file=file,
        line=mark.line,
        column=mark.column,
        message=message,
        hint=hint,
        code=code,
    )
