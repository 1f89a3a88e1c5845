"""Jobs: Pods that run to their end."""

from reconciler.model import kinds as k
from reconciler.model.plan import Verdict
from reconciler.model.times import rfc3339
from reconciler.planner.view import replace
from reconciler.planner.workloads.job_tally import FAILURES, INDEX
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


def verdict(cluster: Cluster) -> Verdict:
    """Return the verdict that the Job would get now."""
    return next(one for one in cluster.plan().verdicts if one.object.kind == "Job")


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


def test_an_indexed_job_grows_and_shrinks_as_a_whole() -> None:
    """Completions change together with parallelism; by themselves they are fixed."""
    spec = "completionMode: Indexed\n  completions: {0}\n  parallelism: {1}"
    cluster = Cluster()
    cluster.push(job(spec.format(2, 2)))
    cluster.settle()
    cluster.push(job(spec.format(3, 3)), commit="c2")
    cluster.settle()
    assert len(cluster.of("Pod")) == 3
    cluster.push(job(spec.format(1, 1)), commit="c3")
    cluster.settle()
    assert [pod.metadata.annotations[INDEX] for pod in cluster.of("Pod").values()] == ["0"]
    cluster.push(job(spec.format(4, 1)), commit="c4")
    assert verdict(cluster).reason == "immutable-field"


def test_parallelism_may_change_while_it_runs() -> None:
    """More Pods start, or those too many end without counting as failures."""
    cluster = Cluster()
    cluster.push(job("completions: 6\n  parallelism: 4"))
    cluster.settle()
    cluster.push(job("completions: 6\n  parallelism: 1"), commit="c2")
    cluster.settle()
    assert (len(cluster.of("Pod")), status(cluster).failed) == (1, 0)


def test_an_index_knows_its_number() -> None:
    """Name, host name and environment of each Pod tell its index."""
    cluster = Cluster()
    cluster.push(job("completionMode: Indexed\n  completions: 2\n  parallelism: 2"))
    cluster.settle()
    names = sorted(cluster.of("Pod"))
    assert [name[:-5] for name in names] == ["migrate-0-", "migrate-1-"]
    pod = cluster.of("Pod")[names[1]]
    assert isinstance(pod, k.Pod)
    assert pod.spec.hostname == "migrate-1"
    (variable,) = pod.spec.containers[0].env
    assert variable.name == "JOB_COMPLETION_INDEX"
    assert variable.value_from is not None
    assert variable.value_from.field_ref is not None
    assert INDEX in variable.value_from.field_ref.field_path


def test_a_job_succeeds_early_where_its_policy_says_so() -> None:
    """The leader is enough: what still runs ends, and does not count as failed."""
    cluster = Cluster()
    policy = "{rules: [{succeededIndexes: '0'}]}"
    cluster.push(job(f"completionMode: Indexed\n  completions: 3\n  parallelism: 3\n  successPolicy: {policy}"))
    cluster.settle()
    cluster.phase = lambda pod: "Succeeded" if pod.metadata.annotations[INDEX] == "0" else "Running"
    cluster.report()
    cluster.settle()
    assert conditions(cluster) == {"Complete": "SuccessPolicy"}
    assert (status(cluster).succeeded, status(cluster).failed) == (1, 0)
    assert cluster.plan().is_empty


def test_a_job_is_over_only_when_its_pods_have_ended() -> None:
    """It is decided at once, and Failed once the last Pod is gone: replacing it early would run two at a time."""
    cluster = Cluster()
    cluster.push(job("activeDeadlineSeconds: 60"))
    cluster.settle()
    cluster.ends = lambda _: False
    cluster.now += 70
    cluster.report()
    cluster.settle()
    assert conditions(cluster) == {}
    assert status(cluster).terminating == 1
    assert not cluster.plan().changes
    cluster.ends = lambda _: True
    cluster.report()
    cluster.settle()
    assert conditions(cluster) == {"Failed": "DeadlineExceeded"}
    assert status(cluster).completion_time is None


def test_a_resumed_job_has_its_whole_time_again() -> None:
    """The deadline counts from the resumption, and the suspension is told of."""
    cluster = Cluster()
    cluster.push(job("activeDeadlineSeconds: 60"))
    cluster.settle()
    cluster.push(job("activeDeadlineSeconds: 60\n  suspend: true"), commit="c2")
    answer = cluster.tick()
    assert {one.reason for one in answer.verdicts if one.object.kind == "Pod"} == {"suspended"}
    cluster.settle()
    cluster.now += 100
    cluster.report()
    cluster.settle()
    assert conditions(cluster) == {"Suspended": "JobSuspended"}
    cluster.push(job("activeDeadlineSeconds: 60"), commit="c3")
    cluster.settle()
    cluster.now += 40
    cluster.report()
    cluster.settle()
    assert conditions(cluster) == {}
    assert (status(cluster).active, status(cluster).failed) == (1, 0)


def test_a_pod_that_is_deleted_counts_once() -> None:
    """Somebody deletes a Pod: one failure, a new Pod after the back-off, and no second count when it is gone."""
    cluster = Cluster()
    cluster.push(job("backoffLimit: 3"))
    cluster.settle()
    ref, stored = next((ref, one) for ref, one in cluster.observed.objects.items() if ref.kind == "Pod")
    metadata = replace(stored.object.metadata, deletion_timestamp=rfc3339(cluster.now))
    gone = replace(stored, object=replace(stored.object, metadata=metadata))
    cluster.observed = replace(cluster.observed, objects={**cluster.observed.objects, ref: gone})
    cluster.report()
    cluster.settle()
    cluster.now += 15
    cluster.report()
    cluster.settle()
    assert (status(cluster).failed, status(cluster).active) == (1, 1)
    assert cluster.plan().is_empty


def test_failures_of_one_index_do_not_touch_the_others() -> None:
    """backoffLimitPerIndex: index 1 fails for good, the others succeed, and the Job says which failed."""
    cluster = Cluster()
    cluster.phase = lambda pod: "Failed" if pod.metadata.annotations[INDEX] == "1" else "Succeeded"
    cluster.push(job("completionMode: Indexed\n  completions: 3\n  parallelism: 3\n  backoffLimitPerIndex: 1"))
    for _ in range(10):
        cluster.tick()
        cluster.now += 15
    assert conditions(cluster) == {"Failed": "FailedIndexes"}
    assert (status(cluster).completed_indexes, status(cluster).failed_indexes) == ("0,2", "1")
    assert (status(cluster).succeeded, status(cluster).failed) == (2, 2)
    assert sorted(pod.metadata.annotations[FAILURES] for pod in cluster.of("Pod").values()) == ["0", "0", "0", "1"]


def test_a_finished_job_goes_after_its_time_to_live() -> None:
    """One that Git declares keeps its name, so that it is not run again; its Pods go."""
    cluster = Cluster()
    cluster.phase = lambda _: "Succeeded"
    cluster.push(job("ttlSecondsAfterFinished: 100"))
    cluster.settle()
    assert conditions(cluster) == {"Complete": "CompletionsReached"}
    cluster.now += 200
    cluster.report()
    cluster.settle()
    assert not cluster.of("Pod")
    assert conditions(cluster) == {"Complete": "CompletionsReached"}
    assert cluster.plan().is_empty
