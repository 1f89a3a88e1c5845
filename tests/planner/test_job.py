"""Jobs: Pods that run to their end."""

from reconciler.model import kinds as k
from tests.planner.world import Cluster

JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, annotations: {ANNOTATIONS}}
spec:
  SPEC
  template:
    spec: {restartPolicy: Never, containers: [{name: m, image: "m:1"}]}
"""


def job(spec: str = "backoffLimit: 2", image: str = "m:1", annotations: str = "") -> str:
    """Return a Job's manifest."""
    return JOB.replace("SPEC", spec).replace("m:1", image).replace("ANNOTATIONS", annotations)


def conditions(cluster: Cluster) -> dict[str, str]:
    """Return the Job's true conditions that say how it stands, with their reasons."""
    interim = ("FailureTarget", "SuccessCriteriaMet")
    found = status(cluster).conditions
    return {one.type: one.reason for one in found if one.status == "True" and one.type not in interim}


def status(cluster: Cluster) -> k.JobStatus:
    """Return the Job's status."""
    found = cluster.of("Job")["migrate"]
    assert isinstance(found, k.Job)
    return found.status


def test_a_job_completes_and_stays_complete() -> None:
    """P19: a finished Job is finished; planning again starts nothing."""
    cluster = Cluster()
    cluster.push(job())
    cluster.settle()
    cluster.phase = lambda _: "Succeeded"
    cluster.report()
    cluster.settle()
    assert "Complete" in conditions(cluster)
    assert len(cluster.of("Pod")) == 1
    assert cluster.plan().is_empty


def test_a_failing_job_backs_off_and_gives_up_at_its_limit() -> None:
    """Three failures exceed a back-off limit of two; no Pod starts before its back-off has passed."""
    cluster = Cluster()
    cluster.phase = lambda _: "Failed"
    cluster.push(job())
    for _ in range(12):
        cluster.tick()
        cluster.now += 15
    assert conditions(cluster) == {"Failed": "BackoffLimitExceeded"}
    assert len(cluster.of("Pod")) == 3


def test_a_job_ends_at_its_deadline() -> None:
    """activeDeadlineSeconds stops what still runs."""
    cluster = Cluster()
    cluster.push(job("activeDeadlineSeconds: 60"))
    cluster.settle()
    assert cluster.plan().look_again_at is not None
    cluster.now += 70
    cluster.report()
    cluster.settle()
    assert conditions(cluster) == {"Failed": "DeadlineExceeded"}
    assert not cluster.of("Pod")


def test_an_indexed_job_runs_each_index_once() -> None:
    """Every completion index gets one successful Pod, with its annotation and host name."""
    cluster = Cluster()
    cluster.push(job("completions: 3\n  parallelism: 2\n  completionMode: Indexed"))
    cluster.tick()
    assert len(cluster.of("Pod")) == 2
    cluster.phase = lambda _: "Succeeded"
    cluster.report()
    cluster.settle()
    found = cluster.of("Job")["migrate"]
    assert isinstance(found, k.Job)
    assert found.status.completed_indexes == "0-2"
    indexes = {
        pod.metadata.annotations["batch.kubernetes.io/job-completion-index"] for pod in cluster.of("Pod").values()
    }
    assert indexes == {"0", "1", "2"}


def test_a_suspended_job_runs_nothing() -> None:
    """`suspend` ends the Pods of a running Job and starts none."""
    cluster = Cluster()
    cluster.push(job("suspend: true"))
    cluster.settle()
    assert not cluster.of("Pod")


def test_a_changed_job_is_blocked_unless_it_asks_to_be_replaced() -> None:
    """A Job's template is immutable: blocked with a hint, or replaced where its annotation says so."""
    cluster = Cluster()
    cluster.push(job())
    cluster.settle()
    cluster.push(job(image="m:2"), commit="c2")
    verdict = next(v for v in cluster.plan().verdicts if v.object.kind == "Job")
    assert verdict.decision == "blocked"
    assert "on-immutable-change" in verdict.message
    note = "reconciler.dev/on-immutable-change: replace"
    cluster.push(job(image="m:2", annotations=note), commit="c3")
    assert next(v for v in cluster.plan().verdicts if v.object.kind == "Job").decision == "replace"
    cluster.settle()
    assert {pod.spec.containers[0].image for pod in cluster.of("Pod").values()} == {"m:2"}
