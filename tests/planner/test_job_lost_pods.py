"""Pods of Jobs that end without a node to say so: theirs is gone for ever, or they never had one."""

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.kinds import Condition, Node, NodeSpec, ObjectMeta, Pod, Taint
from reconciler.model.policy import Policy
from reconciler.model.refs import ObjectRef
from reconciler.model.times import rfc3339
from reconciler.planner.view import View
from reconciler.planner.workloads.job import sync_jobs
from reconciler.planner.workloads.podgc import OUT_OF_SERVICE, collect_pods
from tests.planner.jobs import NOW, job, made, pod, stored, the_job, view_of
from tests.planner.test_job import job as manifest
from tests.planner.test_job import status
from tests.planner.test_overrides import override
from tests.planner.world import Cluster

IGNORED = {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]}
LOST = Condition(
    type="DisruptionTarget",
    status="True",
    reason="DeletionByPodGC",
    last_transition_time=rfc3339(NOW - Policy().node_lease_s),
)


def lost(**more: Any) -> Pod:
    """Return a Pod that runs on a node of which nobody has heard since it was forgotten."""
    found = pod("lost", **more)
    return replace(found, status=replace(found.status, conditions=(LOST,)))


def looked_at(view: View) -> View:
    """Return the view after Pods were collected and the Job was looked at."""
    collect_pods(view)
    sync_jobs(view)
    return view


@pytest.mark.parametrize(("policy", "failed"), [({}, 1), ({"podFailurePolicy": IGNORED}, 0)])
def test_a_pod_that_is_lost_with_its_node_has_failed(policy: dict[str, Any], failed: int) -> None:
    """It counts against the limit, unless the Job's policy says that such ends do not; then it goes."""
    view = looked_at(view_of(job(backoffLimit=3, **policy), [lost()]))
    assert the_job(view).status.failed == failed
    assert [one.ref.name for one in view.of_kind("Pod")] == [one.metadata.name for one in made(view)]


def test_a_job_gives_up_when_too_many_pods_were_lost() -> None:
    """Its limit holds however its Pods end."""
    view = looked_at(view_of(job(backoffLimit=0), [lost()]))
    assert not view.of_kind("Pod")
    assert [one.type for one in the_job(view).status.conditions] == ["FailureTarget", "Failed"]


def test_an_ending_pod_of_a_node_out_of_service_counts() -> None:
    """A person says that the node is off: what ended there has failed."""
    taint = Taint(key=OUT_OF_SERVICE, effect="NoExecute")
    node = Node(metadata=ObjectMeta(name="n", uid="n"), spec=NodeSpec(taints=(taint,)))
    view = view_of(job(backoffLimit=3), [pod("off", ending=True)])
    objects = {**view.observed.objects, stored(node).ref: stored(node)}
    view = looked_at(View(replace(view.observed, objects=objects), Policy(), NOW))
    assert the_job(view).status.failed == 1
    assert "off" not in [one.ref.name for one in view.of_kind("Pod")]


def test_a_waiting_pod_that_somebody_deletes_has_failed() -> None:
    """As one that runs: the Job's limit of failures holds, and the next one comes after a while."""
    cluster = Cluster(())
    cluster.push(manifest("backoffLimit: 3"))
    cluster.settle()
    (name,) = cluster.of("Pod")
    override(cluster, ObjectRef.of("Pod", "default", name), delete_at=cluster.now)
    cluster.settle()
    assert status(cluster).failed == 1
    assert name not in cluster.of("Pod")
    assert cluster.plan().is_empty
