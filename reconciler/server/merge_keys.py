"""Which lists of our kinds merge entry by entry, and by which key: the tables of merging, along our types. Pure."""

from functools import cache
from typing import Any, get_args

import msgspec

from reconciler.model import kinds as k
from reconciler.server.merging import merging_of
from reconciler.server.strategic import Field


class KindShape:
    """How the fields of one of our structures are patched."""

    def __init__(self, type_: type[msgspec.Struct] | None) -> None:
        self._type = type_

    def field(self, name: str) -> Field:
        """Return how a field is patched; nothing is known inside of maps and unknown fields."""
        inside = None if self._type is None else _inside(self._type).get(name)
        merging = merging_of(self._type.__name__ if self._type is not None else "", name)
        key = merging.keys[0] if merging.keys else ""
        return Field(KindShape(inside), merges=bool(key) or merging.is_set, key=key)


def shape_of(kind: str) -> KindShape:
    """Return how objects of a kind are patched."""
    return KindShape(k.KINDS[kind].type)


@cache
def _inside(type_: type[msgspec.Struct]) -> dict[str, type[msgspec.Struct] | None]:
    """Return the structure inside of each field that has one, by its name on the wire."""
    return {field.encode_name: _structure(field.type) for field in msgspec.structs.fields(type_)}


def _structure(annotation: Any) -> type[msgspec.Struct] | None:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation
    if getattr(annotation, "__origin__", None) is not None and "Mapping" in str(annotation.__origin__):
        return None
    return next((found for part in get_args(annotation) if (found := _structure(part)) is not None), None)
