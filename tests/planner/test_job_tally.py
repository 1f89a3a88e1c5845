"""How a Job's Pods stand: failures and what they mean, indexes, back-off, and who goes first."""

from typing import Any

import msgspec
import pytest

from reconciler.model.kinds import Pod
from reconciler.planner.workloads.job_pods import pending_indexes, rested_indexes, surplus_of
from reconciler.planner.workloads.job_policy import judge_failure, why_enough
from reconciler.planner.workloads.job_tally import (
    back_off_of_index_until,
    back_off_until,
    delay_after,
    ended_at,
    has_failed,
    has_spent_its_index,
    index_of,
    is_terminating,
    restarts_exceed,
    since_failures,
    tally_of,
)
from tests.planner.jobs import CONTAINER, NOW, ago, indexed, job, pod, stored, view_of

REPLACES_LATE = {"podReplacementPolicy": "Failed"}


def policy(*rules: dict[str, Any]) -> dict[str, Any]:
    """Return a failure policy."""
    return {"podFailurePolicy": {"rules": list(rules)}}


def on_exit(action: str, operator: str, *values: int, container: str | None = None) -> dict[str, Any]:
    """Return a rule about exit codes."""
    return {
        "action": action,
        "onExitCodes": {"operator": operator, "values": list(values), "containerName": container},
    }


def on_condition(action: str, *types: str, status: str = "True") -> dict[str, Any]:
    """Return a rule about conditions of the Pod."""
    return {"action": action, "onPodConditions": [{"type": type_, "status": status} for type_ in types]}


LOST = [{"type": "DisruptionTarget", "status": "True"}]


@pytest.mark.parametrize(
    ("spec", "failed", "action", "why"),
    [
        ({}, pod("p", "Failed", ended_s=1), "", ""),
        (
            policy(on_exit("FailJob", "In", 1, 2)),
            pod("p", ended_s=1),
            "FailJob",
            "exit status 1 of container m fits rule 0",
        ),
        (policy(on_exit("FailJob", "In", 2)), pod("p", ended_s=1), "", ""),
        (
            policy(on_exit("FailJob", "NotIn", 2)),
            pod("p", ended_s=1),
            "FailJob",
            "exit status 1 of container m fits rule 0",
        ),
        (policy(on_exit("FailJob", "NotIn", 1)), pod("p", ended_s=1), "", ""),
        (policy(on_exit("FailJob", "NotIn", 2)), pod("p", ended_s=1, exit_code=0), "", ""),
        (policy(on_exit("FailJob", "In", 1, container="other")), pod("p", ended_s=1), "", ""),
        (
            policy(on_exit("FailJob", "In", 1, container="m")),
            pod("p", ended_s=1),
            "FailJob",
            "exit status 1 of container m fits rule 0",
        ),
        (policy(on_exit("FailJob", "NotIn", 2)), pod("p"), "", ""),
        (
            policy(on_exit("FailJob", "In", 2), on_condition("Ignore", "Other", "DisruptionTarget")),
            pod("p", ended_s=1, conditions=LOST),
            "Ignore",
            "condition DisruptionTarget=True fits rule 1",
        ),
        (policy(on_condition("Ignore", "DisruptionTarget", status="False")), pod("p", conditions=LOST), "", ""),
        (policy(on_condition("Ignore", "Other")), pod("p", conditions=LOST), "", ""),
    ],
)
def test_the_first_rule_that_fits_says_what_a_failure_means(spec: Any, failed: Pod, action: str, why: str) -> None:
    """By what its containers ended with, or by a condition; a container that ended well fits nothing."""
    found = judge_failure(job(**spec).spec, failed)
    assert (found.action, found.message) == (action, f"pod p: {why}" if why else "")
    assert found.counts is (action != "Ignore")


@pytest.mark.parametrize(
    ("rule", "succeeded", "expected"),
    [
        ({"succeededCount": 2}, {0, 5}, True),
        ({"succeededCount": 2}, {5}, False),
        ({"succeededIndexes": "0-1"}, {0, 1, 5}, True),
        ({"succeededIndexes": "0-1"}, {0, 5}, False),
        ({"succeededIndexes": "0-2", "succeededCount": 2}, {0, 2}, True),
        ({"succeededIndexes": "0-2", "succeededCount": 2}, {0, 5}, False),
    ],
)
def test_a_success_policy_says_when_it_is_enough(rule: dict[str, Any], succeeded: set[int], expected: bool) -> None:
    """So many at all, all of some, or so many of some; a rule before may not hold."""
    spec = indexed(6, successPolicy={"rules": [{"succeededCount": 6}, rule]}).spec
    why = why_enough(spec, frozenset(succeeded))
    assert why == ("rule 1 of the success policy holds" if expected else "")
    assert why_enough(spec, frozenset()) == ""
    assert why_enough(indexed(6).spec, frozenset(succeeded)) == ""


@pytest.mark.parametrize(
    ("spec", "one", "expected"),
    [
        ({}, pod("p"), False),
        ({}, pod("p", "Failed"), True),
        ({}, pod("p", "Succeeded"), False),
        ({}, pod("p", ending=True), True),
        ({}, pod("p", "Succeeded", ending=True), False),
        (REPLACES_LATE, pod("p", ending=True), False),
        (REPLACES_LATE, pod("p", "Failed", ending=True), True),
    ],
)
def test_a_deleted_pod_has_failed_unless_its_end_is_waited_for(spec: Any, one: Pod, expected: bool) -> None:
    """`podReplacementPolicy: Failed` waits for the end."""
    assert has_failed(job(**spec).spec, one) is expected
    assert is_terminating(one) is (one.metadata.deletion_timestamp is not None and one.status.phase == "Running")


@pytest.mark.parametrize(
    ("one", "spent"),
    [
        (pod("p", "Failed", failures=2), True),
        (pod("p", "Failed", failures=1), False),
        (pod("p", failures=2), False),
        (pod("p", "Failed", ended_s=1, exit_code=9), True),
        (pod("p", "Failed", failures=2, conditions=LOST), False),
    ],
)
def test_an_index_is_spent_by_its_limit_or_by_a_rule(one: Pod, spent: bool) -> None:
    """After so many failures that count, or at once where a rule fails the index."""
    rules = policy(on_exit("FailIndex", "In", 9), on_condition("Ignore", "DisruptionTarget"))
    assert has_spent_its_index(indexed(3, backoffLimitPerIndex=2, **rules).spec, one) is spent


def restarted(phase: str, first: int, second: int) -> Pod:
    """Return a Pod whose containers restarted so often."""
    counts = {"initContainerStatuses": first, "containerStatuses": second}
    return pod("p", phase, **{key: [{"name": "m", "restartCount": count}] for key, count in counts.items()})


@pytest.mark.parametrize(
    ("restart", "limit", "pods", "expected"),
    [
        ("OnFailure", 3, [restarted("Running", 1, 2)], True),
        ("OnFailure", 3, [restarted("Running", 1, 1)], False),
        ("OnFailure", 3, [restarted("Running", 0, 1), restarted("Pending", 1, 1)], True),
        ("OnFailure", 3, [restarted("Failed", 1, 2)], False),
        ("Never", 3, [restarted("Running", 1, 2)], False),
        ("OnFailure", 0, [restarted("Running", 0, 0)], False),
        ("OnFailure", 0, [restarted("Running", 0, 1)], True),
    ],
)
def test_restarts_in_place_use_the_limit_up(restart: str, limit: int, pods: list[Pod], expected: bool) -> None:
    """Those of all containers of Pods that still run count together; one at least is needed."""
    assert restarts_exceed(job(restart=restart, backoffLimit=limit).spec, tuple(pods)) is expected


def test_each_failure_in_a_row_doubles_the_wait() -> None:
    """From 10 s on up to 10 minutes; a success in between begins anew."""
    assert [delay_after(count) for count in (0, 1, 2, 3, 6, 7, 100)] == [0, 10, 20, 40, 320, 600, 600]
    assert since_failures([], [5.0]) == 0.0
    assert since_failures([100.0, 200.0], []) == 220.0
    assert since_failures([100.0, 200.0], [100.0]) == 210.0
    assert since_failures([100.0, 200.0], [99.0, 50.0]) == 220.0
    assert since_failures([100.0], [100.0]) == 0.0
    assert since_failures([100.0, 200.0], [50.0, 150.0]) == 210.0


def test_what_has_ended_tells_how_long_to_wait() -> None:
    """Pods that are counted already count too, but not those that the Job itself deleted."""

    def until(*pods: Pod) -> float:
        return back_off_until(tally_of(view_of(job(), pods), job()))

    assert until(pod("a", "Failed", ended_s=5), pod("b", "Failed", ended_s=9)) == NOW - 5 + 20
    assert until(pod("a", "Failed", ended_s=5, counted=True)) == NOW - 5 + 10
    assert until(pod("a", "Failed", ended_s=5, counted=True, ending=True)) == 0
    assert until(pod("a", "Failed", ended_s=5, ending=True)) == NOW - 5 + 10
    assert until(pod("a", "Failed", ended_s=5), pod("b", "Succeeded", ended_s=2)) == 0
    assert back_off_of_index_until(None) == 0
    assert back_off_of_index_until(pod("a", "Failed", ended_s=5, failures=1, ignored=1)) == NOW - 5 + 40


def with_sidecar(app_s: float | None, side_s: float | None, restart: str = "Always") -> Pod:
    """Return a Pod with an init container; each ended so long ago."""

    def shown(name: str, ended_s: float | None) -> dict[str, Any]:
        end = {"terminated": {"exitCode": 0, "finishedAt": ago(ended_s)}} if ended_s is not None else {}
        return {"name": name, "state": end}

    ready = {"type": "Ready", "status": "False", "lastTransitionTime": ago(7)}
    status = {"containerStatuses": [shown("m", app_s)], "initContainerStatuses": [shown("s", side_s)]}
    whole = pod("p", "Succeeded", conditions=[ready], **status)
    side = msgspec.convert({**CONTAINER, "name": "s", "restartPolicy": restart}, type(whole.spec.containers[0]))
    return msgspec.structs.replace(whole, spec=msgspec.structs.replace(whole.spec, init_containers=(side,)))


@pytest.mark.parametrize(
    ("one", "seconds"),
    [
        (pod("p", "Failed", ended_s=5), 5),
        (with_sidecar(5, 3), 3),
        (with_sidecar(2, 3), 2),
        (with_sidecar(5, None), 7),
        (with_sidecar(5, 3, "OnFailure"), 5),
        (pod("p", "Failed", conditions=[{"type": "Ready", "status": "False", "lastTransitionTime": ago(4)}]), 4),
        (pod("p", "Failed", conditions=[{"type": "Ready", "status": "True", "lastTransitionTime": ago(4)}]), 30),
        (pod("p", "Failed", conditions=[{"type": "Ready", "status": "False"}]), 30),
        (pod("p", "Failed", ending=True), 1),
        (pod("p", "Failed"), 30),
    ],
)
def test_a_pod_ended_when_the_last_of_its_containers_did(one: Pod, seconds: float) -> None:
    """Else when it ceased to be ready, was deleted, or was made."""
    assert ended_at(one) == NOW - seconds


# Indexes


@pytest.mark.parametrize(("text", "index"), [(0, 0), (7, 7), ("x", -1), (None, -1)])
def test_an_index_is_a_count(text: Any, index: int) -> None:
    """Without one a Pod has none."""
    assert index_of(pod("p", index=text)) == index


def test_indexes_are_done_broken_or_to_be_followed() -> None:
    """What was counted before and what ended since; numbers that there are not count for nothing."""
    spec = {"backoffLimitPerIndex": 1}
    whole = indexed(6, {"completedIndexes": "0", "failedIndexes": "1", "succeeded": 1, "failed": 4}, **spec)
    pods = [
        pod("a", "Succeeded", index=2),
        pod("b", "Failed", index=3, failures=1),
        pod("c", "Failed", index=4, ended_s=9),
        pod("d", "Failed", index=5, ended_s=9),
        pod("e", index=5),
        pod("f", "Failed", index=6),
        pod("g", "Succeeded", index=6),
        pod("h", "Failed", index=0),
    ]
    tally = tally_of(view_of(whole, pods), whole)
    assert (tally.succeeded_indexes, tally.failed_indexes) == ({0, 2}, {1, 3})
    assert {index: one.metadata.name for index, one in tally.last_failed.items()} == {4: "c"}
    assert (tally.succeeded, tally.failed) == (2, 9)
    assert pending_indexes(whole, tally, 9) == [4]


@pytest.mark.parametrize(("completions", "done"), [(0, set()), (1, {0}), (2, {0, 1})])
def test_indexes_are_counted_from_0(completions: int, done: set[int]) -> None:
    """As many as are asked for, be it none by now."""
    whole = indexed(completions)
    pods = [pod(f"p{index}", "Succeeded", index=index) for index in range(3)]
    assert tally_of(view_of(whole, pods), whole).succeeded_indexes == done


def test_the_failure_that_counted_most_is_followed() -> None:
    """Of equal ones the last to end."""
    pods = [
        pod("a", "Failed", index=0, failures=1, ended_s=9),
        pod("b", "Failed", index=0, ignored=2, ended_s=90),
        pod("c", "Failed", index=1, ended_s=5),
        pod("d", "Failed", index=1, ended_s=6),
    ]
    whole = indexed(2, backoffLimitPerIndex=5)
    last = tally_of(view_of(whole, pods), whole).last_failed
    assert {index: one.metadata.name for index, one in last.items()} == {0: "b", 1: "c"}


def test_an_index_is_busy_while_its_pod_ends_where_that_is_waited_for() -> None:
    """Otherwise its next Pod may start; only so many are asked for, from the lowest on."""
    for spec, expected in (({}, [0, 1]), (REPLACES_LATE, [1, 3])):
        whole = indexed(4, **spec)
        view = view_of(whole, [pod("a", index=0, ending=True), pod("b", index=2)])
        assert pending_indexes(whole, tally_of(view, whole), 2) == expected


def test_indexes_rest_after_their_failures() -> None:
    """One whose time has come goes on, for the others it is looked again."""
    failed = {1: pod("a", "Failed", ended_s=10), 2: pod("b", "Failed", ended_s=9), 3: pod("c", "Failed", ended_s=4)}
    view = view_of(indexed(4))
    assert rested_indexes(view, [0, 1, 2, 3], failed) == [0, 1]
    assert view.look_again_at == NOW + 1


@pytest.mark.parametrize(
    ("whole", "pods", "count", "expected"),
    [
        (job(), [pod("a"), pod("b", "Pending"), pod("c")], 1, "b"),
        (job(), [pod("a"), pod("b", "Pending"), pod("c")], 2, "b a"),
        (job(), [pod("a")], -1, ""),
        (indexed(3), [pod("a", index=0), pod("b", index=1)], 0, ""),
        (indexed(3), [pod("a", index=0), pod("b", "Pending", index=0)], 0, "b"),
        (indexed(3), [pod("a", index=0), pod("b", index=3), pod("c")], 0, "b c"),
        (indexed(3), [pod("a", index=0), pod("b", index=1), pod("c", index=9)], 2, "c a"),
    ],
)
def test_pods_without_an_index_of_their_own_go_first(whole: Any, pods: list[Pod], count: int, expected: str) -> None:
    """Of two with one index the better one stays; then the usual order."""
    found = surplus_of(whole, tally_of(view_of(whole, pods), whole), count)
    assert [one.ref.name for one in found] == expected.split()


def test_a_tally_counts_what_is_not_yet_counted() -> None:
    """Each Pod once: those with the mark are new."""
    ready = [{"type": "Ready", "status": "True"}]
    spec = policy(on_condition("Ignore", "DisruptionTarget"))
    whole = job({"succeeded": 3, "failed": 2}, **spec)
    pods = [
        pod("a", conditions=ready),
        pod("b"),
        pod("c", "Succeeded"),
        pod("d", "Succeeded", counted=True),
        pod("e", "Failed"),
        pod("f", "Failed", counted=True),
        pod("g", "Failed", conditions=LOST),
        pod("h", ending=True),
    ]
    tally = tally_of(view_of(whole, pods), whole)
    assert [one.ref for one in tally.active] == [stored(one).ref for one in pods[:2]]
    assert (tally.terminating, tally.succeeded, tally.failed) == (1, 4, 3)
    assert [one.metadata.name for one in tally.new_failed] == ["e", "g"]
