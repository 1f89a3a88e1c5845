"""Writes through the API: a closed list of overrides is done, everything else is refused with the place to edit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from api_double import COMMIT, Api, pod
from msgspec.structs import replace
from web import Answer, ask

from reconciler.model.desired import Provenance
from reconciler.model.kinds import (
    ConfigMap,
    Container,
    Deployment,
    DeploymentSpec,
    LabelSelector,
    Node,
    NodeSpec,
    ObjectMeta,
    OwnerReference,
    PodSpec,
    PodTemplateSpec,
    ReplicaSet,
    ReplicaSetSpec,
    Secret,
    Taint,
)
from reconciler.model.overrides import RESTARTED_AT, Override
from reconciler.model.refs import ObjectRef
from reconciler.model.times import rfc3339
from reconciler.server import writes

PLACE = Provenance(source="main", commit=COMMIT, file="apps/web.yaml", line=7)
WEB = "/apis/apps/v1/namespaces/shop/deployments/web"
ZONE = "topology.kubernetes.io/zone"
NODE = "/api/v1/nodes/node-1"
PODS = "/api/v1/namespaces/shop/pods"
JSON, MERGE, STRATEGIC = (f"application/{one}+json" for one in ("json-patch", "merge-patch", "strategic-merge-patch"))
NOW = "2026-01-01T10:00:00+01:00"
REVISION = "deployment.kubernetes.io/revision"


def template(image: str, **annotations: str) -> PodTemplateSpec:
    """Return a Pod template of one container."""
    metadata = ObjectMeta(labels={"app": "web"}, annotations=annotations)
    return PodTemplateSpec(metadata=metadata, spec=PodSpec(containers=(Container(name="web", image=image),)))


def put_web(api: Api) -> None:
    """Put a Deployment of Git with its second revision, and both ReplicaSets."""
    selector = LabelSelector(match_labels={"app": "web"})
    metadata = ObjectMeta(name="web", namespace="shop", annotations={REVISION: "2", "team": "a"})
    spec = DeploymentSpec(selector=selector, template=template("web:2"), replicas=3)
    api.objects.put(Deployment(metadata=metadata, spec=spec), provenance=PLACE)
    for number, image in ((1, "web:1"), (2, "web:2")):
        put_set(api, number, template(image))


def put_set(api: Api, number: int, of: PodTemplateSpec) -> None:
    """Put a ReplicaSet of the Deployment web."""
    labels = {**of.metadata.labels, "pod-template-hash": f"h{number}"}
    owner = OwnerReference(api_version="apps/v1", kind="Deployment", name="web", uid="u-1", controller=True)
    metadata = ObjectMeta(
        name=f"web-h{number}",
        namespace="shop",
        labels=labels,
        annotations={REVISION: str(number), "team": "a"},
        owner_references=(owner,),
    )
    hashed = replace(of, metadata=replace(of.metadata, labels=labels))
    spec = ReplicaSetSpec(selector=LabelSelector(match_labels=labels), template=hashed)
    api.objects.put(ReplicaSet(metadata=metadata, spec=spec), manager="u-1")


def put_node(api: Api, **spec: Any) -> None:
    """Put the node node-1."""
    api.objects.put(Node(metadata=ObjectMeta(name="node-1"), spec=NodeSpec(**spec)), manager="api")


def obey(api: Api) -> None:
    """Have overrides written through at once, as the controller does."""

    def act(change: Override) -> None:
        stored = api.objects.get(change.ref)
        assert stored is not None
        object: Any = stored.object
        if change.ref.kind == "Node":
            taints = object.spec.taints if change.taints is None else change.taints
            cordoned = object.spec.unschedulable if change.unschedulable is None else change.unschedulable
            labels = {**object.metadata.labels, **(change.labels or {})}
            labels = {key: value for key, value in labels.items() if value is not None}
            metadata = replace(object.metadata, labels=labels)
            object = replace(object, metadata=metadata, spec=NodeSpec(unschedulable=cordoned, taints=taints))
        elif change.delete_at is not None:
            gone = replace(object.metadata, deletion_timestamp=rfc3339(change.delete_at))
            object = replace(object, metadata=replace(gone, deletion_grace_period_seconds=change.grace_s))
        elif change.restarted_at:
            object = replace(object, spec=replace(object.spec, template=template("web:2", **{RESTARTED_AT: NOW})))
        elif change.paused is not None:
            object = replace(object, spec=replace(object.spec, paused=change.paused))
        else:
            object = replace(object, spec=replace(object.spec, template=template("web:1")))
        api.objects.put(object, manager=stored.manager, provenance=stored.provenance)

    api.operations.on_override = act


def patch(api: Api, path: str, kind: str, body: Any) -> Answer:
    """Send a patch."""
    return ask(api.path, "PATCH", path, json.dumps(body).encode(), Content_Type=kind)


def change_of(api: Api) -> Override:
    """Return the override that was asked for, the only one."""
    changes = [call[1] for call in api.operations.calls if call[0] == "override"]
    assert len(changes) == 1
    change = changes[0]
    assert isinstance(change, Override)
    return change


def restart() -> dict[str, Any]:
    """Return what `kubectl rollout restart` sends."""
    return {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: NOW}}}}}


# What may be written


def test_cordon_and_uncordon(api: Api) -> None:
    """Kubectl sends a strategic merge patch; the answer is the node as it is then, at its new version."""
    obey(api)
    put_node(api)
    before = api.client.get(NODE)["metadata"]["resourceVersion"]
    answer = patch(api, NODE, STRATEGIC, {"spec": {"unschedulable": True}})
    assert answer.code == 200
    assert answer.document["spec"]["unschedulable"] is True
    assert int(answer.document["metadata"]["resourceVersion"]) > int(before)
    change = change_of(api)
    assert (change.ref, change.unschedulable, change.taints) == (ObjectRef.of("Node", "", "node-1"), True, None)
    assert change.by
    api.operations.calls.clear()
    answer = patch(api, NODE, STRATEGIC, {"spec": {"unschedulable": None}})
    assert answer.code == 200
    assert change_of(api).unschedulable is False


def test_taints_are_set_as_a_whole_and_the_one_of_a_cordon_is_not_kept(api: Api) -> None:
    """Kubectl sends all taints, also the one that the cordon put there."""
    obey(api)
    cordon = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")
    put_node(api, unschedulable=True, taints=(cordon,))
    wanted = [{"key": cordon.key, "effect": cordon.effect}, {"key": "gpu", "value": "yes", "effect": "NoSchedule"}]
    assert patch(api, NODE, STRATEGIC, {"spec": {"taints": wanted}}).code == 200
    change = change_of(api)
    assert change.taints == (Taint(key="gpu", value="yes", effect="NoSchedule"),)
    assert change.unschedulable is None


def test_labels_of_a_node_are_set_and_taken_away(api: Api) -> None:
    """`kubectl label node`: only what it names changes."""
    obey(api)
    put_node(api)
    assert patch(api, NODE, MERGE, {"metadata": {"labels": {ZONE: "east"}}}).code == 200
    assert change_of(api).labels == {ZONE: "east"}
    api.operations.calls.clear()
    assert patch(api, NODE, MERGE, {"metadata": {"labels": {ZONE: None}}}).code == 200
    assert change_of(api).labels == {ZONE: None}


@pytest.mark.parametrize(
    ("taints", "code"),
    [
        ([{"key": "a", "effect": "Sometimes"}], 422),
        ([{"key": "a", "effect": "NoSchedule"}, {"key": "a", "value": "b", "effect": "NoSchedule"}], 422),
        ("all", 422),
    ],
)
def test_taints_that_make_no_sense_are_refused_with_their_place(api: Api, taints: Any, code: int) -> None:
    """The cause names the field."""
    put_node(api)
    answer = patch(api, NODE, MERGE, {"spec": {"taints": taints}})
    assert answer.code == code
    assert answer.document["details"]["causes"][0]["field"].startswith("spec.taints")
    assert not api.operations.calls


def test_a_restart_is_asked_for_and_answered_with_the_new_template(api: Api) -> None:
    """`kubectl rollout restart`."""
    obey(api)
    put_web(api)
    answer = patch(api, f"{WEB}?fieldManager=kubectl-rollout&fieldValidation=Strict", STRATEGIC, restart())
    assert answer.code == 200
    assert answer.document["spec"]["template"]["metadata"]["annotations"] == {RESTARTED_AT: NOW}
    change = change_of(api)
    assert (change.restarted_at, change.uid, change.rollback) == (NOW, "u-1", None)


def test_a_restart_needs_a_time(api: Api) -> None:
    """Any other text would be on every Pod for ever."""
    put_web(api)
    body = {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: "now"}}}}}
    answer = patch(api, WEB, MERGE, body)
    assert answer.code == 422
    assert answer.document["details"]["causes"][0]["reason"] == "FieldValueInvalid"


def test_a_rollout_is_paused_and_resumed(api: Api) -> None:
    """`kubectl rollout pause` and `resume`."""
    obey(api)
    put_web(api)
    answer = patch(api, f"{WEB}?fieldManager=kubectl-rollout", STRATEGIC, {"spec": {"paused": True}})
    assert (answer.code, answer.document["spec"]["paused"]) == (200, True)
    assert change_of(api).paused is True
    api.operations.calls.clear()
    answer = patch(api, f"{WEB}?fieldManager=kubectl-rollout", STRATEGIC, {"spec": {"paused": None}})
    assert (answer.code, answer.document["spec"].get("paused", False)) == (200, False)
    assert change_of(api).paused is False


def undo(api: Api, number: int) -> list[dict[str, Any]]:
    """Return what `kubectl rollout undo` sends: template and annotations of the revision."""
    found = api.client.get(f"/apis/apps/v1/namespaces/shop/replicasets/web-h{number}")
    wanted = found["spec"]["template"]
    del wanted["metadata"]["labels"]["pod-template-hash"]
    annotations = {REVISION: "2", "team": "a"}
    return [
        {"op": "replace", "path": "/spec/template", "value": wanted},
        {"op": "replace", "path": "/metadata/annotations", "value": annotations},
    ]


def test_an_undo_names_the_revision_that_has_the_template(api: Api) -> None:
    """`kubectl rollout undo`: the template is that of an earlier ReplicaSet, whatever its hash label."""
    obey(api)
    put_web(api)
    answer = patch(api, WEB, JSON, undo(api, 1))
    assert answer.code == 200
    assert answer.document["spec"]["template"]["spec"]["containers"][0]["image"] == "web:1"
    rollback = change_of(api).rollback
    assert rollback is not None
    assert (rollback.revision, rollback.replica_set) == (1, "web-h1")


def test_an_undo_of_a_client_that_does_not_know_every_field_finds_the_revision(api: Api) -> None:
    """kubectl 1.27 drops what came later; where that fits several revisions, none is guessed."""
    obey(api)
    put_web(api)
    body = undo(api, 1)
    later = replace(template("web:1").spec, subdomain="later")
    put_set(api, 1, replace(template("web:1"), spec=later))
    assert patch(api, WEB, JSON, body).code == 200
    rollback = change_of(api).rollback
    assert rollback is not None
    assert rollback.replica_set == "web-h1"
    api.operations.calls.clear()
    put_web(api)
    put_set(api, 1, replace(template("web:1"), spec=later))
    put_set(api, 3, replace(template("web:1"), spec=replace(later, hostname="other")))
    assert patch(api, WEB, JSON, body).code == 409
    assert not api.operations.calls


def test_lists_of_an_object_are_patched_entry_by_entry(api: Api) -> None:
    """As `kubectl set image` does it: what is refused is the one field that would differ."""
    put_web(api)
    containers = {"$setElementOrder/containers": [{"name": "web"}], "containers": [{"name": "web", "image": "evil:1"}]}
    answer = patch(api, WEB, STRATEGIC, {"spec": {"template": {"spec": containers}}})
    assert answer.code == 409
    assert "apps/web.yaml:7" in answer.document["message"]
    same = {"containers": [{"name": "web", "image": "web:2"}]}
    assert patch(api, WEB, STRATEGIC, {"spec": {"template": {"spec": same}}}).code == 200
    assert (
        patch(api, WEB, JSON, [{"op": "test", "path": "/spec/template/spec/containers/0/name", "value": "web"}]).code
        == 200
    )
    assert not api.operations.calls


def test_an_undo_that_changes_more_than_the_template_is_refused(api: Api) -> None:
    """Neither another number of replicas nor other annotations come along."""
    put_web(api)
    for more in (
        {"op": "replace", "path": "/spec/replicas", "value": 9},
        {"op": "add", "path": "/metadata/annotations/team", "value": "b"},
    ):
        answer = patch(api, WEB, JSON, [*undo(api, 1), more])
        assert answer.code == 409
    assert not api.operations.calls


def test_a_deletion_of_a_pod(api: Api) -> None:
    """The answer is the ending Pod; its grace is that which was asked for, else its own."""
    obey(api)
    for body, query, grace in (
        (b'{"propagationPolicy":"Background"}', "", 30),
        (b"", "", 30),
        (b'{"gracePeriodSeconds":5,"kind":"DeleteOptions","apiVersion":"v1"}', "", 5),
        (b'{"gracePeriodSeconds":null}', "?gracePeriodSeconds=0", 0),
    ):
        api.operations.calls.clear()
        api.objects.put(pod("a"))
        answer = ask(api.path, "DELETE", f"{PODS}/a{query}", body, Content_Type="application/json")
        assert answer.code == 200
        assert answer.document["metadata"]["deletionTimestamp"]
        assert change_of(api).grace_s == grace
        assert change_of(api).uid == "u-1"


def test_a_deletion_in_protobuf(api: Api) -> None:
    """`kubectl drain` of 1.32 and later sends its options so."""
    obey(api)
    api.objects.put(pod("a"))
    message = b"\x08\x07" + b"\x12\x05\x0a\x03u-1"
    envelope = b"\x0a\x13\x0a\x02v1\x12\x0dDeleteOptions" + b"\x12" + bytes([len(message)]) + message
    kind = "application/vnd.kubernetes.protobuf"
    answer = ask(api.path, "DELETE", f"{PODS}/a", b"k8s\x00" + envelope, Content_Type=kind)
    assert answer.code == 200
    assert change_of(api).grace_s == 7
    assert ask(api.path, "DELETE", f"{PODS}/a", b"k8s\x00\xff", Content_Type=kind).code == 400


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"preconditions":{"uid":"other"}}', 409),
        (b'{"preconditions":{"resourceVersion":"1"}}', 409),
        (b'{"gracePeriodSeconds":-1}', 422),
        (b'{"propagationPolicy":"Sideways"}', 422),
        (b'{"dryRun":["Some"]}', 422),
        (b"[]", 400),
        (b'{"gracePeriodSeconds":"soon"}', 400),
        (b"\xff", 400),
    ],
)
def test_a_deletion_that_does_not_fit_is_refused(api: Api, body: bytes, code: int) -> None:
    """Preconditions that do not hold are a conflict; nonsense is told as such."""
    api.objects.put(pod("a"))
    answer = ask(api.path, "DELETE", f"{PODS}/a", body, Content_Type="application/json")
    assert answer.code == code
    assert not api.operations.calls


@pytest.mark.parametrize("query", ["?dryRun=All", "?dryRun=All&force=true"])
def test_a_dry_run_writes_nothing_and_shows_the_result(api: Api, query: str) -> None:
    """As the server would answer, at the present version."""
    put_node(api)
    put_web(api)
    api.objects.put(pod("a"))
    cordoned = patch(api, f"{NODE}{query}", STRATEGIC, {"spec": {"unschedulable": True}})
    assert cordoned.document["spec"]["unschedulable"] is True
    restarted = patch(api, f"{WEB}{query}", STRATEGIC, restart())
    assert restarted.document["spec"]["template"]["metadata"]["annotations"] == {RESTARTED_AT: NOW}
    assert ask(api.path, "DELETE", f"{PODS}/a{query}").code == 200
    assert ask(api.path, "DELETE", f"{PODS}/a", b'{"dryRun":["All"]}').code == 200
    assert patch(api, f"{NODE}?dryRun=Some", STRATEGIC, {}).code == 400
    assert not api.operations.calls


def test_an_answer_does_not_wait_for_ever(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """While no daemon leads, the answer shows what will be."""
    monkeypatch.setattr(writes, "WRITTEN_WITHIN_S", 0.05)
    put_node(api)
    answer = patch(api, NODE, STRATEGIC, {"spec": {"unschedulable": True}})
    assert answer.code == 200
    assert answer.document["spec"]["unschedulable"] is True


def test_a_replacement_is_judged_like_a_patch(api: Api) -> None:
    """PUT of the same object with one difference; status and bookkeeping of the sender are passed over."""
    obey(api)
    put_node(api)
    node = api.client.get(NODE)
    node["spec"] = {"unschedulable": True}
    node["status"] = {"conditions": []}
    node["metadata"]["managedFields"] = [{"manager": "somebody"}]
    assert ask(api.path, "PUT", NODE, json.dumps(node).encode()).code == 200
    assert change_of(api).unschedulable is True


def test_a_patch_that_changes_nothing_is_answered_with_the_object(api: Api) -> None:
    """Also for an object of Git: nothing is asked for."""
    put_web(api)
    answer = patch(api, WEB, MERGE, {"spec": {"replicas": 3}, "status": {"replicas": 8}})
    assert answer.code == 200
    assert answer.document == api.client.get(WEB)
    assert not api.operations.calls


def test_a_write_from_another_version_is_a_conflict(api: Api) -> None:
    """As Kubernetes says it, so that clients try again."""
    put_node(api)
    answer = patch(api, NODE, MERGE, {"metadata": {"resourceVersion": "1"}, "spec": {"unschedulable": True}})
    assert answer.code == 409
    assert answer.document["reason"] == "Conflict"
    assert answer.document["message"].startswith('Operation cannot be fulfilled on nodes "node-1": the object has been')
    assert patch(api, NODE, MERGE, {"metadata": {"uid": "u-2"}}).code == 409


# What may not


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
