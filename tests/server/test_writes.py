"""Writes through the API that are done: a closed list of overrides."""

from __future__ import annotations

import json
from typing import Any

import pytest
from api_double import Api, pod
from msgspec.structs import replace
from web import ask
from writing import (
    JSON,
    MERGE,
    NODE,
    NOW,
    PODS,
    STRATEGIC,
    WEB,
    ZONE,
    change_of,
    obey,
    patch,
    put_node,
    put_set,
    put_web,
    restart,
    template,
    undo,
)

from reconciler.model.kinds import Taint
from reconciler.model.overrides import RESTARTED_AT
from reconciler.model.refs import ObjectRef
from reconciler.server import writes


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
