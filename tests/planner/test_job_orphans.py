"""Pods that no Job counts any more bear no mark that something could wait for."""

import msgspec
import pytest

from reconciler.model.kinds import Job, OwnerReference, Pod
from reconciler.planner.view import View
from reconciler.planner.workloads.job_orphans import is_orphan, untrack_orphans
from reconciler.planner.workloads.job_tally import TRACKED
from tests.planner.jobs import JOB, ago, condition, job, pod, view_of
from tests.planner.world import Cluster

replace = msgspec.structs.replace
TASK = """
apiVersion: batch/v1
kind: Job
metadata: {name: task, annotations: {reconciler.dev/deletion-propagation: %s}}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: a, image: b}]
"""
KEEP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: keep}
"""


def owned(by: OwnerReference | None) -> Pod:
    """Return a Pod with the mark, and this owner."""
    made = pod("a")
    return replace(made, metadata=replace(made.metadata, owner_references=(by,) if by is not None else ()))


def owner(**other: object) -> OwnerReference:
    """Return a reference to the Job `j`, or to something a little different."""
    given = {"api_version": "batch/v1", "kind": "Job", "name": "j", "uid": "j", "controller": True, **other}
    return OwnerReference(**given)


@pytest.mark.parametrize(
    ("job_is", "by", "expected"),
    [
        (job(), owner(), False),
        (job(), owner(uid="former"), True),
        (job(), owner(controller=False), True),
        (job(), None, True),
        (None, owner(), True),
        (None, owner(kind="CronJob"), False),
        (None, owner(api_version="example/v1"), False),
        (job({"conditions": [condition("Complete")]}), owner(), True),
        (job({"conditions": [condition("Failed")]}), owner(), True),
        (job({"conditions": [condition("FailureTarget")]}), owner(), False),
    ],
)
def test_who_counts_a_pod(job_is: Job | None, by: OwnerReference | None, expected: bool) -> None:
    """A Job that goes on does; what something else controls is not ours to judge."""
    there = job_is or replace(job(), metadata=replace(job().metadata, name="other"))
    assert is_orphan(view_of(there), owned(by)) == expected


def test_a_job_that_is_being_deleted_counts_none() -> None:
    """Its Pods would never go."""
    ending = replace(job(), metadata=replace(job().metadata, deletion_timestamp=ago(1)))
    assert is_orphan(view_of(ending), owned(owner()))


def marks(view: View) -> list[tuple[str, ...]]:
    """Return the finalizers of all Pods."""
    return [one.object.metadata.finalizers for one in view.of_kind("Pod")]


def test_only_the_mark_is_taken_off() -> None:
    """Other finalizers are other people's, and a Pod that is counted keeps its own."""
    kept = owned(None)
    kept = replace(kept, metadata=replace(kept.metadata, finalizers=("a/b", TRACKED)))
    view = view_of(job(), [kept, pod("b")])
    untrack_orphans(view)
    assert marks(view) == [("a/b",), (TRACKED,)]
    assert view.get(JOB) is not None


@pytest.mark.parametrize("propagation", ["Foreground", "Background"])
def test_a_deleted_job_takes_its_running_pods_along(propagation: str) -> None:
    """Nothing of it is left, also where the Job waits for its Pods."""
    cluster = Cluster()
    cluster.push(TASK % propagation + "---" + KEEP)
    cluster.settle()
    assert cluster.of("Pod")
    cluster.push(KEEP, commit="c2")
    cluster.settle()
    assert not (cluster.of("Pod") or cluster.of("Job"))


def test_orphans_of_a_deleted_job_lose_the_mark() -> None:
    """They run on, and can be deleted like any other Pod."""
    cluster = Cluster()
    cluster.push(TASK % "Orphan" + "---" + KEEP)
    cluster.settle()
    cluster.push(KEEP, commit="c2")
    cluster.settle()
    assert not cluster.of("Job")
    assert [one.metadata.finalizers for one in cluster.of("Pod").values()] == [()]
