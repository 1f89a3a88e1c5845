"""Tables as JSON. A row is encoded once; only its ages are filled in each time it is sent. Pure.

table("Pod", [object, ...], now) -> the Table as a document
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from reconciler.model.base import to_builtins
from reconciler.model.kinds import Object
from reconciler.server.tables.columns import Cells, Form, RowCondition, Since, human_duration
from reconciler.server.tables.forms import form_of

META_V1 = "meta.k8s.io/v1"
_encode = msgspec.json.encode


class Row(NamedTuple):
    """A row: JSON texts, and between each two of them an age."""

    texts: tuple[bytes, ...]
    ages: tuple[Since, ...] = ()

    def pieces(self, now: float) -> list[bytes]:
        """Return the row at a moment, in pieces."""
        told = [self.texts[0]]
        for age, following in zip(self.ages, self.texts[1:], strict=True):
            told += (_age(int(now - age.at)) if age.is_plain else _quoted(age.text(now)), following)
        return told


def row_of(object: Any, beside: bytes) -> Row:
    """Return an object's row with its object, as JSON, beside it."""
    form = form_of(object.kind)
    texts: list[bytes] = []
    ages: list[Since] = []
    text = b'{"cells":['
    for index, cell in enumerate(form.cells(object)):
        text += b"," if index else b""
        if isinstance(cell, Since):
            ages.append(cell)
            texts.append(text)
            text = b""
        else:
            text += _encode(cell)
    conditions = form.conditions(object)
    marked = b',"conditions":' + _encode(conditions) if conditions else b""
    return Row((*texts, b"".join((text, b"]", marked, b',"object":', beside, b"}"))), tuple(ages))


@lru_cache(maxsize=256)
def columns_json(kind: str) -> bytes:
    """Return the column definitions of a kind."""
    return _encode([_column(column) for column in form_of(kind).columns])


def table(kind: str, objects: Sequence[Any], now: float, metadata: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return objects (or, for kinds that are only computed, documents) of one kind as a Table document."""
    form = form_of(kind)
    return {
        "kind": "Table",
        "apiVersion": META_V1,
        "metadata": metadata or {},
        "columnDefinitions": [_column(column) for column in form.columns],
        "rows": [_row_document(form, one, now) for one in objects],
    }


def shown(cells: Cells, now: float) -> list[Any]:
    """Return cells as they are at a moment."""
    return [cell.text(now) if isinstance(cell, Since) else cell for cell in cells]


def _row_document(form: Form, one: Any, now: float) -> dict[str, Any]:
    metadata = to_builtins(one.metadata) if isinstance(one, Object) else one.get("metadata", {})
    partial = {"kind": "PartialObjectMetadata", "apiVersion": META_V1, "metadata": metadata}
    conditions: Iterable[RowCondition] = form.conditions(one)
    marked = {"conditions": to_builtins(conditions)} if conditions else {}
    return {"cells": shown(form.cells(one), now), **marked, "object": partial}


def _column(column: Any) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description,
        "priority": column.priority,
    }


@lru_cache(maxsize=65536)
def _age(seconds: int) -> bytes:
    return _encode(human_duration(seconds))


@lru_cache(maxsize=8192)
def _quoted(text: str) -> bytes:
    return _encode(text)
