"""Containers that persons add to Pods: they become the Pod's own, whatever its declaration says later."""

from __future__ import annotations

from typing import Any

from reconciler.model.kinds import EphemeralContainer, Pod
from reconciler.model.overrides import Override, merged
from reconciler.model.refs import ObjectRef
from tests.planner.world import Cluster, replace

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: web}}
spec: {{containers: [{{name: main, image: "{image}"}}]}}
"""
WEB = ObjectRef.of("Pod", "default", "web")
DEBUGGER = EphemeralContainer(name="debugger", image="busybox")


def started() -> Cluster:
    """A cluster with a Pod that runs."""
    cluster = Cluster()
    cluster.push(POD.format(image="web:1"))
    cluster.settle()
    return cluster


def ask(cluster: Cluster, *containers: EphemeralContainer, **fields: Any) -> Override:
    """Have a person ask for containers."""
    uid = cluster.observed.objects[WEB].object.metadata.uid
    change = Override(**{"ref": WEB, "uid": uid, "ephemeral": containers, "by": "ada", **fields})
    cluster.observed = replace(cluster.observed, overrides={WEB: change})
    return change


def names(cluster: Cluster) -> list[str]:
    """The containers that look into the Pod."""
    pod: Any = cluster.of("Pod")["web"]
    assert isinstance(pod, Pod)
    return [one.name for one in pod.spec.ephemeral_containers]


def test_a_container_that_was_asked_for_becomes_the_pods_own() -> None:
    """The plan says who asked, the order is forgotten, and the Pod is the same Pod."""
    cluster = started()
    uid = cluster.observed.objects[WEB].object.metadata.uid
    change = ask(cluster, DEBUGGER)
    answer = cluster.plan()
    verdict = next(one for one in answer.verdicts if one.object.kind == "Pod")
    assert verdict.message == "container debugger added by ada"
    assert [(one.before, one.after) for one in answer.overrides] == [(change, None)]
    cluster.settle()
    assert names(cluster) == ["debugger"]
    assert cluster.observed.objects[WEB].object.metadata.uid == uid


def test_a_word_about_something_else_is_not_in_the_way() -> None:
    """The Pod's node is cordoned by then."""
    cluster = started()
    node = ObjectRef(kind="Node", name="node-1")
    uid = cluster.observed.objects[node].object.metadata.uid
    change = ask(cluster, DEBUGGER)
    cordoned = Override(ref=node, uid=uid, unschedulable=True, by="ada", at=cluster.now)
    cluster.observed = replace(cluster.observed, overrides={node: cordoned, WEB: change})
    cluster.settle()
    assert names(cluster) == ["debugger"]


def test_a_new_declaration_leaves_it_there() -> None:
    """Another image is another image, and no reason to look away."""
    cluster = started()
    ask(cluster, DEBUGGER)
    cluster.settle()
    cluster.push(POD.format(image="web:2"), commit="c2")
    cluster.settle()
    pod: Any = cluster.of("Pod")["web"]
    assert pod.spec.containers[0].image == "web:2"
    assert names(cluster) == ["debugger"]


def test_what_cannot_be_is_told_and_forgotten() -> None:
    """The Pod may have changed since it was asked for."""
    cluster = started()
    ask(cluster, replace(DEBUGGER, target_container_name="gone"))
    answer = cluster.plan()
    assert [one.reason for one in answer.happenings] == ["DebuggingRefused"]
    cluster.settle()
    assert names(cluster) == []


def test_it_is_asked_for_on_that_very_pod() -> None:
    """One of the same name that was made since has nobody who looks into it."""
    cluster = started()
    ask(cluster, DEBUGGER, uid="another")
    cluster.settle()
    assert names(cluster) == []


def test_orders_that_follow_each_other_come_together() -> None:
    """The second does not know of the first, which was not done yet."""
    first = Override(ref=WEB, uid="u", ephemeral=(DEBUGGER,))
    second = Override(ref=WEB, uid="u", ephemeral=(replace(DEBUGGER, name="second"), replace(DEBUGGER, image="other")))
    both = merged(first, second).ephemeral
    assert both is not None
    assert [(one.name, one.image) for one in both] == [("debugger", "busybox"), ("second", "busybox")]
    assert not merged(None, first).is_empty
