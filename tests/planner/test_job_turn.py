"""One look of the controller at a Job: what it starts and ends, counts, decides and tells."""

from typing import Any

import pytest

from reconciler.model.kinds import EnvVar, Job, Pod
from reconciler.model.plan import Decision, Reason
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.job import expires_at
from reconciler.planner.workloads.job_tally import FAILURES, IGNORED_FAILURES, INDEX, TRACKED
from tests.planner.jobs import JOB, NOW, ago, condition, ended, indexed, job, made, pod, synced, the_job

WAITING = {"podReplacementPolicy": "Failed"}
READY = [{"type": "Ready", "status": "True"}]


def holds(view: View) -> dict[str, str]:
    """Return the conditions that hold, with their reasons."""
    return {one.type: one.reason for one in the_job(view).status.conditions if one.status == "True"}


def told(view: View) -> list[tuple[str, str, str]]:
    """Return what is told."""
    return [(one.type, one.reason, one.message) for one in view.happenings]


@pytest.mark.parametrize(
    ("of", "pods", "starts", "ends"),
    [
        (job(parallelism=3, completions=9), [pod("a")], 2, ""),
        (job(parallelism=3, completions=2), [], 2, ""),
        (job({"succeeded": 8}, parallelism=3, completions=9), [], 1, ""),
        (job({"succeeded": 8}, parallelism=3, completions=9), [pod("a")], 0, ""),
        (job(parallelism=1, completions=9), [pod("a"), pod("b", "Pending")], 0, "b"),
        (job(parallelism=0, completions=9), [pod("a")], 0, "a"),
        (job(parallelism=2), [pod("a", "Succeeded"), pod("b")], 0, ""),
        (job(parallelism=2), [], 2, ""),
        (job(parallelism=2, completions=2), [pod("a", ending=True, counted=True)], 2, ""),
        (job(parallelism=2, completions=2, **WAITING), [pod("a", ending=True)], 1, ""),
        (job(parallelism=1, completions=1), [pod("a", "Failed", ended_s=10)], 1, ""),
        (job(parallelism=1, completions=1), [pod("a", "Failed", ended_s=9)], 0, ""),
        (job(parallelism=1, suspend=True), [pod("a"), pod("b")], 0, "a b"),
        (indexed(3, backoffLimitPerIndex=5), [pod("a", "Failed", index=1, ended_s=9)], 2, ""),
        (indexed(3, backoffLimitPerIndex=5), [pod("a", "Failed", index=1, ended_s=10)], 3, ""),
    ],
)
def test_pods_start_and_end_towards_what_is_wanted(of: Job, pods: list[Pod], starts: int, ends: str) -> None:
    """No more than completions are missing, nor than may run at a time; never both in one pass."""
    view = synced(of, *pods)
    assert (len(made(view)), ended(view)) == (starts, ends.split())
    assert all(TRACKED in one.metadata.finalizers for one in made(view))
    assert the_job(view).status.pods_created == starts


def test_a_pod_that_the_job_ends_is_no_failure() -> None:
    """Its mark goes before it does."""
    view = synced(job(parallelism=1, completions=9), pod("a"), pod("b", "Pending"))
    (ref,) = (ref for ref in view.objects if ref.name == "b")
    assert TRACKED not in view.objects[ref].object.metadata.finalizers
    assert the_job(view).status.failed == 0
    assert view.verdicts[ref].reason is Reason.SCALE_DOWN


def test_the_back_off_is_waited_for() -> None:
    """It is looked at again when the next Pod may start."""
    assert synced(job(), pod("a", "Failed", ended_s=4)).look_again_at == NOW + 6


def test_each_index_gets_its_pod_with_what_it_has_to_know() -> None:
    """Number and failures so far; the name has room for the number whatever the Job's is."""
    view = synced(indexed(2, backoffLimitPerIndex=5), pod("a", "Failed", index=1, failures=2, ended_s=99))
    first, second = made(view)
    assert [one.metadata.annotations[INDEX] for one in (first, second)] == ["0", "1"]
    assert [one.metadata.labels[INDEX] for one in (first, second)] == ["0", "1"]
    assert [one.metadata.annotations[FAILURES] for one in (first, second)] == ["0", "3"]
    assert second.metadata.annotations.get(IGNORED_FAILURES, "0") == "0"
    assert [one.metadata.name[:4] for one in (first, second)] == ["j-0-", "j-1-"]
    assert [one.spec.hostname for one in (first, second)] == ["j-0", "j-1"]
    (variable,) = second.spec.containers[0].env
    assert variable.name == "JOB_COMPLETION_INDEX"


# Counting


@pytest.mark.parametrize(
    ("of", "pods", "succeeded", "failed"),
    [
        (job({"succeeded": 1, "failed": 1}, completions=9), [pod("a", "Succeeded"), pod("b", "Failed")], 2, 2),
        (job(completions=9), [pod("a", "Succeeded", counted=True), pod("b", "Failed", counted=True)], 0, 0),
        (job(completions=9), [pod("a", ending=True)], 0, 1),
        (job(completions=9, **WAITING), [pod("a", ending=True)], 0, 0),
        (job(completions=9), [pod("a")], 0, 0),
        (job({"failed": 6}, completions=9), [pod("a", "Failed"), pod("b")], 0, 8),
        (indexed(2, backoffLimit=9), [pod("a", "Failed", index=0), pod("b", "Failed", index=2)], 0, 1),
        (indexed(2, backoffLimit=9), [pod("a", "Succeeded", index=0), pod("b", "Succeeded", index=0)], 1, 0),
        (indexed(2, backoffLimitPerIndex=5), [pod("a", "Failed", index=0, ended_s=1)], 0, 0),
    ],
)
def test_every_pod_counts_once(of: Job, pods: list[Pod], succeeded: int, failed: int) -> None:
    """When it has ended; all of them where the Job has failed, and one that is followed with the next one."""
    view = synced(of, *pods)
    status = the_job(view).status
    assert (status.succeeded, status.failed) == (succeeded, failed)
    assert status.observed_generation == 3


def test_the_status_counts_who_runs() -> None:
    """Running, ready, and ending ones; indexes as ranges."""
    status = the_job(synced(job(parallelism=3), pod("a", conditions=READY), pod("b"), pod("c", ending=True))).status
    assert (status.active, status.ready, status.terminating) == (2, 1, 1)
    pods = [pod(f"p{index}", "Succeeded", index=index) for index in (0, 1, 3)]
    status = the_job(synced(indexed(6), *pods)).status
    assert (status.completed_indexes, status.failed_indexes) == ("0,1,3", None)
    broken = pod("b", "Failed", index=2)
    status = the_job(synced(indexed(6, backoffLimitPerIndex=0), *pods, broken)).status
    assert (status.completed_indexes, status.failed_indexes) == ("0,1,3", "2")
    assert the_job(synced(job(), pod("a"))).status.completed_indexes == ""


# Deciding


@pytest.mark.parametrize(
    ("of", "pods", "reason"),
    [
        (job(backoffLimit=2), [pod("a", "Failed"), pod("b", "Failed"), pod("c", "Failed")], "BackoffLimitExceeded"),
        (job(backoffLimit=2), [pod("a", "Failed"), pod("b", "Failed")], ""),
        (job(activeDeadlineSeconds=60), [], "DeadlineExceeded"),
        (job(activeDeadlineSeconds=61), [], ""),
        (job(activeDeadlineSeconds=60, suspend=True), [], ""),
        (
            indexed(4, backoffLimitPerIndex=0, maxFailedIndexes=0),
            [pod("a", "Failed", index=0)],
            "MaxFailedIndexesExceeded",
        ),
        (indexed(4, backoffLimitPerIndex=0, maxFailedIndexes=1), [pod("a", "Failed", index=0)], ""),
        (
            indexed(2, backoffLimitPerIndex=0),
            [pod("a", "Failed", index=0), pod("b", "Succeeded", index=1)],
            "FailedIndexes",
        ),
        (indexed(2, backoffLimitPerIndex=0), [pod("a", "Failed", index=0), pod("b", index=1)], ""),
    ],
)
def test_a_job_fails_by_the_first_limit_that_is_reached(of: Job, pods: list[Pod], reason: str) -> None:
    """At the limit itself it goes on, at the deadline it does not."""
    view = synced(of, *pods)
    assert holds(view).get("Failed", "") == reason
    assert holds(view).get("FailureTarget", "") == reason
    assert [(type_, why) for type_, why, _ in told(view) if why == reason] == ([("Warning", reason)] if reason else [])
    assert the_job(view).status.completion_time is None


def test_the_deadline_is_looked_at_when_it_comes() -> None:
    """It counts from the start, and for a Job that goes on from now."""
    assert synced(job(activeDeadlineSeconds=61), pod("a")).look_again_at == NOW + 1
    suspended = {"conditions": [condition("Suspended")]}
    assert synced(job(suspended, activeDeadlineSeconds=60), pod("a")).look_again_at == NOW + 60


def test_a_job_that_failed_waits_for_its_pods_to_end() -> None:
    """Then it is over, by what was decided first."""
    limits: dict[str, Any] = {"activeDeadlineSeconds": 9}
    view = synced(job(**limits), pod("a"))
    assert holds(view) == {"FailureTarget": "DeadlineExceeded"}
    assert ended(view) == ["a"]
    assert the_job(view).status.failed == 1
    assert not told(view)
    decided = {"conditions": [condition("FailureTarget", reason="Earlier", lastTransitionTime=ago(5))]}
    view = synced(job(decided, **limits))
    assert holds(view) == {"FailureTarget": "Earlier", "Failed": "Earlier"}
    times = {one.type: one.last_transition_time for one in the_job(view).status.conditions}
    assert times == {"FailureTarget": ago(5), "Failed": ago(0)}


@pytest.mark.parametrize(
    ("of", "pods", "conditions"),
    [
        (job({"succeeded": 1}, completions=2), [pod("a", "Succeeded")], "SuccessCriteriaMet Complete"),
        (job(completions=2), [pod("a", "Succeeded")], ""),
        (job({"succeeded": 1}, completions=2), [pod("a", "Succeeded"), pod("b")], "SuccessCriteriaMet"),
        (job(), [pod("a", "Succeeded")], "SuccessCriteriaMet Complete"),
        (job(parallelism=0), [], ""),
        (job(parallelism=2), [pod("a", "Succeeded"), pod("b")], ""),
    ],
)
def test_a_job_completes_when_enough_succeeded_and_nothing_runs(of: Job, pods: list[Pod], conditions: str) -> None:
    """Which is told, with the time of it; what runs besides has to end first."""
    view = synced(of, *pods)
    completes = conditions.endswith("Complete")
    assert holds(view) == dict.fromkeys(conditions.split(), "CompletionsReached")
    said = [("Normal", "Completed", "as many Pods as wanted have succeeded")] if completes else []
    assert [one for one in told(view) if one[1] == "Completed"] == said
    assert the_job(view).status.completion_time == (ago(0) if completes else None)


# Before and after


def test_a_suspended_job_says_so_and_counts_its_time_anew() -> None:
    """Once; when it goes on, that is told too."""
    view = synced(job(suspend=True))
    assert told(view) == [("Normal", "Suspended", "suspended")]
    assert holds(view) == {"Suspended": "JobSuspended"}
    assert view.verdicts[JOB].reason is Reason.SUSPENDED
    suspended = {"conditions": [condition("Suspended")]}
    assert not told(synced(job(suspended, suspend=True)))
    view = synced(job(suspended), pod("a"))
    assert told(view) == [("Normal", "Resumed", "goes on")]
    assert the_job(view).status.start_time == ago(0)
    assert [(one.status, one.reason) for one in the_job(view).status.conditions] == [("False", "JobResumed")]
    assert the_job(synced(job({"startTime": None}, suspend=True))).status.start_time is None
    assert the_job(synced(job({"startTime": None}))).status.start_time == ago(0)
    assert the_job(synced(job(), pod("a"))).status.start_time == ago(60)


DONE = {"conditions": [condition("Complete", lastTransitionTime=ago(10))]}


def test_a_finished_job_starts_nothing_and_keeps_its_pods() -> None:
    """Whatever is still marked is let go; being suspended does not matter any more."""
    view = synced(job(DONE, parallelism=3, suspend=True), pod("a", "Succeeded"))
    assert not made(view)
    assert view.verdicts[JOB].reason is Reason.IN_SYNC
    (ref,) = (ref for ref in view.objects if ref.name == "a")
    assert not view.objects[ref].object.metadata.finalizers


@pytest.mark.parametrize(("ttl", "goes"), [(None, False), (11, False), (10, True), (0, True)])
def test_a_finished_job_goes_after_its_time_to_live(ttl: int | None, goes: bool) -> None:
    """With its Pods; one of Git keeps its name, so that it is not run again."""
    of = job(DONE, **({} if ttl is None else {"ttlSecondsAfterFinished": ttl}))
    assert expires_at(of) == (None if ttl is None else NOW - 10 + ttl)
    view = synced(of, pod("a", "Succeeded"), manager="cron")
    assert (JOB not in view.objects) is goes
    assert view.look_again_at == (NOW + 1 if ttl == 11 else None)
    assert (ended(view) == ["a"]) is goes
    view = synced(of, pod("a", "Succeeded"))
    assert JOB in view.objects
    assert (ended(view) == ["a"]) is goes
    elsewhere = replace(of, spec=replace(of.spec, managed_by="acme.io/queue"))
    assert (JOB not in synced(elsewhere, manager="cron").objects) is goes


def test_an_ending_is_one_that_holds() -> None:
    """A condition that is false ends nothing, and a Job that goes on does not expire."""
    no = {"conditions": [{**condition("Complete"), "status": "False"}, condition("Suspended")]}
    assert expires_at(job(no, ttlSecondsAfterFinished=5)) is None
    assert view_decision(synced(job(no), pod("a"))) is Decision.UNCHANGED


def view_decision(view: View) -> Decision:
    """Return what becomes of the Job."""
    return view.verdicts[JOB].decision


# Starting and letting go


def test_a_long_name_leaves_room_for_the_number_and_the_suffix() -> None:
    """63 characters are the most that a host name may have."""
    of = indexed(11)
    name = "n" * 60
    of = replace(of, metadata=replace(of.metadata, name=name))
    names = [one.metadata.name for one in made(synced(of))]
    assert {len(one) for one in names} == {63}
    assert all(one.startswith("n" * 54) for one in names)
    assert len(set(names)) == 11


def test_failures_that_are_ignored_are_told_apart() -> None:
    """They count for the back-off of the index, and not against its limit."""
    rule = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    of = indexed(1, backoffLimitPerIndex=1, podFailurePolicy={"rules": [rule]})
    lost = pod("a", "Failed", index=0, failures=1, ended_s=99, conditions=[condition("DisruptionTarget")])
    (one,) = made(synced(of, lost))
    assert (one.metadata.annotations[FAILURES], one.metadata.annotations[IGNORED_FAILURES]) == ("1", "1")
    (one,) = made(synced(indexed(1, backoffLimitPerIndex=1)))
    assert IGNORED_FAILURES not in one.metadata.annotations


def test_a_template_that_names_the_index_itself_keeps_its_word() -> None:
    """The variable is added where it is missing, beside what else there is."""
    of = indexed(1)
    for env, expected in (("JOB_COMPLETION_INDEX", ["JOB_COMPLETION_INDEX"]), ("A", ["A", "JOB_COMPLETION_INDEX"])):
        (container,) = of.spec.template.spec.containers
        spec = replace(of.spec.template.spec, containers=(replace(container, env=(EnvVar(name=env, value="9"),)),))
        whole = replace(of, spec=replace(of.spec, template=replace(of.spec.template, spec=spec)))
        (one,) = made(synced(whole))
        assert [each.name for each in one.spec.containers[0].env] == expected
        assert one.spec.containers[0].env[0].value == "9"
