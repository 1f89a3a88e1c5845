"""Which Events are refused is what upstream refuses."""

from typing import Any

from reconciler.model.kinds import Event, decode_object
from reconciler.planner.updates.event import EVENTS_V1, event_faults, event_update_faults
from tests.parity.rows import NotTranslated, compare
from tests.parity.test_parity_validation import manifest

Case = dict[str, Any]


def event(given: Case) -> Event | None:
    """Return the Event of a row; None where its type is none that there is."""
    document = manifest(given)
    if "reportingController" in document:
        document["reportingComponent"] = document.pop("reportingController")
    document = {"count": 0, **document, "apiVersion": "v1", "kind": "Event"}
    if document.get("type") not in (None, "Normal", "Warning"):
        return None
    found = decode_object(document)
    if not isinstance(found, Event):
        raise NotTranslated
    return found


def made(api_version: str) -> Any:
    """Return a judge of rows with an Event that is made."""

    def judged(case: Case) -> bool:
        found = event(case["Event"])
        return (found is not None and not tuple(event_faults(found, api_version))) == bool(case.get("valid"))

    return judged


def changed(case: Case) -> bool:
    """Judge a row with an Event that becomes another."""
    old, new = event(case["oldEvent"]), event(case["newEvent"])
    assert old is not None
    assert new is not None
    return (not tuple(event_update_faults(old, new, EVENTS_V1))) == bool(case.get("valid"))


def at_another_time(case: Case) -> bool:
    """Judge a row with the times of an Event, before and after."""
    rest = {
        "ObjectMeta": {"name": "test", "namespace": "kube-system"},
        "InvolvedObject": {"APIVersion": "v1", "Kind": "Node"},
        "Reason": "Because",
        "Action": "Do",
        "ReportingController": "k8s.io/my-controller",
        "ReportingInstance": "node-xyz",
        "Type": "Normal",
    }
    row = {"oldEvent": {**rest, "EventTime": case["Old"]}, "newEvent": {**rest, "EventTime": case["New"]}}
    return changed({**row, "valid": case.get("Valid")})


def test_events_are_judged_as_upstream_judges_them() -> None:
    """Made through either group, and changed."""
    judges = {
        "TestValidateEventForCoreV1Events": made("v1"),
        "TestValidateEventForNewV1beta1Events": made("v1"),
        "TestValidateEventCreateForNewV1Events": made(EVENTS_V1),
        "TestValidateEventUpdateForNewV1Events": changed,
        "TestEventV1EventTimeImmutability": at_another_time,
    }
    compare("pkg_apis_core_validation", judges)
