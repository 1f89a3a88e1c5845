"""One form per meaning, and the digest that names it.

Pure, and fixed for ever: what two versions of the product write for the same value must be equal, else an
upgrade would replace running Pods. A field that equals its default, is null or is absent is left out; keys
are sorted; quantities are written in one form per value. An optional structure that was given empty stays
(`emptyDir: {}`), since giving it means something. New fields must therefore come with a default that means
what absence meant.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Set
from enum import Enum
from functools import cache
from typing import Any, get_args, get_origin

import msgspec

from reconciler.model.kinds.scalars import Quantity
from reconciler.model.quantity import QuantityError, canonical_quantity

_VERSION = "reconciler.dev/canonical/1"
_ABSENT = object()
_QUANTITY = frozenset(get_args(Quantity))
_SCALARS = (str, bool, int)
_PLAIN = frozenset(_SCALARS)
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)

_Encode = Callable[[Any], Any]


def canonical(value: Any) -> Any:
    """Return `value` as plain JSON types in its one form; see the module's words for what is left out."""
    if value is None or type(value) in _PLAIN:
        return value
    if isinstance(value, msgspec.Struct):
        return _struct(value)
    if isinstance(value, _SCALARS) and not isinstance(value, Enum):
        return value
    if isinstance(value, Mapping):
        return {str(key): canonical(value[key]) for key in sorted(value) if value[key] is not None}
    if isinstance(value, tuple | list):
        return [canonical(item) for item in value]
    return _other(value)


def digest(*parts: Any) -> str:
    """Return the SHA-256 (hex) of the canonical forms of `parts`: equal for ever for equal meanings."""
    text = _ENCODER.encode([_VERSION, *map(canonical, parts)])
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _other(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Set):
        return sorted((canonical(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    raise TypeError(f"no canonical form for {type(value).__name__}")


def _struct(value: msgspec.Struct) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for wire, attribute, default, default_form, encode in _fields(type(value)):
        current = getattr(value, attribute)
        if current is default or current is None:
            continue
        form = encode(current)
        if form != default_form or type(form) is not type(default_form):
            result[wire] = form
    return result


@cache
def _fields(type_: type[msgspec.Struct]) -> tuple[tuple[str, str, Any, Any, _Encode], ...]:
    """Return wire name, attribute, default, the default's form, and encoder of each field, by wire name."""
    rows = []
    for field in msgspec.structs.fields(type_):
        encode = _encoder(field.type)
        default = field.default if field.default is not msgspec.NODEFAULT else _ABSENT
        form = encode(default) if default is not _ABSENT and default is not None else _ABSENT
        if default is _ABSENT and field.default_factory is dict:
            form = {}
        rows.append((field.encode_name, field.name, default, form, encode))
    tag = type_.__struct_config__.tag
    if tag is not None:
        rows.append((str(type_.__struct_config__.tag_field), "__class__", _ABSENT, _ABSENT, lambda _: tag))
    return tuple(sorted(rows, key=lambda row: row[0]))


def _encoder(annotation: Any) -> _Encode:
    if _is_quantity(annotation):
        return _quantity
    if get_origin(annotation) in (Mapping, dict) or _is_mapping(annotation):
        _, item = get_args(annotation)
        return _quantity_map if _is_quantity(item) else canonical
    return canonical


def _is_mapping(annotation: Any) -> bool:
    origin = get_origin(annotation)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _is_quantity(annotation: Any) -> bool:
    return set(get_args(annotation)) >= _QUANTITY


def _quantity(value: Any) -> Any:
    try:
        return canonical_quantity(value)
    except QuantityError:
        return value


def _quantity_map(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _quantity(values[key]) for key in sorted(values)}
