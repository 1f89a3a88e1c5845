"""The subresource `status` of workloads: others' conditions are written, all else is judged and then refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from api_double import Api
from msgspec.structs import replace
from web import Answer, ask
from writing import put_node, put_web

from reconciler.model.kinds import (
    Condition,
    ConfigMap,
    Container,
    CronJob,
    CronJobSpec,
    JobSpec,
    JobTemplateSpec,
    Namespace,
    ObjectMeta,
    PodSpec,
    PodTemplateSpec,
)
from reconciler.model.overrides import Override
from reconciler.model.refs import ObjectRef

WEB = "/apis/apps/v1/namespaces/shop/deployments/web"
MERGE = "application/merge-patch+json"
APPROVED = {"type": "example.com/approved", "status": "True"}


def patch(api: Api, path: str, status: dict[str, Any], query: str = "") -> Answer:
    """Send a patch of a status."""
    return ask(api.path, "PATCH", f"{path}/status{query}", json.dumps({"status": status}).encode(), Content_Type=MERGE)


def put(api: Api) -> None:
    """Put a Deployment that is available, a node, and have overrides obeyed."""
    put_web(api)
    put_node(api)
    ref = ObjectRef.of("Deployment", "shop", "web")
    web: Any = api.objects.get(ref)
    status = replace(
        web.object.status, replicas=3, ready_replicas=3, conditions=(Condition(type="Available", status="True"),)
    )
    api.objects.put(replace(web.object, status=status), provenance=web.provenance)

    def obey(change: Override) -> None:
        stored: Any = api.objects.get(change.ref)
        found = (*stored.object.status.conditions, *(change.conditions or ()))
        api.objects.put(replace(stored.object, status=replace(stored.object.status, conditions=found)))

    api.operations.on_override = obey


def test_a_status_is_read(api: Api) -> None:
    """As the object itself, also as a table."""
    put(api)
    assert ask(api.path, "GET", f"{WEB}/status").document["status"]["readyReplicas"] == 3
    table = ask(api.path, "GET", f"{WEB}/status", Accept="application/json;as=Table;g=meta.k8s.io;v=v1").document
    assert table["kind"] == "Table"


@pytest.mark.parametrize("path", [WEB, "/api/v1/nodes/node-1"])
def test_a_condition_of_another_controller_is_written(api: Api, path: str) -> None:
    """Those of the cluster stay what they are."""
    put(api)
    known = ask(api.path, "GET", path).document.get("status", {}).get("conditions", [])
    answer = patch(api, path, {"conditions": [*known, APPROVED]})
    assert answer.code == 200, answer.document
    (change,) = [call[1] for call in api.operations.calls if call[0] == "override"]
    assert [one.type for one in change.conditions] == ["example.com/approved"]


def test_counts_that_do_not_add_up_are_invalid(api: Api) -> None:
    """As Kubernetes says it: every field with what is wrong."""
    put(api)
    answer = patch(api, WEB, {"readyReplicas": 4, "unavailableReplicas": -1})
    assert answer.code == 422
    fields = [cause["field"] for cause in answer.document["details"]["causes"]]
    assert fields == ["status.unavailableReplicas", "status.readyReplicas"]


@pytest.mark.parametrize("status", [{"readyReplicas": 2}, {"conditions": [{"type": "Available", "status": "False"}]}])
def test_what_the_cluster_keeps_is_not_written(api: Api, status: dict[str, Any]) -> None:
    """The answer names the field, and what can be written."""
    put(api)
    answer = patch(api, WEB, status)
    assert answer.code == 405
    assert "Available, Progressing, ReplicaFailure" in answer.document["message"]
    assert not api.operations.calls


def test_a_dry_run_writes_nothing(api: Api) -> None:
    """What would be is shown."""
    put(api)
    answer = patch(api, WEB, {"conditions": [{"type": "Available", "status": "True"}, APPROVED]}, "?dryRun=All")
    assert len(answer.document["status"]["conditions"]) == 2
    assert not api.operations.calls


def test_a_client_that_does_not_know_our_fields_may_send_back_what_it_read(api: Api) -> None:
    """A field of a status that is ours alone is not missed."""
    put(api)
    ref = ObjectRef.of("ReplicaSet", "shop", "web-h2")
    stored: Any = api.objects.get(ref)
    api.objects.put(replace(stored.object, status=replace(stored.object.status, pods_created=7)), manager="u-1")
    path = "/apis/apps/v1/namespaces/shop/replicasets/web-h2"
    document = ask(api.path, "GET", f"{path}/status").document
    document["status"].pop("podsCreated", None)
    assert ask(api.path, "PUT", f"{path}/status", json.dumps(document).encode()).code == 200
    assert not api.operations.calls


def test_kinds_without_conditions_are_only_read(api: Api) -> None:
    """Of a CronJob the cluster alone knows when it ran."""
    template = PodTemplateSpec(spec=PodSpec(containers=(Container(name="a", image="b"),), restart_policy="Never"))
    spec = CronJobSpec(schedule="@daily", job_template=JobTemplateSpec(spec=JobSpec(template=template)))
    api.objects.put(CronJob(metadata=ObjectMeta(name="nightly", namespace="shop"), spec=spec))
    path = "/apis/batch/v1/namespaces/shop/cronjobs/nightly"
    assert ask(api.path, "GET", f"{path}/status").code == 200
    assert patch(api, path, {"lastScheduleTime": "2026-01-01T00:00:00Z"}).code == 405


def test_a_namespace_has_a_status_of_its_own(api: Api) -> None:
    """Its address looks like that of objects in it; that it is in use cannot be written away."""
    api.objects.put(Namespace(metadata=ObjectMeta(name="shop")), manager="api")
    path = "/api/v1/namespaces/shop"
    assert ask(api.path, "GET", f"{path}/status").document["metadata"]["name"] == "shop"
    assert patch(api, path, {"phase": "Active"}).code == 200
    assert patch(api, path, {"phase": "Terminating"}).code == 422


def test_what_has_no_status_has_none_below_it(api: Api) -> None:
    """As on a cluster of Kubernetes."""
    api.objects.put(ConfigMap(metadata=ObjectMeta(name="c", namespace="shop")))
    assert ask(api.path, "GET", "/api/v1/namespaces/shop/configmaps/c/status").code == 404
    assert ask(api.path, "GET", f"{WEB.replace('web', 'other')}/status").code == 404


def test_a_namespace_is_finalized(api: Api) -> None:
    """Nothing but its objects holds it back: taking finalizers off is done already, adding them is refused."""
    api.objects.put(Namespace(metadata=ObjectMeta(name="shop")), manager="api")
    path = "/api/v1/namespaces/shop"
    document = ask(api.path, "GET", path).document
    for finalizers, code in (([], 200), (["example.com/mine"], 405), (["mine"], 422), ([""], 422)):
        body = json.dumps({**document, "spec": {"finalizers": finalizers}}).encode()
        assert ask(api.path, "PUT", f"{path}/finalize", body).code == code, finalizers
    assert ask(api.path, "PATCH", f"{path}/finalize", b"{}").code == 405
    assert ask(api.path, "PUT", "/api/v1/namespaces/none/finalize", b"{}").code == 404
