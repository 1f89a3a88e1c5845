"""Conditions that other controllers write on workloads and nodes stay beside those of the cluster until taken back."""

from typing import Any

import msgspec
import pytest

from reconciler.model.kinds import Condition
from reconciler.model.overrides import Override
from reconciler.model.refs import ObjectRef
from tests.planner.world import Cluster

replace = msgspec.structs.replace

TEMPLATE = """
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: web}]}
"""
APPROVED = "example.com/approved"


def started(kind: str) -> Cluster:
    """Return a cluster with a workload that runs."""
    service = "  serviceName: web\n" if kind == "StatefulSet" else ""
    cluster = Cluster()
    cluster.push(f"apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: web}}\nspec:{TEMPLATE}{service}")
    cluster.settle()
    return cluster


def conditions(cluster: Cluster, ref: ObjectRef) -> dict[str, Condition]:
    """Return an object's conditions by type."""
    object: Any = cluster.observed.objects[ref].object
    return {one.type: one for one in object.status.conditions}


def say(cluster: Cluster, ref: ObjectRef, *given: Condition) -> None:
    """Have another controller write these conditions, or take all back."""
    uid = cluster.observed.objects[ref].object.metadata.uid
    change = Override(ref=ref, uid=uid, conditions=given or None, by="approver")
    cluster.observed = replace(cluster.observed, overrides={ref: change} if given else {})
    cluster.settle()


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_a_given_condition_stands_beside_the_clusters(kind: str) -> None:
    """It comes with the time of its transition, stays as the workload goes on, and goes when it is taken back."""
    cluster, ref = started(kind), ObjectRef.of(kind, "default", "web")
    before = conditions(cluster, ref)
    say(cluster, ref, Condition(type=APPROVED, status="True", reason="Reviewed"))
    found = conditions(cluster, ref)
    assert set(found) == {*before, APPROVED}
    since = found[APPROVED].last_transition_time
    assert since and found[APPROVED].reason == "Reviewed"
    cluster.now += 100
    cluster.push(f"apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: web}}\nspec:{TEMPLATE}  minReadySeconds: 1\n")
    cluster.settle()
    assert conditions(cluster, ref)[APPROVED].last_transition_time == since
    say(cluster, ref)
    assert set(conditions(cluster, ref)) == set(before)


def test_another_status_has_another_time() -> None:
    """The time is that of the last change between true and false."""
    cluster, ref = started("Deployment"), ObjectRef.of("Deployment", "default", "web")
    say(cluster, ref, Condition(type=APPROVED, status="True"))
    since = conditions(cluster, ref)[APPROVED].last_transition_time
    cluster.now += 100
    say(cluster, ref, Condition(type=APPROVED, status="False"))
    assert conditions(cluster, ref)[APPROVED].last_transition_time != since


def test_a_node_has_the_conditions_of_what_watches_it() -> None:
    """A detector of problems may say more of a node than its agent does."""
    cluster, ref = started("Deployment"), ObjectRef.of("Node", "", "node-1")
    say(cluster, ref, Condition(type="KernelDeadlock", status="False"))
    assert {"Ready", "KernelDeadlock"} <= set(conditions(cluster, ref))
    say(cluster, ref)
    assert "KernelDeadlock" not in conditions(cluster, ref)


def test_words_about_an_earlier_object_are_not_given_to_the_next() -> None:
    """They were about that very object."""
    cluster, ref = started("Deployment"), ObjectRef.of("Deployment", "default", "web")
    change = Override(ref=ref, uid="another", conditions=(Condition(type=APPROVED, status="True"),))
    cluster.observed = replace(cluster.observed, overrides={ref: change})
    cluster.tick()
    assert APPROVED not in conditions(cluster, ref)


def test_what_the_cluster_says_itself_stays() -> None:
    """Without a word of another controller, and beside one."""
    cluster, ref = started("Deployment"), ObjectRef.of("Deployment", "default", "web")
    assert set(conditions(cluster, ref)) == {"Available", "Progressing"}
    say(cluster, ref, Condition(type=APPROVED, status="True"))
    assert set(conditions(cluster, ref)) == {"Available", "Progressing", APPROVED}


def test_a_condition_is_laid_in_the_very_step_in_which_another_object_goes() -> None:
    """Whatever its name."""
    cluster, ref = started("Deployment"), ObjectRef.of("Deployment", "default", "web")
    web, other = (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:{TEMPLATE}---\n"
        for name in ("web", "a")
    )
    cluster.push(web + other)
    cluster.settle()
    cluster.push(web, commit="c2")
    uid = cluster.observed.objects[ref].object.metadata.uid
    given = (Condition(type=APPROVED, status="True"),)
    cluster.observed = replace(cluster.observed, overrides={ref: Override(ref=ref, uid=uid, conditions=given)})
    cluster.acknowledge(cluster.plan())
    cluster.tick()
    assert set(cluster.of("Deployment")) == {"web"}
    assert APPROVED in conditions(cluster, ref)
