"""Finds the type that a JSON pointer leads to, so that a fault can be named by type and field. Pure."""

from collections.abc import Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import msgspec


@cache
def wire_fields(type_: type[msgspec.Struct]) -> Mapping[str, msgspec.structs.FieldInfo]:
    """Return a type's fields by their name on the wire."""
    return {field.encode_name: field for field in msgspec.structs.fields(type_)}


def plain_type(annotation: Any) -> Any:
    """Return an annotation without constraints and without `None`."""
    if hasattr(annotation, "__metadata__"):
        return plain_type(annotation.__origin__)
    if get_origin(annotation) in (Union, UnionType):
        members = [member for member in get_args(annotation) if member is not NoneType]
        return plain_type(members[0]) if len(members) == 1 else annotation
    return annotation


def step(annotation: Any, part: str | int) -> Any:
    """Return the annotation one step further: a field, a list item or a map entry; None where there is none."""
    plain = plain_type(annotation)
    if is_struct(plain):
        field = wire_fields(plain).get(str(part))
        return None if field is None else field.type
    arguments = get_args(plain)
    if get_origin(plain) is tuple:
        return arguments[0]
    return arguments[1] if is_map(plain) else None


def type_at(root: type, path: Sequence[str | int]) -> Any:
    """Return the annotation at a path of field names and indexes below `root`, or None."""
    current: Any = root
    for part in path:
        current = step(current, part) if current is not None else None
    return None if current is None else plain_type(current)


def is_struct(annotation: Any) -> bool:
    """Whether an annotation is one of our structures."""
    return isinstance(annotation, type) and issubclass(annotation, msgspec.Struct)


def is_map(annotation: Any) -> bool:
    """Whether an annotation is a mapping."""
    origin = get_origin(annotation)
    return isinstance(origin, type) and issubclass(origin, Mapping)
