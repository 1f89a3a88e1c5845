"""Objects as tables, the way Kubernetes answers `kubectl get`. Pure."""

from reconciler.server.tables.columns import Cell, Cells, Column, Form, Since, human_duration
from reconciler.server.tables.forms import FORMS, form_of
from reconciler.server.tables.rows import Row, columns_json, row_of, shown, table

__all__ = [
    "FORMS",
    "Cell",
    "Cells",
    "Column",
    "Form",
    "Row",
    "Since",
    "columns_json",
    "form_of",
    "human_duration",
    "row_of",
    "shown",
    "table",
]
