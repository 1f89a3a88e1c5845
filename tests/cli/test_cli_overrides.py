"""The commands that override: what they ask of the API, and what they say."""

import json
from typing import Any

import pytest
from api_double import Api, pod
from msgspec.structs import replace

from reconciler.cli.exits import Exit
from reconciler.cli.progress import progress_of
from reconciler.model.kinds import (
    Container,
    Deployment,
    DeploymentSpec,
    DeploymentStatus,
    LabelSelector,
    Node,
    NodeSpec,
    ObjectMeta,
    OwnerReference,
    PodSpec,
    PodTemplateSpec,
    ReplicaSet,
    ReplicaSetSpec,
)
from reconciler.model.overrides import Override
from reconciler.model.refs import ObjectRef

REVISION = "deployment.kubernetes.io/revision"


def put_web(api: Api, *, updated: int = 1, revisions: int = 2) -> None:
    """Put a Deployment with this many revisions, the last of them current."""
    selector = LabelSelector(match_labels={"app": "web"})
    templates = [
        PodTemplateSpec(
            metadata=ObjectMeta(labels={"app": "web"}),
            spec=PodSpec(containers=(Container(name="web", image=f"web:{number}"),)),
        )
        for number in range(1, revisions + 1)
    ]
    metadata = ObjectMeta(name="web", namespace="shop", annotations={REVISION: str(revisions)})
    status = DeploymentStatus(replicas=updated, updated_replicas=updated, available_replicas=updated)
    spec = DeploymentSpec(selector=selector, template=templates[-1])
    api.objects.put(Deployment(metadata=metadata, spec=spec, status=status))
    owner = OwnerReference(api_version="apps/v1", kind="Deployment", name="web", uid="u-1", controller=True)
    for number, template in enumerate(templates, start=1):
        labels = {"app": "web", "pod-template-hash": f"h{number}"}
        marks = {REVISION: str(number)}
        named = ObjectMeta(name=f"web-h{number}", namespace="shop", annotations=marks, owner_references=(owner,))
        hashed = replace(template, metadata=replace(template.metadata, labels=labels))
        spec_of_set = ReplicaSetSpec(selector=LabelSelector(match_labels=labels), template=hashed)
        api.objects.put(ReplicaSet(metadata=named, spec=spec_of_set), manager="u-1")


def asked(api: Api) -> Override:
    """Return the override that was asked for."""
    found: Override = next(call[1] for call in api.operations.calls if call[0] == "override")
    return found


def test_cordon_and_uncordon_a_node(api: Api, ask: Any) -> None:
    """Both say what it means for Pods."""

    def act(change: Override) -> None:
        node = Node(metadata=ObjectMeta(name="node-1"), spec=NodeSpec(unschedulable=bool(change.unschedulable)))
        api.objects.put(node, manager="api")

    api.objects.put(Node(metadata=ObjectMeta(name="node-1")), manager="api")
    api.operations.on_override = act
    ended = ask("cordon", "node-1")
    assert (ended.code, asked(api).unschedulable) == (Exit.DONE, True)
    assert ended.out.startswith("node/node-1 is cordoned: no Pod is placed on it")
    api.operations.calls.clear()
    assert ask("uncordon", "node-1").out == "node/node-1 takes Pods again\n"
    assert asked(api).unschedulable is False
    assert ask("cordon", "node-9").code == Exit.ERROR


def test_restart_a_workload(api: Api, ask: Any, monkeypatch: Any) -> None:
    """The time of the restart is what is written."""
    monkeypatch.setattr("reconciler.server.writes.WRITTEN_WITHIN_S", 0.01)
    put_web(api)
    ended = ask("rollout", "restart", "deployment/shop/web")
    assert (ended.code, ended.out) == (Exit.DONE, "deployment/shop/web is restarting\n")
    assert asked(api).restarted_at.endswith("Z")


def test_undo_returns_to_the_revision_before_or_to_the_named_one(api: Api, ask: Any, monkeypatch: Any) -> None:
    """What is not there is told with what is."""
    monkeypatch.setattr("reconciler.server.writes.WRITTEN_WITHIN_S", 0.01)
    put_web(api, revisions=3)
    for arguments, number in (((), 2), (("--to-revision", "1"), 1)):
        api.operations.calls.clear()
        ended = ask("rollout", "undo", "deployment/web", "-n", "shop", *arguments)
        assert ended.out == (
            f"deployment/shop/web goes back to revision {number}, "
            "which holds until its declaration changes in the repository\n"
        )
        rollback = asked(api).rollback
        assert rollback is not None
        assert rollback.replica_set == f"web-h{number}"
    ended = ask("rollout", "undo", "deployment/shop/web", "--to-revision", "7")
    assert ended.code == Exit.ERROR
    assert "has no revision 7; it has: 1, 2, 3" in ended.err


def test_the_history_of_a_rollout(api: Api, ask: Any) -> None:
    """Each revision with its ReplicaSet and images."""
    put_web(api)
    lines = ask("rollout", "history", "deployment/shop/web").out.splitlines()
    assert [line.split() for line in lines] == [
        ["REVISION", "REPLICASET", "PODS", "IMAGES", "CHANGE-CAUSE"],
        ["1", "web-h1", "0", "web:1", "<none>"],
        ["2", "web-h2", "0", "web:2", "<none>"],
    ]


def test_the_history_of_a_deployment_names_the_commits(api: Api, ask: Any) -> None:
    """Newest first, the current one marked, each with where it came from; the same in JSON."""
    put_web(api)
    lines = ask("history", "deployment/shop/web").out.splitlines()
    assert lines[0].split() == ["REVISION", "COMMIT", "AUTHOR", "AGE", "PODS", "IMAGES", "CHANGE-CAUSE"]
    assert [line.split()[0] for line in lines[1:]] == ["2", "1"]
    assert ("explain", ObjectRef.of("ReplicaSet", "shop", "web-h2")) in api.operations.calls
    told = json.loads(ask("history", "deployment/shop/web", "--output", "json").out)["revisions"]
    assert [(one["revision"], one["replicaSet"]) for one in told] == [(2, "web-h2"), (1, "web-h1")]


def test_rollback_of_one_deployment(api: Api, ask: Any, monkeypatch: Any) -> None:
    """A Deployment is told from a commit by its kind; options of the one are refused for the other."""
    monkeypatch.setattr("reconciler.server.writes.WRITTEN_WITHIN_S", 0.01)
    put_web(api)
    ended = ask("rollback", "deployment/web", "-n", "shop", "--to-revision", "1")
    assert ended.out.startswith("deployment/shop/web goes back to revision 1, which holds until")
    rollback = asked(api).rollback
    assert rollback is not None
    assert rollback.replica_set == "web-h1"
    assert "go with a Deployment" in ask("rollback", "HEAD~1", "--to-revision", "1").err
    assert "goes with a commit" in ask("rollback", "deployment/shop/web", "--source", "main").err


def test_the_status_of_a_rollout_is_told_by_its_exit_code(api: Api, ask: Any) -> None:
    """Over, or not in time and why."""
    put_web(api)
    assert ask("rollout", "status", "deployment/shop/web").out == 'deployment "web" successfully rolled out\n'
    put_web(api, updated=0)
    ended = ask("rollout", "status", "deployment/shop/web", "--timeout", "0")
    assert ended.code == Exit.PENDING
    assert "is not rolled out within 0 s: Waiting for deployment" in ended.err
    assert "0 out of 1 new replicas have been updated..." in ended.err
    assert "deployments, daemon sets and stateful sets" in ask("rollout", "status", "job/shop/web").err


@pytest.mark.parametrize(
    ("kind", "spec", "status", "text", "is_done"),
    [
        ("DaemonSet", {}, {"desiredNumberScheduled": 2, "updatedNumberScheduled": 1}, "1 out of 2 new pods", False),
        ("DaemonSet", {"updateStrategy": {"type": "OnDelete"}}, {}, "only available for RollingUpdate", False),
        (
            "StatefulSet",
            {"replicas": 2},
            {"observedGeneration": 1, "readyReplicas": 1},
            "for 1 pods to be ready",
            False,
        ),
        (
            "StatefulSet",
            {},
            {"observedGeneration": 1, "readyReplicas": 1, "updateRevision": "b", "currentRevision": "a"},
            "at revision b",
            False,
        ),
        (
            "StatefulSet",
            {},
            {
                "observedGeneration": 1,
                "readyReplicas": 1,
                "currentReplicas": 1,
                "updateRevision": "b",
                "currentRevision": "b",
            },
            "rolling update complete 1 pods at revision b",
            True,
        ),
    ],
)
def test_how_far_a_set_is(kind: str, spec: Any, status: Any, text: str, is_done: bool) -> None:
    """Daemon sets and stateful sets are followed as well, where they roll by themselves."""
    progress = progress_of(kind, {"metadata": {"name": "web", "generation": 0}, "spec": spec, "status": status})
    assert text in progress.text
    assert progress.is_done == is_done
    assert progress.has_failed == (spec == {"updateStrategy": {"type": "OnDelete"}})


def test_delete_a_pod_and_wait_until_it_has_gone(api: Api, ask: Any) -> None:
    """Its grace goes along; other kinds are refused with what to do."""
    api.objects.put(pod("a"))
    ref = ObjectRef.of("Pod", "shop", "a")
    api.operations.on_override = lambda _: api.objects.delete(ref) and None
    ended = ask("delete", "pod", "shop/a", "--grace-period", "3")
    assert (ended.code, ended.out) == (Exit.DONE, "pod/shop/a is deleted\n")
    assert (asked(api).ref, asked(api).grace_s) == (ref, 3)
    put_web(api)
    ended = ask("delete", "deployment", "web", "-n", "shop")
    assert ended.code == Exit.ERROR
    assert "edit it there and push" in ended.err


def test_pause_and_resume_a_rollout(api: Api, ask: Any, monkeypatch: Any) -> None:
    """Of Deployments alone."""
    monkeypatch.setattr("reconciler.server.writes.WRITTEN_WITHIN_S", 0.01)
    put_web(api)
    ended = ask("rollout", "pause", "deployment/shop/web")
    assert (ended.code, ended.out) == (Exit.DONE, "deployment/shop/web is paused\n")
    assert asked(api).paused is True
    refused = ask("rollout", "pause", "statefulset/shop/web")
    assert (refused.code, "pause is for deployments" in refused.err) == (Exit.ERROR, True)


def test_what_is_not_paused_is_resumed_already(api: Api, ask: Any) -> None:
    """Nothing is written."""
    put_web(api)
    assert ask("rollout", "resume", "deployment/shop/web").out == "deployment/shop/web is resumed\n"
    assert not api.operations.calls
