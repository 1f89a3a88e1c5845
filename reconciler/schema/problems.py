"""Turns faults into Problems: adds the file, the place, the object, and the field's name. Pure."""

import re
from functools import lru_cache
from typing import Any

from reconciler.model.kinds import KINDS, KindSpec
from reconciler.model.problem import Problem, Severity
from reconciler.model.refs import ObjectRef
from reconciler.schema.decode import DEFAULT_NAMESPACE
from reconciler.schema.known import Unknown
from reconciler.schema.positions import Mark, split_pointer
from reconciler.schema.reader import Document
from reconciler.schema.structure import Fault

# Faults whose words speak of a value; they are preceded by the field's name.
_OF_A_VALUE = frozenset(("wrong-type", "not-among", "out-of-bounds"))
_WORD = re.compile(r"[A-Za-z]+")


def fault_problem(document: Document, fault: Fault, severity: Severity, content: bytes = b"") -> Problem:
    """Return a fault as a Problem; `content` is the file's, for hints that repeat what was written."""
    mark = document.positions.key(fault.pointer) if fault.at_key else document.positions.value(fault.pointer)
    parts = split_pointer(fault.pointer)
    named = bool(parts) and not fault.at_key and fault.code in _OF_A_VALUE
    return Problem(
        severity=severity,
        file=document.file,
        line=mark.line,
        column=mark.column,
        object=_object_words(document),
        pointer=fault.pointer,
        message=f"{_field_name(parts)}: {fault.message}" if named else fault.message,
        hint=_quoting(document, fault.hint, mark, content),
        code=fault.code,
    )


def unknown_problem(document: Document, unknown: Unknown, unknown_kinds: Severity) -> Problem:
    """Return what is wrong with a manifest whose kind we do not carry."""
    pointer = f"/{unknown.field}" if unknown.field else ""
    fault = Fault(pointer, unknown.message, unknown.hint, unknown.code)
    return fault_problem(document, fault, unknown_kinds if unknown.may_be_skipped else Severity.ERROR)


def namespace_of(metadata: dict[str, Any], spec: KindSpec | None) -> str:
    """Return the namespace that metadata put an object into."""
    if spec is not None and not spec.namespaced:
        return ""
    namespace = metadata.get("namespace")
    return namespace if isinstance(namespace, str) and namespace else DEFAULT_NAMESPACE


def _object_words(document: Document) -> str:
    kind, metadata = document.value.get("kind"), document.value.get("metadata")
    if not isinstance(kind, str):
        return ""
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        return kind.lower()
    return str(ObjectRef(kind=kind, namespace=namespace_of(metadata, KINDS.get(kind)), name=metadata["name"]))


def _quoting(document: Document, hint: str, mark: Mark, content: bytes) -> str:
    """Add the word to quote, as it was written: `quote it: "no"`. Only plain words, and never of a Secret (P22)."""
    if hint != "quote it" or not content or document.value.get("kind") == "Secret":
        return hint
    word = _WORD.match(_lines(content)[mark.line - 1], mark.column - 1)
    return f'quote it: "{word[0]}"' if word is not None else hint


@lru_cache(maxsize=2)
def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8-sig", errors="replace").split("\n")


def _field_name(parts: list[str]) -> str:
    """Return the last field's name, with the index where it is a list's item."""
    if parts[-1].isdecimal() and len(parts) > 1:
        return f"{parts[-2]}[{parts[-1]}]"
    return parts[-1]
