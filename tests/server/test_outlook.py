"""Forecasts and capacity over the API."""

import threading

import pytest
from api_double import Api

from reconciler.client import ApiRefused
from reconciler.client.api import OWN
from reconciler.model.forecast import ForecastAnswer
from reconciler.model.ports import ManifestFile, PlanRequest


def test_a_forecast_is_a_document_that_is_never_applyable(api: Api) -> None:
    """P14: by GET of the newest revisions, by POST of files or a revision; nothing of it can be applied."""
    shown = api.client.get(f"{OWN}/forecast")
    assert (shown["apiVersion"], shown["kind"], shown["applyable"]) == ("reconciler.dev/v1", "Forecast", False)
    assert shown["warnings"] == ["deployment/default/web is down"]
    api.client.forecast({"files": [{"path": "a.yaml", "blobId": "b1", "content": "/w=="}], "source": "main"})
    api.client.forecast({"revision": "HEAD~1"})
    file = ManifestFile(path="a.yaml", blob_id="b1", content=b"\xff")
    assert api.operations.calls == [
        ("forecast", PlanRequest()),
        ("forecast", PlanRequest(files=(file,), source="main")),
        ("forecast", PlanRequest(revision="HEAD~1")),
    ]


def test_capacity_is_a_document(api: Api) -> None:
    """What fits, for the newest revisions or for given files."""
    shown = api.client.get(f"{OWN}/capacity")
    assert (shown["kind"], shown["needed"]["count"], shown["needed"]["shapes"]) == ("Capacity", 1, {"node-1": 1})
    assert api.client.capacity({"files": []})["kind"] == "Capacity"
    assert api.operations.calls[-1] == ("capacity", PlanRequest(files=()))


def test_both_are_among_what_the_api_has(api: Api) -> None:
    """Discovery names them with their verbs, so that roles can grant them."""
    found = {one["name"]: one for one in api.client.get(OWN)["resources"]}
    assert [found[name]["verbs"] for name in ("capacity", "forecast")] == [["create", "get"]] * 2


@pytest.mark.parametrize("name", ["forecast", "capacity"])
def test_a_body_that_does_not_fit_is_refused(api: Api, name: str) -> None:
    """A wrong body is 400 with the place."""
    with pytest.raises(ApiRefused) as refused:
        api.client.post(f"{OWN}/{name}", {"files": 1})
    assert refused.value.code == 400


def test_a_long_forecast_delays_no_other_call(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """P07: however many forecasts wait for each other, status and plan are answered."""
    gate, began = threading.Event(), threading.Event()

    def forecast(request: PlanRequest) -> ForecastAnswer:
        began.set()
        assert gate.wait(30)
        return ForecastAnswer()

    monkeypatch.setattr(api.operations, "forecast", forecast)
    asking = [threading.Thread(target=lambda: api.client.forecast({})) for _ in range(12)]
    for one in asking:
        one.start()
    try:
        assert began.wait(10)
        assert api.client.status()["kind"] == "Status"
        assert api.client.plan()["kind"] == "Plan"
    finally:
        gate.set()
        for one in asking:
            one.join(30)
