"""Pods that were to be disrupted and go on."""

import msgspec
import pytest

from reconciler.model.kinds import Condition, Pod
from reconciler.model.times import rfc3339
from reconciler.planner.health import condition
from tests.planner.world import Cluster

POD = """
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {containers: [{name: a, image: "b:1"}]}
"""
replace = msgspec.structs.replace


def told(cluster: Cluster, reason: str) -> None:
    """Have somebody tell that the Pod is to be disrupted, and then not delete it."""
    stored = next(one for ref, one in cluster.observed.objects.items() if ref.kind == "Pod")
    pod = stored.object
    assert isinstance(pod, Pod)
    target = Condition(type="DisruptionTarget", status="True", reason=reason, last_transition_time=rfc3339(cluster.now))
    status = replace(pod.status, conditions=(*pod.status.conditions, target))
    objects = {**cluster.observed.objects, stored.ref: replace(stored, object=replace(pod, status=status))}
    cluster.observed = replace(cluster.observed, objects=objects)


def is_target(cluster: Cluster) -> bool:
    """Whether the Pod is told to be disrupted."""
    pod = cluster.of("Pod")["web"]
    assert isinstance(pod, Pod)
    found = condition(pod.status.conditions, "DisruptionTarget")
    return found is not None and found.status == "True"


@pytest.mark.parametrize(("reason", "stays"), [("EvictionByEvictionAPI", False), ("TerminationByKubelet", True)])
def test_a_disruption_that_does_not_come_is_taken_back(reason: str, stays: bool) -> None:
    """After two minutes; a node may need longer for its own."""
    cluster = Cluster()
    cluster.push(POD)
    cluster.settle()
    told(cluster, reason)
    cluster.tick()
    assert is_target(cluster)
    cluster.now += 118
    cluster.report()
    cluster.tick()
    assert is_target(cluster)
    cluster.now += 2
    cluster.tick()
    assert is_target(cluster) == stays


def test_a_pod_that_ends_for_it_stays_told() -> None:
    """However long it takes, and after it has ended."""
    cluster = Cluster()
    cluster.push(POD)
    cluster.settle()
    told(cluster, "EvictionByEvictionAPI")
    cluster.ends = lambda _: False
    cluster.push("", commit="c2")
    cluster.acknowledge(cluster.tick())
    cluster.tick()
    assert cluster.of("Pod")["web"].metadata.deletion_timestamp
    cluster.now += 1_000
    cluster.report()
    cluster.tick()
    assert is_target(cluster)


def test_a_pod_that_has_ended_stays_told() -> None:
    """Its end had a reason."""
    cluster = Cluster()
    cluster.push(POD.replace("containers", "restartPolicy: Never, containers"))
    cluster.settle()
    told(cluster, "EvictionByEvictionAPI")
    cluster.phase = lambda _: "Failed"
    cluster.report()
    cluster.tick()
    cluster.now += 1_000
    cluster.report()
    cluster.tick()
    assert is_target(cluster)


def test_what_was_told_at_no_time_stays() -> None:
    """Nobody knows when it is over."""
    cluster = Cluster()
    cluster.push(POD)
    cluster.settle()
    told(cluster, "EvictionByEvictionAPI")
    (stored,) = (one for ref, one in cluster.observed.objects.items() if ref.kind == "Pod")
    pod = stored.object
    assert isinstance(pod, Pod)
    conditions = tuple(replace(one, last_transition_time=None) for one in pod.status.conditions)
    timeless = replace(stored, object=replace(pod, status=replace(pod.status, conditions=conditions)))
    cluster.observed = replace(cluster.observed, objects={**cluster.observed.objects, stored.ref: timeless})
    cluster.now += 1_000
    cluster.plan()
    assert is_target(cluster)
