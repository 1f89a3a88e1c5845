"""What an Event has to say, and what of it may change. Pure.

The rules are Kubernetes' ValidateEventCreate and ValidateEventUpdate: strict for events.k8s.io/v1, those of old for the
core group, which only bind what has an eventTime.
"""

import re
from collections.abc import Iterator

from reconciler.model.kinds import Event
from reconciler.model.kinds.scalars import LABEL_KEY_PATTERN
from reconciler.planner.updates.fault import INVALID, REQUIRED, Fault, fixed
from reconciler.planner.updates.metadata import metadata_faults

EVENTS_V1 = "events.k8s.io/v1"
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED = re.compile(LABEL_KEY_PATTERN)
_WORD_MAX = 128
_MESSAGE_MAX = 1024
_NEVER = ("involved_object", "reason", "message", "event_time", "action", "related", "reporting_component")
_NEVER_EITHER = ("reporting_instance", "type", "source", "first_timestamp", "last_timestamp", "count")
_WIRE = {
    "involved_object": "regarding",
    "message": "note",
    "event_time": "eventTime",
    "reporting_component": "reportingController",
    "reporting_instance": "reportingInstance",
    "source": "deprecatedSource",
    "first_timestamp": "deprecatedFirstTimestamp",
    "last_timestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
}


def event_faults(event: Event, api_version: str) -> Iterator[Fault]:
    """Yield why an Event cannot be made through a version of the API."""
    yield from _general_faults(event)
    if api_version != EVENTS_V1:
        return
    if not _SUBDOMAIN.fullmatch(event.metadata.name):
        yield Fault("metadata.name", "must be a name in lower case", INVALID)
    if event.event_time is None:
        yield Fault("eventTime", "is missing", REQUIRED)
    yield from _series_faults(event)
    for name, empty in (("first_timestamp", None), ("last_timestamp", None), ("count", 0)):
        if getattr(event, name) != empty:
            yield Fault(_WIRE[name], "is of old: it must be empty")
    if event.source.component or event.source.host:
        yield Fault("deprecatedSource", "is of old: it must be empty")


def event_update_faults(old: Event, new: Event, api_version: str) -> Iterator[Fault]:
    """Yield why an Event cannot become another: through events.k8s.io only its series may change."""
    yield from _general_faults(new)
    if api_version != EVENTS_V1:
        return
    yield from metadata_faults(old.metadata, new.metadata)
    if old.series != new.series:
        yield from _series_faults(new)
    for name in (*_NEVER, *_NEVER_EITHER):
        yield from fixed(_WIRE.get(name, name), getattr(old, name), getattr(new, name))


def _general_faults(event: Event) -> Iterator[Fault]:
    about, namespace = event.involved_object.namespace, event.metadata.namespace
    if not about and namespace not in ("default", "kube-system" if event.event_time else "default", ""):
        yield Fault("involvedObject.namespace", "is missing: what is of no namespace is told in default")
    elif about and about != namespace and event.event_time is None:
        yield Fault("involvedObject.namespace", "must be the namespace of the Event")
    if event.event_time is not None:
        yield from _reporter_faults(event)
    if not _SUBDOMAIN.fullmatch(namespace):
        yield Fault("metadata.namespace", "must be a name in lower case")


def _reporter_faults(event: Event) -> Iterator[Fault]:
    controller = event.reporting_component
    if not controller:
        yield Fault("reportingController", "is missing", REQUIRED)
    elif not _QUALIFIED.search(controller):
        yield Fault("reportingController", "must be a name such as example.com/controller")
    for field, text in (
        ("reportingInstance", event.reporting_instance),
        ("action", event.action),
        ("reason", event.reason),
    ):
        if not text:
            yield Fault(field, "is missing", REQUIRED)
        elif len(text) > _WORD_MAX:
            yield Fault(field, f"can have at most {_WORD_MAX} characters")
    if len(event.message) > _MESSAGE_MAX:
        yield Fault("message", f"can have at most {_MESSAGE_MAX} characters")


def _series_faults(event: Event) -> Iterator[Fault]:
    series = event.series
    if series is None:
        return
    if series.count < 2:
        yield Fault("series.count", "must be at least 2")
    if not series.last_observed_time:
        yield Fault("series.lastObservedTime", "is missing", REQUIRED)
