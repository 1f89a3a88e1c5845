"""Events: what happened, kept as history."""

from typing import ClassVar, Literal

from msgspec import field

from reconciler.model.base import Value
from reconciler.model.kinds.meta import Object, ObjectReference


class EventSource(Value):
    """Who reported an event."""

    component: str = ""
    host: str = ""


class EventSeries(Value):
    """How often an event repeated and when last."""

    count: int = 0
    last_observed_time: str | None = None


class Event(Object):
    """Something that happened to an object."""

    kind: ClassVar[str] = "Event"
    api_version: str = field(default_factory=lambda: "v1")
    involved_object: ObjectReference = ObjectReference()
    type: Literal["Normal", "Warning"] = "Normal"
    reason: str = ""
    message: str = ""
    count: int = 1
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None
    series: EventSeries | None = None
    action: str = ""
    related: ObjectReference | None = None
    source: EventSource = EventSource()
    reporting_component: str = ""
    reporting_instance: str = ""
