"""Events in both groups: what is in the store is read in either, and other controllers make and count up their own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from api_double import Api
from web import Answer, ask

from reconciler.model.kinds import Event, ref_of
from reconciler.model.observed import StoredObject

CORE = "/api/v1/namespaces/shop/events"
NEW = "/apis/events.k8s.io/v1/namespaces/shop/events"
MERGE = "application/merge-patch+json"
ABOUT = {"kind": "Pod", "namespace": "shop", "name": "web"}


def told(**fields: Any) -> dict[str, Any]:
    """An Event as a controller writes it today."""
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "web.1"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "example.com/loader",
        "reportingInstance": "loader-1",
        "action": "Load",
        "reason": "Loaded",
        "regarding": ABOUT,
        "note": "it is loaded",
        "type": "Normal",
        **fields,
    }


@pytest.fixture(autouse=True)
def _kept(api: Api) -> None:
    def keep(event: Event) -> StoredObject | None:
        api.objects.put(event, manager="events")
        return api.objects.get(ref_of(event))

    api.operations.on_event = keep


def post(api: Api, path: str, document: Any) -> Answer:
    """Make an Event."""
    return ask(api.path, "POST", path, json.dumps(document).encode(), Content_Type="application/json")


def test_an_event_is_made_and_read_in_both_groups(api: Api) -> None:
    """Its fields have the names of the group in which it is read."""
    made = post(api, NEW, told())
    assert made.code == 201, made.document
    assert made.document["apiVersion"] == "events.k8s.io/v1"
    new = ask(api.path, "GET", f"{NEW}/web.1").document
    assert (new["regarding"]["name"], new["note"]) == ("web", "it is loaded")
    assert new["reportingController"] == "example.com/loader"
    core = ask(api.path, "GET", f"{CORE}/web.1").document
    assert (core["involvedObject"]["name"], core["message"]) == ("web", "it is loaded")
    assert core["reportingComponent"] == "example.com/loader"
    listed = ask(api.path, "GET", f"{NEW}?fieldSelector=regarding.name%3Dweb").document
    assert (listed["kind"], listed["apiVersion"]) == ("EventList", "events.k8s.io/v1")
    assert [one["note"] for one in listed["items"]] == ["it is loaded"]
    assert ask(api.path, "GET", f"{NEW}?fieldSelector=regarding.name%3Dother").document["items"] == []


def test_an_event_of_old_is_made_in_the_core_group(api: Api) -> None:
    """With a name of its own where it asks for one."""
    old = {
        "metadata": {"generateName": "web."},
        "involvedObject": ABOUT,
        "reason": "Loaded",
        "message": "m",
        "count": 2,
    }
    made = post(api, CORE, old)
    assert made.code == 201, made.document
    name = made.document["metadata"]["name"]
    assert name.startswith("web.")
    assert ask(api.path, "GET", f"{NEW}/{name}").document["deprecatedCount"] == 2


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"reason": ""}, "reason"),
        ({"eventTime": None}, "eventTime"),
        ({"reportingController": "no@name"}, "reportingController"),
        ({"deprecatedCount": 3}, "deprecatedCount"),
        ({"series": {"count": 1, "lastObservedTime": "2026-01-01T00:00:00.000000Z"}}, "series.count"),
    ],
)
def test_what_is_no_event_is_refused(api: Api, fields: dict[str, Any], field: str) -> None:
    """With the field, and nothing is kept."""
    refused = post(api, NEW, told(**fields))
    assert refused.code == 422
    assert field in [one["field"] for one in refused.document["details"]["causes"]]
    assert not api.operations.calls


def test_an_event_is_made_once_and_then_counted_up(api: Api) -> None:
    """Only its series may change through the new group."""
    assert post(api, NEW, told()).code == 201
    assert post(api, NEW, told()).code == 409
    series = {"count": 2, "lastObservedTime": "2026-01-01T00:01:00.000000Z"}
    changed = ask(api.path, "PATCH", f"{NEW}/web.1", json.dumps({"series": series}).encode(), Content_Type=MERGE)
    assert changed.code == 200, changed.document
    assert changed.document["series"]["count"] == 2
    other = ask(api.path, "PATCH", f"{NEW}/web.1", b'{"note": "another"}', Content_Type=MERGE)
    assert (other.code, other.document["details"]["causes"][0]["field"]) == (422, "note")
    assert ask(api.path, "DELETE", f"{NEW}/web.1").code == 405


def test_a_body_of_another_group_or_namespace_is_refused(api: Api) -> None:
    """400, as Kubernetes."""
    assert post(api, CORE, told()).code == 400
    assert post(api, NEW, told(metadata={"name": "web.1", "namespace": "other"})).code == 400
    assert post(api, f"{NEW}?dryRun=All", told()).code == 201
    assert not api.operations.calls
