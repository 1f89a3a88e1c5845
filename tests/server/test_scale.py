"""The subresource `scale`: read by all, changed in Git; what is asked for is judged first."""

from __future__ import annotations

import json
from typing import Any

from api_double import Api
from msgspec.structs import replace
from web import Answer, ask
from writing import put_web

from reconciler.model.refs import ObjectRef

WEB = "/apis/apps/v1/namespaces/shop/deployments/web/scale"
MERGE, STRATEGIC, JSON = (f"application/{one}+json" for one in ("merge-patch", "strategic-merge-patch", "json-patch"))


def patch(api: Api, body: Any, kind: str = MERGE) -> Answer:
    """Send a patch of a scale."""
    return ask(api.path, "PATCH", WEB, json.dumps(body).encode(), Content_Type=kind)


def test_the_scale_says_how_many_there_are_and_are_to_be(api: Api) -> None:
    """With the selector as text, so that clients find the Pods; it is that of every kind that has one."""
    put_web(api)
    web: Any = api.objects.get(ObjectRef.of("Deployment", "shop", "web"))
    api.objects.put(replace(web.object, status=replace(web.object.status, replicas=2)), provenance=web.provenance)
    found = ask(api.path, "GET", WEB).document
    assert (found["kind"], found["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert (found["metadata"]["name"], found["metadata"]["namespace"]) == ("web", "shop")
    assert found["spec"] == {"replicas": 3}
    assert found["status"] == {"replicas": 2, "selector": "app=web"}
    path = "/apis/apps/v1/namespaces/shop/replicasets/web-h1/scale"
    assert ask(api.path, "GET", path).document["status"]["replicas"] == 0


def test_a_change_is_refused_with_the_place(api: Api) -> None:
    """The number is changed in Git; what does not change it is no change."""
    put_web(api)
    for body, kind in (
        ({"spec": {"replicas": 2}}, MERGE),
        ({"spec": {"replicas": 2}}, STRATEGIC),
        ([{"op": "replace", "path": "/spec/replicas", "value": 2}], JSON),
    ):
        answer = patch(api, body, kind)
        assert (answer.code, "apps/web.yaml:7" in answer.document["message"]) == (409, True)
    same = ask(api.path, "GET", WEB).document
    assert patch(api, {"spec": {"replicas": 3}}).code == 200
    assert ask(api.path, "PUT", WEB, json.dumps(same).encode()).document == same


def test_a_scale_below_none_is_invalid(api: Api) -> None:
    """Whatever the place: nobody could have that many."""
    put_web(api)
    answer = patch(api, {"spec": {"replicas": -1}})
    assert answer.code == 422
    assert [cause["field"] for cause in answer.document["details"]["causes"]] == ["spec.replicas"]


def test_a_scale_that_was_read_before_a_change_is_a_conflict(api: Api) -> None:
    """As with every object."""
    put_web(api)
    assert patch(api, {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 2}}).document["reason"] == "Conflict"


def test_what_is_no_scale_is_refused(api: Api) -> None:
    """Bodies of other kinds and types, ways that do not exist, kinds that are not scaled."""
    put_web(api)
    assert patch(api, {"kind": "Deployment"}).code == 400
    assert patch(api, {"spec": {"replicas": "many"}}).code == 400
    assert patch(api, {}, "text/plain").code == 415
    assert ask(api.path, "DELETE", WEB).code == 405
    assert ask(api.path, "GET", "/apis/apps/v1/namespaces/shop/daemonsets/web/scale").code == 404
