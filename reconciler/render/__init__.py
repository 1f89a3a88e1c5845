"""Values as text, JSON documents, Markdown and tables. Pure: the time comes in as an argument."""

from reconciler.render.capacity import CapacityDocument, capacity_document, capacity_text
from reconciler.render.documents import DOCUMENT_VERSION, PlanDocument, ValidationReport
from reconciler.render.explain import explain_text
from reconciler.render.forecast_document import ForecastDocument, forecast_document
from reconciler.render.forecast_markdown import forecast_markdown
from reconciler.render.forecast_text import forecast_text
from reconciler.render.history import actions_table, events_table, history_table
from reconciler.render.plan_document import plan_document
from reconciler.render.plan_markdown import plan_markdown
from reconciler.render.plan_text import plan_text
from reconciler.render.problems import problems_github, problems_text, validation_report
from reconciler.render.status import status_document, status_text
from reconciler.render.tables import Table, server_table, table_text

__all__ = [
    "DOCUMENT_VERSION",
    "CapacityDocument",
    "ForecastDocument",
    "PlanDocument",
    "Table",
    "ValidationReport",
    "actions_table",
    "capacity_document",
    "capacity_text",
    "events_table",
    "explain_text",
    "forecast_document",
    "forecast_markdown",
    "forecast_text",
    "history_table",
    "plan_document",
    "plan_markdown",
    "plan_text",
    "problems_github",
    "problems_text",
    "server_table",
    "status_document",
    "status_text",
    "table_text",
    "validation_report",
]
