"""Tables as JSON. A row is encoded once; only its ages are filled in each time it is sent. Pure.

table("Pod", [object, ...], now) -> the Table as a document
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from reconciler.model.base import to_builtins
from reconciler.model.kinds import Object
from reconciler.server.tables.columns import Cells, Form, RowCondition, Since
from reconciler.server.tables.forms import form_of

META_V1 = "meta.k8s.io/v1"
_encode = msgspec.json.encode
_OBJECT = b',"object":'


class Row(NamedTuple):
    """A row without its object: JSON texts, and between each two of them an age."""

    texts: tuple[bytes, ...]
    ages: tuple[Since, ...]

    def json(self, now: float) -> bytes:
        """Return the row up to its object, at a moment."""
        if not self.ages:
            return self.texts[0]
        pieces = [self.texts[0]]
        for age, following in zip(self.ages, self.texts[1:], strict=True):
            pieces += (_quoted(age.text(now)), following)
        return b"".join(pieces)


def row_of(object: Any, kind: str = "") -> Row:
    """Return an object's row; documents have to say their kind."""
    form = form_of(kind or object.kind)
    cells, conditions = form.cells(object), form.conditions(object)
    texts, ages = [b'{"cells":['], []
    for index, cell in enumerate(cells):
        if index:
            texts[-1] += b","
        if isinstance(cell, Since):
            ages.append(cell)
            texts.append(b"")
        else:
            texts[-1] += _encode(cell)
    texts[-1] += b"]" + (b',"conditions":' + _encode(conditions) if conditions else b"") + _OBJECT
    return Row(tuple(texts), tuple(ages))


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


@lru_cache(maxsize=8192)
def _quoted(text: str) -> bytes:
    return _encode(text)
