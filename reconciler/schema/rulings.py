"""Warns of fields that are accepted and have no effect (P30). Pure."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import msgspec

from reconciler.model.kinds import KindSpec
from reconciler.schema.fields import DROPPED, HARMLESS, STATUS_NOTE, WARNED_VALUE
from reconciler.schema.positions import join_pointer
from reconciler.schema.structure import Fault
from reconciler.schema.types import is_map, is_struct, plain_type, step


def harmless_fields(spec: KindSpec, document: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield every field of a valid document that will be ignored, with the reason."""
    yield from _walk(spec.type, document, ())
    if document.get("status"):
        yield Fault("/status", f"status has no effect: {STATUS_NOTE}", code="harmless", at_key=True)
    if not spec.namespaced and document["metadata"].get("namespace"):
        message = f"namespace has no effect: {spec.kind} objects belong to no namespace"
        yield Fault("/metadata/namespace", message, code="harmless", at_key=True)


@cache
def _plan(type_: type[msgspec.Struct]) -> tuple[Mapping[str, str], Mapping[str, Any]]:
    """Return the notes of a type's harmless fields, and the fields worth walking into."""
    name = type_.__name__
    notes = {
        key.rpartition(".")[2]: note
        for key, note in (*HARMLESS.items(), *DROPPED.items())
        if key.partition(".")[0] == name
    }
    deeper = {}
    for field in msgspec.structs.fields(type_):
        if field.encode_name != "status" and _leads_on(field.type):
            deeper[field.encode_name] = field.type
    return notes, deeper


@cache
def _leads_on(annotation: Any) -> bool:
    plain = plain_type(annotation)
    if is_struct(plain):
        return any(_plan(plain))
    return not is_map(plain) and getattr(plain, "__origin__", None) is tuple and _leads_on(plain.__args__[0])


def _walk(annotation: Any, value: Any, path: tuple[str | int, ...]) -> Iterator[Fault]:
    plain = plain_type(annotation)
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _walk(step(plain, number), item, (*path, number))
        return
    if not is_struct(plain) or not isinstance(value, dict):
        return
    notes, deeper = _plan(plain)
    for field in value:
        if field in notes and _differs(plain, field, value[field]):
            message = f"{field} has no effect: {notes[field]}"
            yield Fault(join_pointer(*path, field), message, code="harmless", at_key=True)
        if field in deeper:
            yield from _walk(deeper[field], value[field], (*path, field))


def _differs(type_: type[msgspec.Struct], wire: str, value: Any) -> bool:
    """Whether a value says anything that its absence would not say."""
    key = f"{type_.__name__}.{wire}"
    if key in WARNED_VALUE:
        return bool(value == WARNED_VALUE[key])
    for field in msgspec.structs.fields(type_):
        if field.encode_name == wire:
            default = field.default
            return bool(value != (list(default) if isinstance(default, tuple) else default))
    return True
