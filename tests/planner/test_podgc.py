"""Pods that nobody else ends: what is told of a lost node and taken back, and which finished Pods are kept."""

from typing import Any

import pytest

from reconciler.model.kinds import Condition, Node, NodeSpec, NodeStatus, ObjectMeta, Pod, PodSpec, PodStatus, Taint
from reconciler.model.observed import ClusterInfo, ObservedState, StoredObject
from reconciler.model.plan import Decision, Reason
from reconciler.model.policy import Policy
from reconciler.model.refs import ObjectRef
from reconciler.model.times import rfc3339
from reconciler.planner.view import SYSTEM, View
from reconciler.planner.workloads.podgc import OUT_OF_SERVICE, collect_pods

NOW = 1_800_000_000.0
POLICY = Policy()
MESSAGE = "node n does not exist any more"


def gone(since_s: float, reason: str = "DeletionByPodGC") -> Condition:
    """Return the condition that tells of a lost node."""
    since = rfc3339(NOW - since_s)
    return Condition(
        type="DisruptionTarget",
        status="True",
        reason=reason,
        message=MESSAGE,
        last_transition_time=since,
        last_update_time=since,
    )


def stored(object: Any, manager: str = SYSTEM) -> StoredObject:
    """Return an object as it is stored."""
    ref = ObjectRef(kind=object.kind, namespace=object.metadata.namespace, name=object.metadata.name)
    return StoredObject(ref=ref, object=object, manager=manager)


def pod(
    name: str = "p", *conditions: Condition, node: str = "n", ending: bool = False, made_s: float = 0.0, **status: Any
) -> Pod:
    """Return a Pod that was made so long ago."""
    end = rfc3339(NOW - 5) if ending else None
    metadata = ObjectMeta(
        name=name, namespace="d", uid=name, deletion_timestamp=end, creation_timestamp=rfc3339(NOW - made_s)
    )
    ready = Condition(type="Ready", status="True")
    said = PodStatus(conditions=(ready, *conditions), **status)
    return Pod(metadata=metadata, spec=PodSpec(containers=(), node_name=node), status=said)


def node(ready: str = "", *taints: str) -> Node:
    """Return the node `n`; `ready` is the status of its condition, where it has one."""
    conditions = (Condition(type="Ready", status=ready),) if ready else ()  # type: ignore[arg-type]
    spec = NodeSpec(taints=tuple(Taint(key=key, effect="NoExecute") for key in taints))
    return Node(metadata=ObjectMeta(name="n", uid="n"), spec=spec, status=NodeStatus(conditions=conditions))


def collected(*objects: Any, policy: Policy = POLICY) -> View:
    """Return the view after Pods were collected."""
    found = {one.ref: one for one in (o if isinstance(o, StoredObject) else stored(o) for o in objects)}
    view = View(ObservedState(cluster=ClusterInfo(id="test"), objects=found), policy, NOW)
    collect_pods(view)
    return view


def removed(view: View) -> dict[str, tuple[Reason, str]]:
    """Return what goes, and why."""
    return {
        ref.name: (one.reason, one.message)
        for ref, one in view.verdicts.items()
        if one.decision is Decision.DELETE and ref.kind == "Pod"
    }


def said(view: View, name: str = "p") -> list[str]:
    """Return the types of a Pod's conditions."""
    return [one.type for one in view.objects[ObjectRef(kind="Pod", namespace="d", name=name)].object.status.conditions]


def test_a_pod_of_an_unknown_node_says_so_and_waits_for_the_lease() -> None:
    """It is looked at again when the lease ends, and then it goes."""
    view = collected(pod())
    assert said(view) == ["Ready", "DisruptionTarget"]
    assert view.look_again_at == NOW + POLICY.node_lease_s
    again = collected(pod("p", gone(POLICY.node_lease_s - 1)))
    assert not removed(again)
    assert said(again) == ["Ready", "DisruptionTarget"]
    assert again.look_again_at == NOW + 1
    assert removed(collected(pod("p", gone(POLICY.node_lease_s)))) == {"p": (Reason.POD_DELETED, MESSAGE)}


def test_what_was_said_of_a_node_is_taken_back_when_it_is_there_again() -> None:
    """What somebody else said of the Pod's end stays."""
    assert said(collected(pod("p", gone(5)), node("True"))) == ["Ready"]
    assert said(collected(pod("p", gone(5, "EvictionByEvictionAPI")), node("True"))) == ["Ready", "DisruptionTarget"]
    assert said(collected(pod("p", gone(5), ending=True), node("True"))) == ["Ready"]
    assert said(collected(pod("p", node=""))) == ["Ready"]


@pytest.mark.parametrize(
    ("ready", "taints", "ending", "goes"),
    [
        ("", [OUT_OF_SERVICE], True, True),
        ("False", [OUT_OF_SERVICE], True, True),
        ("Unknown", ["other", OUT_OF_SERVICE], True, True),
        ("True", [OUT_OF_SERVICE], True, False),
        ("False", ["other"], True, False),
        ("False", [OUT_OF_SERVICE], False, False),
    ],
)
def test_an_ending_pod_goes_with_a_node_out_of_service(ready: str, taints: list[str], ending: bool, goes: bool) -> None:
    """A person says that the node is off; one that reports is not believed to be, and only what ends goes."""
    expected = {"p": (Reason.POD_TERMINATING, "n is marked as out of service")} if goes else {}
    assert removed(collected(pod(ending=ending), node(ready, *taints))) == expected


@pytest.mark.parametrize(
    ("limit", "goes"), [(0, ""), (1, "older old middle-b"), (2, "older old"), (3, "older"), (4, "")]
)
def test_the_oldest_finished_pods_go_beyond_the_limit(limit: int, goes: str) -> None:
    """Evicted ones before all others; what is declared, runs, or is ending is neither counted nor removed."""
    finished = [
        pod("middle-b", phase="Failed", made_s=50, node=""),
        pod("old", phase="Succeeded", made_s=90, node=""),
        pod("older", phase="Failed", reason="Evicted", made_s=1, node=""),
        pod("young", phase="Succeeded", made_s=2, node=""),
    ]
    others = [
        pod("ending", phase="Failed", ending=True, node=""),
        pod("runs", phase="Running", made_s=999, node=""),
        stored(pod("declared", phase="Failed", made_s=999, node=""), "source/main"),
    ]
    policy = Policy(finished_pods_max=limit)
    found = removed(collected(*finished, *others, policy=policy))
    assert found == dict.fromkeys(goes.split(), (Reason.POD_FINISHED, f"only {limit} finished Pods are kept"))


def test_of_finished_pods_of_one_time_the_first_by_name_goes() -> None:
    """So that the same ones go, whoever looks."""
    pods = [pod(name, phase="Failed", node="") for name in ("b", "a", "c")]
    assert set(removed(collected(*pods, policy=Policy(finished_pods_max=1)))) == {"a", "b"}
