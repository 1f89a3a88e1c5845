"""What is counted of Jobs' Pods, write by write."""

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.kinds import Pod, ref_of
from reconciler.model.plan import Change, Reason
from reconciler.planner.workloads.job_counts import POLICY_ACTIONS, TRACKED_PODS, job_counts
from tests.planner.jobs import JOB, job, pod, stored

FAIL_JOB = {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [7]}}]}


def counts(before: Pod | None, after: Pod, verb: str = "status", **spec: Any) -> dict[tuple[str, str], int]:
    """Return what one write adds."""
    objects = {JOB: stored(job(**spec)), **({ref_of(before): stored(before)} if before is not None else {})}
    change = Change(verb=verb, ref=ref_of(after), object=after, manager="j", reason=Reason.STATUS)
    return dict(job_counts(objects, [change]))


def released(one: Pod) -> Pod:
    """Return a Pod that was counted."""
    return replace(one, metadata=replace(one.metadata, finalizers=()))


@pytest.mark.parametrize(
    ("before", "after", "events"),
    [
        (None, pod("a", "Pending"), []),
        (pod("a"), pod("a", "Failed"), ["add"]),
        (pod("a", "Succeeded"), released(pod("a", "Succeeded")), ["delete"]),
        (pod("a"), released(pod("a", "Succeeded")), ["add", "delete"]),
        (pod("a"), released(pod("a", ending=True)), []),
        (pod("a", "Failed"), pod("a", "Failed", ending=True), []),
        (released(pod("a")), released(pod("a", "Failed")), []),
    ],
)
def test_a_pod_waits_to_be_counted_once_and_is_counted_once(before: Pod | None, after: Pod, events: list[str]) -> None:
    """What its Job lets go while it runs is never counted."""
    assert counts(before, after) == {(TRACKED_PODS, event): 1 for event in events}


def test_a_pod_that_is_removed_was_counted() -> None:
    """The write shows it as it was last."""
    assert counts(pod("a"), pod("a"), verb="delete") == {(TRACKED_PODS, "add"): 1, (TRACKED_PODS, "delete"): 1}


def test_writes_of_other_kinds_are_passed_over() -> None:
    """Whatever stands before a Pod in a plan."""
    one = stored(job())
    first = Change(verb="status", ref=JOB, object=one.object, manager="j", reason=Reason.STATUS)
    after = pod("a", "Failed")
    second = Change(verb="status", ref=ref_of(after), object=after, manager="j", reason=Reason.STATUS)
    found = job_counts({JOB: one, ref_of(after): stored(pod("a"))}, [first, second])
    assert dict(found) == {(TRACKED_PODS, "add"): 1}


def test_a_pod_whose_job_is_gone_has_no_policy() -> None:
    """Nor has one of a Job that was made anew by the same name, nor one of another kind of owner."""
    ended = pod("a", "Failed", ended_s=1, exit_code=7)
    change = Change(verb="status", ref=ref_of(ended), object=released(ended), manager="j", reason=Reason.STATUS)
    known = stored(job(podFailurePolicy=FAIL_JOB))
    other = stored(replace(known.object, metadata=replace(known.object.metadata, uid="other")))
    assert known.object.metadata.uid != "other"
    (owner,) = ended.metadata.owner_references
    for objects, owners in (
        ({}, (owner,)),
        ({JOB: other}, (owner,)),
        ({JOB: known}, (replace(owner, kind="CronJob"),)),
        ({JOB: known}, (replace(owner, controller=False),)),
    ):
        of = replace(ended, metadata=replace(ended.metadata, owner_references=owners))
        last = replace(change, object=released(of))
        found = job_counts({**objects, ref_of(ended): stored(pod("a"))}, [last])
        assert not any(metric == POLICY_ACTIONS for metric, _ in found)


@pytest.mark.parametrize(("exit_code", "actions"), [(7, {"FailJob": 1}), (1, {})])
def test_what_the_failure_policy_did_is_counted(exit_code: int, actions: dict[str, int]) -> None:
    """Where one of its rules fits."""
    ended = pod("a", "Failed", ended_s=1, exit_code=exit_code)
    found = counts(pod("a"), released(ended), podFailurePolicy=FAIL_JOB)
    assert {label: count for (metric, label), count in found.items() if metric == POLICY_ACTIONS} == actions


def test_a_policy_is_about_failures() -> None:
    """A Pod that succeeded while it was disrupted is no case of it, nor is one that nobody owns."""
    policy = {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]}
    disrupted = [{"type": "DisruptionTarget", "status": "True"}]
    for phase, expected in (("Succeeded", 0), ("Failed", 1)):
        ended = pod("a", phase, ended_s=1, exit_code=0, conditions=disrupted)
        found = counts(pod("a"), released(ended), podFailurePolicy=policy)
        assert found.get((POLICY_ACTIONS, "Ignore"), 0) == expected
    alone = replace(ended, metadata=replace(ended.metadata, owner_references=()))
    assert counts(pod("a"), released(alone), podFailurePolicy=policy)[TRACKED_PODS, "delete"] == 1
