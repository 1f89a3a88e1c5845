"""Jobs that say which Pods are theirs, or who runs them."""

import pytest

from reconciler.model import kinds as k
from reconciler.planner.workloads.job_tally import CONTROLLER_UID
from reconciler.schema.validate import SourceFile, validate
from tests.planner.jobs import indexed, made, synced
from tests.planner.test_job import job, status
from tests.planner.world import Cluster

JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: j}
spec:
  SPEC
  template:
    metadata: {labels: {app: m}}
    spec: {restartPolicy: Never, containers: [{name: m, image: "m:1"}]}
"""
CRON_JOB = """
apiVersion: batch/v1
kind: CronJob
metadata: {name: j}
spec:
  schedule: "@daily"
  jobTemplate:
    spec:
      SPEC
      template:
        metadata: {labels: {app: m}}
        spec: {restartPolicy: Never, containers: [{name: m, image: "m:1"}]}
"""


def problems(manifest: str, spec: str) -> list[str]:
    """Return where a manifest is wrong."""
    found = validate([SourceFile("a.yaml", manifest.replace("SPEC", spec).encode())]).problems
    return [problem.pointer for problem in found if problem.is_error]


def test_a_selector_of_its_own_needs_the_word_for_it() -> None:
    """A Job that only brings a selector would own the Pods of others without anybody having said so."""
    assert problems(JOB, "selector: {matchLabels: {app: m}}") == ["/spec/selector"]
    assert problems(JOB, "manualSelector: true") == ["/spec/manualSelector"]
    both = "manualSelector: true\n  selector: {matchLabels: {app: LABEL}}"
    assert problems(JOB, both.replace("LABEL", "m")) == []
    assert problems(JOB, both.replace("LABEL", "other")) == ["/spec/selector"]


def test_the_jobs_of_a_cron_job_have_no_selector_in_common() -> None:
    """They would take each other's Pods."""
    both = "manualSelector: true\n      selector: {matchLabels: {app: m}}"
    assert problems(CRON_JOB, both) == ["/spec/jobTemplate/spec"]


@pytest.mark.parametrize(("name", "is_refused"), [("acme.io/queue", False), ("queue", True), ("a b", True)])
def test_who_runs_a_job_has_a_domain(name: str, is_refused: bool) -> None:
    """Names without one would collide."""
    assert problems(JOB, f"managedBy: {name}") == (["/spec/managedBy"] if is_refused else [])


def test_pods_are_found_by_the_selector_that_was_given() -> None:
    """They have the labels of the template and none that tell of the Job."""
    wanted = {"matchLabels": {"app": "m"}}
    view = synced(indexed(1, selector=wanted, manualSelector=True))
    assert [CONTROLLER_UID in pod.metadata.labels for pod in made(view)] == [False]


def test_a_job_of_another_controller_is_left_alone() -> None:
    """`managedBy` names who runs it: no Pod starts, and its status stays that controller's."""
    cluster = Cluster()
    cluster.push(job("managedBy: acme.io/queue"))
    cluster.settle()
    assert not cluster.of("Pod")
    assert status(cluster) == k.JobStatus()
    assert cluster.plan().is_empty


def test_the_clusters_own_controller_may_be_named() -> None:
    """`managedBy: kubernetes.io/job-controller` changes nothing."""
    cluster = Cluster()
    cluster.push(job("managedBy: kubernetes.io/job-controller"))
    cluster.settle()
    assert len(cluster.of("Pod")) == 1
