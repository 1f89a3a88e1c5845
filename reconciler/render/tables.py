"""Rows and columns, and the tables that the API answers with. Pure."""

from collections.abc import Mapping
from typing import Any

from reconciler.model.base import Value
from reconciler.render.layout import columns, printable

Document = Mapping[str, Any]


class Table(Value):
    """Rows of text under named columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...] = ()


def table_text(table: Table) -> str:
    """Return the table as aligned text with a heading."""
    rows = [[" ".join(cell.split("\n")) for cell in row] for row in table.rows]
    return printable("".join(f"{line}\n" for line in columns([table.columns, *rows])))


def following_rows(table: Table, more: Table) -> str:
    """Return rows that come later, under the columns of a table that was shown already."""
    shown = [table.columns, *table.rows]
    widths = [max(len(row[index]) for row in shown) for index in range(len(table.columns))]
    blank = tuple(" " * width for width in widths)
    lines = columns([blank, *([" ".join(cell.split("\n")) for cell in row] for row in more.rows)])[1:]
    return printable("".join(f"{line}\n" for line in lines))


def server_table(answer: Document, *, wide: bool = False, with_namespace: bool = False, prefix: str = "") -> Table:
    """Return a Table of the API as it is shown: columns of higher priority in wide form only."""
    definitions = answer.get("columnDefinitions") or ()
    shown = [index for index, column in enumerate(definitions) if wide or not column.get("priority")]
    names = ("NAMESPACE",) * with_namespace + tuple(str(definitions[index]["name"]).upper() for index in shown)
    prefixed = {index for index, column in enumerate(definitions) if column.get("format") == "name"} if prefix else ()
    rows = []
    for row in answer.get("rows", ()):
        cells = tuple(f"{prefix * (index in prefixed)}{_text(row['cells'][index])}" for index in shown)
        namespace = (str(at(row, "object", "metadata", "namespace")),) if with_namespace else ()
        rows.append((*namespace, *cells))
    return Table(columns=names, rows=tuple(rows))


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return str(cell).lower()
    return "" if cell is None else str(cell)


def at(object: Any, *path: str, default: Any = "") -> Any:
    """Return what is at a path of keys in a document, or the default."""
    for key in path:
        if not isinstance(object, Mapping) or key not in object:
            return default
        object = object[key]
    return object
