"""What an Event has to say, and what may change of it: each rule at both of its sides."""

from typing import Any

import pytest

from reconciler.model.kinds import Event, ObjectMeta, decode_object
from reconciler.planner.updates.event import EVENTS_V1, event_faults, event_update_faults
from tests.planner.world import replace

NOW = "2027-01-15T08:00:00.000000Z"
ONCE = {"count": 1, "lastObservedTime": NOW}
TWICE = {"count": 2, "lastObservedTime": NOW}


def event(series: dict[str, Any] | None = None, **fields: Any) -> Event:
    """Return an Event about a Pod as events.k8s.io takes it; fields have our names."""
    found = decode_object(
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "e", "namespace": "default", "uid": "e"},
            "involvedObject": {"kind": "Pod", "namespace": "default", "name": "p"},
            "eventTime": NOW,
            "reportingComponent": "example.com/c",
            "reportingInstance": "c-0",
            "action": "Runs",
            "reason": "Started",
            "message": "m",
            **({} if series is None else {"series": series}),
        }
    )
    assert isinstance(found, Event)
    return replace(found, count=0, **fields)


@pytest.mark.parametrize(
    ("one", "fields"),
    [
        (event(), []),
        (event(TWICE), []),
        (event(ONCE), ["series.count"]),
        (event({"count": 2, "lastObservedTime": ""}), ["series.lastObservedTime"]),
        (event(reason="r" * 128, action="a" * 128, reporting_instance="i" * 128), []),
        (event(reason="r" * 129), ["reason"]),
        (event(action="a" * 129), ["action"]),
        (event(reporting_instance="i" * 129), ["reportingInstance"]),
        (event(reason=""), ["reason"]),
        (event(message="m" * 1024), []),
        (event(message="m" * 1025), ["message"]),
        (event(event_time=None), ["eventTime"]),
        (event(reporting_component=""), ["reportingController"]),
        (event(reporting_component="a b"), ["reportingController"]),
        (event(metadata=ObjectMeta(name="E", namespace="default")), ["metadata.name"]),
        (event(first_timestamp=NOW), ["deprecatedFirstTimestamp"]),
    ],
)
def test_an_event_of_the_newer_api_says_who_did_what(one: Event, fields: list[str]) -> None:
    """Each word has its length; what is of old is empty."""
    assert [fault.field for fault in event_faults(one, EVENTS_V1)] == fields


def test_an_event_of_the_older_api_need_not_say_as_much() -> None:
    """Without an eventTime; with one it has to say who reports."""
    old = {"reporting_component": "", "reporting_instance": "", "action": ""}
    assert list(event_faults(event(event_time=None, **old), "v1")) == []
    found = [fault.field for fault in event_faults(event(**old), "v1")]
    assert found == ["reportingController", "reportingInstance", "action"]
    assert list(event_faults(event(ONCE), "v1")) == []


@pytest.mark.parametrize(
    ("before", "after", "fields"),
    [
        (event(), event(), []),
        (event(), event(TWICE), []),
        (event(), event(ONCE), ["series.count"]),
        (event(ONCE), event(ONCE), []),
        (event(), event(reason="Other"), ["reason"]),
        (event(), event(message="other"), ["note"]),
        (event(), event(reporting_instance="c-1"), ["reportingInstance"]),
    ],
)
def test_only_the_series_of_an_event_changes(before: Event, after: Event, fields: list[str]) -> None:
    """By the newer API; a series that stays is not judged again, and by the older one anything changes."""
    assert [fault.field for fault in event_update_faults(before, after, EVENTS_V1)] == fields
    assert list(event_update_faults(before, after, "v1")) == []


@pytest.mark.parametrize(
    ("about", "namespace", "time", "fields"),
    [
        ("default", "default", None, []),
        ("", "default", None, []),
        ("", "kube-system", None, ["involvedObject.namespace"]),
        ("", "kube-system", NOW, []),
        ("", "shop", NOW, ["involvedObject.namespace"]),
        ("shop", "shop", None, []),
        ("shop", "default", None, ["involvedObject.namespace"]),
        ("shop", "default", NOW, []),
        ("Shop", "Shop", None, ["metadata.namespace"]),
    ],
)
def test_an_event_lies_where_its_object_does(about: str, namespace: str, time: str | None, fields: list[str]) -> None:
    """What is of no namespace is told in `default`."""
    one = event(event_time=time, metadata=ObjectMeta(name="e", namespace=namespace))
    one = replace(one, involved_object=replace(one.involved_object, namespace=about))
    assert [fault.field for fault in event_faults(one, "v1")] == fields


@pytest.mark.parametrize("source", [{"component": "c"}, {"host": "h"}])
def test_the_source_of_old_is_empty(source: dict[str, str]) -> None:
    """Either half of it."""
    one = event()
    found = [fault.field for fault in event_faults(replace(one, source=replace(one.source, **source)), EVENTS_V1)]
    assert found == ["deprecatedSource"]
