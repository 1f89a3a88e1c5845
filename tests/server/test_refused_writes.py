"""Writes through the API that are refused, with the place to edit instead."""

from __future__ import annotations

import json
from typing import Any

import pytest
from api_double import COMMIT, Api
from web import ask
from writing import JSON, MERGE, NODE, PLACE, PODS, STRATEGIC, WEB, patch, put_node, put_web, restart, undo

from reconciler.model.kinds import (
    ConfigMap,
    ObjectMeta,
    Secret,
)


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [
        (MERGE, {"metadata": {"labels": {"a": "b"}}}, "metadata.labels.a"),
        (MERGE, {"metadata": {"annotations": {"team": None}}}, "metadata.annotations.team"),
        (MERGE, {"spec": {"replicas": 5}}, "spec.replicas"),
        (MERGE, {"spec": {"paused": True, "minReadySeconds": 3}}, "spec.minReadySeconds"),
        (
            STRATEGIC,
            {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "evil:1"}]}}}},
            "spec.templ",
        ),
        (STRATEGIC, {**restart(), "metadata": {"labels": {"a": "b"}}}, "metadata.labels.a"),
        (JSON, [{"op": "remove", "path": "/spec/template/metadata/labels/app"}], "spec.template"),
    ],
)
def test_what_is_declared_in_git_is_refused_with_place_and_field(api: Api, kind: str, body: Any, field: str) -> None:
    """Labels, scale, edits: the message says which field, and which file, line and commit to edit."""
    put_web(api)
    answer = patch(api, WEB, kind, body)
    assert answer.code == 409
    message = answer.document["message"]
    assert message.startswith(field)
    assert "is declared by source/main at apps/web.yaml:7 (commit 4f2c1e9): edit it there and push" in message
    details = answer.document["details"]
    assert (details["file"], details["line"], details["commit"]) == ("apps/web.yaml", "7", COMMIT)
    assert details["causes"][0]["field"].startswith(field)
    assert not api.operations.calls


def test_scale_is_refused_with_the_place(api: Api) -> None:
    """`kubectl scale` writes below the object."""
    put_web(api)
    answer = patch(api, f"{WEB}/scale", MERGE, {"spec": {"replicas": 2}})
    assert answer.code == 409
    assert answer.document["message"].startswith("spec.replicas of deployment/shop/web cannot be changed here")
    assert ask(api.path, "GET", f"{WEB}/other").code == 404
    assert ask(api.path, "PATCH", f"{PODS}/nope/status", b"{}").code == 404


def test_what_belongs_to_something_is_refused_with_its_owner(api: Api) -> None:
    """A ReplicaSet names the Deployment and where that is declared."""
    put_web(api)
    path = "/apis/apps/v1/namespaces/shop/replicasets/web-h2"
    for answer in (patch(api, path, MERGE, {"spec": {"replicas": 5}}), ask(api.path, "DELETE", path)):
        assert answer.code == 409
        assert (
            "it belongs to deployment/shop/web, declared by source/main at apps/web.yaml:7"
            in answer.document["message"]
        )


def test_what_the_cluster_keeps_by_itself_is_not_written(api: Api) -> None:
    """Labels of a node follow from what it reports; a node is not deleted."""
    put_node(api)
    own = {"metadata": {"labels": {"kubernetes.io/hostname": "other"}}}
    for answer in (patch(api, NODE, MERGE, own), ask(api.path, "DELETE", NODE)):
        assert answer.code == 405
        assert "of a node, cordon, uncordon, labels and taints can be changed here" in answer.document["message"]


def test_nothing_is_created_here(api: Api) -> None:
    """A new name is to be declared; one that exists says where it is."""
    put_web(api)
    body = json.dumps({"metadata": {"name": "new"}}).encode()
    answer = ask(api.path, "POST", "/apis/apps/v1/namespaces/shop/deployments", body)
    assert (answer.code, answer.document["reason"]) == (405, "MethodNotAllowed")
    assert answer.document["message"] == (
        "deployment new cannot be created here: declare it in the repository and push"
    )
    again = ask(api.path, "POST", "/apis/apps/v1/namespaces/shop/deployments", body.replace(b"new", b"web"))
    assert again.code == 409
    assert "apps/web.yaml:7" in again.document["message"]
    assert ask(api.path, "POST", PODS, b"k8s\x00\xff").code == 405
    assert ask(api.path, "DELETE", PODS).code == 405


def test_a_server_side_apply_is_refused_with_the_place(api: Api) -> None:
    """What it would write is in Git."""
    put_web(api)
    answer = ask(api.path, "PATCH", WEB, b"spec: {replicas: 5}", Content_Type="application/apply-patch+yaml")
    assert answer.code == 409
    assert "apps/web.yaml:7" in answer.document["message"]


def test_a_secret_is_refused_before_its_patch_is_tried(api: Api) -> None:
    """P22: a JSON patch's `test` must not become a way to guess a value."""
    api.objects.put(Secret(metadata=ObjectMeta(name="token", namespace="shop"), data={"a": "aHVudGVyMg=="}))
    path = "/api/v1/namespaces/shop/secrets/token"
    for guess in ("aHVudGVyMg==", "d3Jvbmc="):
        answer = patch(api, path, JSON, [{"op": "test", "path": "/data/a", "value": guess}])
        assert answer.code == 409
        assert "aHVu" not in answer.content.decode()


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        (JSON, b"{", 400),
        (JSON, b"{}", 400),
        (JSON, b"[1]", 400),
        (JSON, b'[{"op":"fly","path":"/a"}]', 400),
        (JSON, b'[{"op":"replace","path":"/spec/nope","value":1}]', 422),
        (JSON, b'[{"op":"test","path":"/data/a","value":"2"}]', 422),
        (JSON, b'[{"op":"remove","path":"/data/nope"}]', 422),
        (JSON, b'[{"op":"add","path":"data","value":1}]', 422),
        (JSON, b'[{"op":"copy","from":"/data","path":"/data/b"}]', 422),
        (JSON, b'[{"op":"replace","path":"","value":1}]', 422),
        (MERGE, b"[]", 400),
        (MERGE, b"\xff", 400),
        (MERGE, b'{"data": 5}', 422),
        (MERGE, b'{"metadata": 5}', 400),
        (MERGE, b'{"kind": "Pod"}', 400),
        (STRATEGIC, b'{"data": {"$patch": "fly"}}', 400),
        (STRATEGIC, b'{"$retainKeys": ["kind"], "data": {}}', 400),
        ("application/xml", b"{}", 415),
        ("", b"{}", 415),
    ],
)
def test_a_malformed_patch_is_told_as_such(api: Api, kind: str, body: bytes, code: int) -> None:
    """Never a traceback, and never a write."""
    api.objects.put(ConfigMap(metadata=ObjectMeta(name="c", namespace="shop"), data={"a": "1"}), provenance=PLACE)
    answer = ask(api.path, "PATCH", "/api/v1/namespaces/shop/configmaps/c", body, Content_Type=kind)
    assert answer.code == code
    assert answer.document["kind"] == "Status"


def test_a_patch_nested_too_deeply_is_refused(api: Api) -> None:
    """A body of brackets does not bring the server down."""
    put_node(api)
    deep = b'{"spec":' * 100_000 + b"1" + b"}" * 100_000
    for kind in (JSON, MERGE, STRATEGIC):
        assert ask(api.path, "PATCH", NODE, deep, Content_Type=kind).code == 400


def test_what_the_daemon_refuses_is_told(api: Api) -> None:
    """A revision that is gone meanwhile is not found."""
    put_web(api)
    api.operations.failure = LookupError("deployment/shop/web has no revision 1")
    answer = patch(api, WEB, JSON, undo(api, 1))
    assert answer.code == 404
    assert answer.document["message"] == "deployment/shop/web has no revision 1"
