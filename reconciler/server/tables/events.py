"""Events in tables. Pure."""

from reconciler.model.kinds import Event
from reconciler.server.tables.columns import Cell, Cells, Column, Form, since, text


def _event(one: Event) -> Cells:
    about = one.involved_object
    kind = about.kind.lower()
    component = one.source.component or one.reporting_component
    where = one.source.host or one.reporting_instance
    first: Cell = since(one.first_timestamp or one.event_time)
    last: Cell = since(one.last_timestamp) if one.last_timestamp else first
    count = one.count or 1
    if one.series is not None:
        last, count = since(one.series.last_observed_time), one.series.count
    return (
        last,
        one.type,
        one.reason,
        f"{kind}/{about.name}" if about.name else kind,
        about.field_path,
        f"{component}, {where}" if where else component,
        one.message.strip(),
        first,
        count,
        one.metadata.name,
    )


EVENT = Form(
    (
        text("Last Seen", "How long ago it happened last."),
        text("Type", "Whether it is normal or a warning."),
        text("Reason", "What happened, in one word."),
        text("Object", "What it happened to."),
        text("Subobject", "Which part of the object.", wide=True),
        text("Source", "Who says so.", wide=True),
        text("Message", "What happened, in a sentence."),
        text("First Seen", "How long ago it happened first.", wide=True),
        text("Count", "How often it happened.", wide=True),
        Column(name="Name", format="name", priority=1, description="The event's own name."),
    ),
    _event,
)
