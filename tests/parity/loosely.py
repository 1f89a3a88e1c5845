"""Builds objects of ours from what upstream's table tests say, with their field names and without any check."""

import typing
from collections.abc import Mapping
from typing import Any

import msgspec

_ALIASES = {"objectmeta": "metadata", "lastterminationstate": "laststate", "reportingcontroller": "reportingcomponent"}


class NoSuchField(Exception):
    """The row sets something that our kind does not have."""


def loosely(type_: Any, given: Any) -> Any:
    """Return a value of a type from a row's JSON; what is required and not given is empty."""
    struct, wraps = _inner(type_)
    if given is None or struct is None:
        return tuple(given) if wraps is tuple and isinstance(given, list) else given
    if wraps is tuple:
        return tuple(_struct(struct, one) for one in given)
    if wraps is dict:
        return {key: _struct(struct, one) for key, one in given.items()}
    return _struct(struct, given)


def _struct(type_: type[msgspec.Struct], given: dict[str, Any]) -> Any:
    hints = typing.get_type_hints(type_)
    fields = {field.name.replace("_", "").lower(): field for field in msgspec.structs.fields(type_)}
    values = {
        field.name: _empty(hints[field.name])
        for field in fields.values()
        if field.default is msgspec.NODEFAULT and field.default_factory is msgspec.NODEFAULT
    }
    for name, value in given.items():
        plain = name.replace("_", "").lower()
        field = fields.get(_ALIASES.get(plain, plain))
        if field is None:
            raise NoSuchField(f"{type_.__name__}.{name}")
        values[field.name] = loosely(hints[field.name], value)
    return type_(**values)


def _empty(type_: Any) -> Any:
    struct, wraps = _inner(type_)
    if wraps is not None:
        return wraps()
    if struct is not None:
        return _struct(struct, {})
    return 0 if type_ is int else ""


def _inner(type_: Any) -> tuple[type[msgspec.Struct] | None, type | None]:
    """Return the struct inside a type, and whether a tuple or a mapping of it is meant."""
    origin, arguments = typing.get_origin(type_), typing.get_args(type_)
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return type_, None
    if origin is typing.Annotated:
        return _inner(arguments[0])
    if origin is tuple:
        return _inner(arguments[0])[0], tuple
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _inner(arguments[1])[0], dict
    inside = [found for found in map(_inner, arguments) if found != (None, None)]
    return inside[0] if inside and origin is not typing.Literal else (None, None)
