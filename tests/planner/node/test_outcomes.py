"""What came of actions: what is remembered of it, told, and tried again."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.node_report import NodeEvent
from reconciler.model.plan import Outcome, OutcomeStatus
from reconciler.planner.node.memory import ContainerMemory, Emitted, Failure, ImageMemory, NodeMemory
from reconciler.planner.node.outcomes import note_outcomes
from tests.planner.node.host import container, pod
from tests.planner.node.situation import (
    IP,
    NOW,
    UID,
    action,
    deeds,
    ended,
    fact,
    look,
    remembered,
    sandbox,
    shows,
    waits,
)

DONE, UNCHANGED, FAILED = OutcomeStatus.DONE, OutcomeStatus.UNCHANGED, OutcomeStatus.FAILED
STALE, SKIPPED, CANCELLED = OutcomeStatus.STALE, OutcomeStatus.SKIPPED, OutcomeStatus.CANCELLED
EARLIER = Failure(count=1, until=NOW - 1, reason="Earlier", message="why")


def outcome(status: OutcomeStatus, **fields: Any) -> Outcome:
    """What came of the action `k`, which took 2.5 s."""
    return Outcome(key="k", status=status, **({"started_at": NOW - 3.5, "finished_at": NOW - 1} | fields))


def noted(emitted: Emitted, answer: Outcome, **known: Any) -> tuple[NodeMemory, list[tuple[str, str, str]]]:
    """Take an outcome of one of the Pod's actions in; return the memory, and type, reason and message of events."""
    memory = remembered(emitted=(emitted,), **known)
    found = note_outcomes(memory, (answer,), NOW)
    return found.memory, [(one.type, one.reason, one.message) for one in found.events]


START = Emitted(key="k", type="startContainer", target="web")
PULL = Emitted(key="k", type="pullImage", target="docker.io/shop/web:1 shop/secret")


@pytest.mark.parametrize(
    ("status", "fields", "expected"),
    [
        (DONE, {}, Failure()),
        (UNCHANGED, {}, Failure()),
        (FAILED, {"reason": "Bad", "message": "m"}, Failure(count=2, until=NOW + 20, reason="Bad", message="m")),
        (FAILED, {"message": "m"}, Failure(count=2, until=NOW + 20, reason="RunContainerError", message="m")),
        (
            FAILED,
            {"reason": "CreateContainerConfigError"},
            Failure(count=1, until=NOW + 10, reason="CreateContainerConfigError"),
        ),
        (SKIPPED, {}, EARLIER),
        (CANCELLED, {}, EARLIER),
        (STALE, {}, EARLIER),
    ],
)
def test_what_came_of_a_start_is_remembered_of_the_container(
    status: OutcomeStatus, fields: dict[str, Any], expected: Failure
) -> None:
    """Failures in a row wait longer and longer; a configuration may be mended at any time."""
    other = {"a": ContainerMemory(), "web": ContainerMemory(failure=EARLIER)}
    memory, _ = noted(START, outcome(status, **fields), containers=other)
    kept = memory.pods[UID]
    assert (list(kept.containers), kept.containers["web"].failure) == (["a", "web"], expected)
    assert kept.failure.count == (1 if status is STALE else 0)


def test_a_container_whose_hook_failed_is_condemned() -> None:
    """It was made and runs: its id came back with the failure."""
    memory, _ = noted(START, outcome(FAILED, result="id", message="hook"), containers={})
    kept = memory.pods[UID].containers["web"]
    assert (kept.condemned, kept.condemned_because, kept.failure) == ("id", "hook", Failure())


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (DONE, EARLIER),
        (FAILED, Failure(count=2, until=NOW + 2, reason="Failed", message="m")),
        (STALE, Failure(count=2, until=NOW + 2, reason="Failed", message="m")),
        (SKIPPED, EARLIER),
    ],
)
def test_what_came_of_any_other_step_is_remembered_of_the_pod(status: OutcomeStatus, expected: Failure) -> None:
    """What was skipped did not fail."""
    emitted = Emitted(key="k", type="attachPod")
    memory, _ = noted(emitted, outcome(status, message="m"), failure=EARLIER)
    assert memory.pods[UID].failure == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (DONE, ImageMemory(pulls=5)),
        (UNCHANGED, ImageMemory(pulls=5)),
        (FAILED, ImageMemory(pulls=5, failure=Failure(count=2, until=NOW + 20, reason="ErrImagePull", message="m"))),
        (SKIPPED, ImageMemory(pulls=4, failure=EARLIER)),
    ],
)
def test_a_pull_counts_once_for_all_that_wait_for_it(status: OutcomeStatus, expected: ImageMemory) -> None:
    """Whether it went well or not."""
    one = remembered(emitted=(PULL,)).pods[UID]
    memory = NodeMemory(pods={"a": one, "b": one}, images={PULL.target: ImageMemory(pulls=4, failure=EARLIER)})
    found = note_outcomes(memory, (outcome(status, message="m"),), NOW).memory
    assert found.images == {PULL.target: expected}
    assert found.pods == memory.pods


@pytest.mark.parametrize(
    ("emitted", "status", "fields", "expected"),
    [
        (START, DONE, {}, ("Normal", "Started", "Started container web")),
        (
            replace(START, repairs="it was removed"),
            DONE,
            {},
            ("Normal", "Started", "Started container web again: it was removed"),
        ),
        (START, FAILED, {"message": "m"}, ("Warning", "Failed", "Error: m")),
        (START, FAILED, {"reason": "Why"}, ("Warning", "Failed", "Error: Why")),
        (START, UNCHANGED, {}, None),
        (START, SKIPPED, {}, None),
        (PULL, DONE, {}, ("Normal", "Pulled", 'Successfully pulled image "docker.io/shop/web:1" in 2.5s')),
        (
            PULL,
            DONE,
            {"started_at": NOW},
            ("Normal", "Pulled", 'Successfully pulled image "docker.io/shop/web:1" in 0.0s'),
        ),
        (PULL, FAILED, {"message": "m"}, ("Warning", "Failed", "Failed to pull image docker.io/shop/web:1: m")),
        (
            Emitted(key="k", type="stopContainer", target="web"),
            DONE,
            {},
            ("Normal", "Killing", "Stopped container web"),
        ),
        (Emitted(key="k", type="stopContainer"), FAILED, {"message": "m"}, ("Warning", "FailedKillPod", "Error: m")),
        (Emitted(key="k", type="removeSandbox"), FAILED, {"message": "m"}, ("Warning", "FailedKillPod", "Error: m")),
        (
            Emitted(key="k", type="attachPod"),
            FAILED,
            {"message": "m"},
            ("Warning", "FailedCreatePodSandBox", "Error: m"),
        ),
        (Emitted(key="k", type="publishVolumes"), FAILED, {"message": "m"}, ("Warning", "FailedMount", "Error: m")),
        (Emitted(key="k", type="attachPod", repairs="wired again"), DONE, {}, ("Normal", "Repaired", "wired again")),
        (Emitted(key="k", type="attachPod"), DONE, {}, None),
    ],
)
def test_what_came_of_a_step_is_told_as_kubernetes_tells_it(
    emitted: Emitted, status: OutcomeStatus, fields: dict[str, Any], expected: tuple[str, str, str] | None
) -> None:
    """At the time at which it ended."""
    _, events = noted(emitted, outcome(status, **fields))
    assert events == ([expected] if expected else [])


def test_an_event_names_the_pod_and_its_container() -> None:
    """A pull is the Pod's."""
    for emitted, name in ((START, "web"), (Emitted(key="k", type="stopContainer", target="b"), "b"), (PULL, "")):
        event = note_outcomes(remembered(emitted=(emitted,)), (outcome(DONE),), NOW).events[0]
        assert isinstance(event, NodeEvent)
        assert (event.namespace, event.pod, event.uid, event.container) == ("shop", "web", UID, name)
        assert event.at == NOW - 1


def test_what_the_node_does_itself_is_told_when_it_mends_or_fails() -> None:
    """And waits longer and longer."""
    emitted = Emitted(key="k", type="programServices", repairs="written again")
    memory = NodeMemory(emitted=(emitted,))
    found = note_outcomes(memory, (outcome(DONE),), NOW)
    assert [(one.type, one.reason, one.message, one.at) for one in found.events] == [
        ("Normal", "Repaired", "written again", NOW - 1)
    ]
    assert not found.memory.failures
    found = note_outcomes(memory, (outcome(FAILED, message="m"),), NOW)
    assert [(one.type, one.reason, one.message) for one in found.events] == [
        ("Warning", "Failed", "programServices: m")
    ]
    assert found.memory.failures == {"programServices/": Failure(count=1, until=NOW + 1, reason="Failed", message="m")}
    assert note_outcomes(memory, (outcome(FAILED, reason="Why"),), NOW).events[0].reason == "Why"
    for status in (UNCHANGED, SKIPPED):
        assert note_outcomes(memory, (outcome(status),), NOW).events == ()
    assert note_outcomes(NodeMemory(emitted=(replace(emitted, repairs=""),)), (outcome(DONE),), NOW).events == ()


def test_outcomes_of_what_nobody_remembers_say_nothing() -> None:
    """Those that are remembered count all the same."""
    memory = remembered(emitted=(Emitted(key="other", type="attachPod"), START))
    found = note_outcomes(memory, (outcome(DONE), replace(outcome(FAILED), key="x")), NOW)
    assert [one.reason for one in found.events] == ["Started"]
    assert note_outcomes(memory, (), NOW).memory is memory


def test_a_step_that_was_done_and_does_not_show_is_tried_again_with_waits() -> None:
    """At once the first time, then later and later; once it shows, that is forgotten."""
    broken = shows(sandbox(), fact(), links=())
    first = look(broken, pod("web"), memory=remembered(ip=IP))
    assert deeds(first) == ["attachPod web"]
    second = look(broken, pod("web"), memory=first.memory)
    assert deeds(second) == ["attachPod web"]
    third = look(broken, pod("web"), memory=second.memory)
    said = "back-off: NotSeen: done, but the host does not show it until 2"
    assert (deeds(third), waits(third)) == ([], [said])
    assert look(broken, pod("web"), memory=third.memory, now=NOW + 1.9).plan.actions == ()
    fourth = look(broken, pod("web"), memory=third.memory, now=NOW + 2)
    assert deeds(fourth) == ["attachPod web"]
    healed = look(shows(sandbox(), fact()), pod("web"), memory=fourth.memory, now=NOW + 3)
    assert (healed.memory.pods[UID].failure, healed.memory.pods[UID].emitted) == (Failure(), ())


def test_a_failure_that_still_waits_is_not_forgotten_while_nothing_is_to_be_done() -> None:
    """At the end of its wait it is."""
    failure = Failure(count=2, until=NOW + 5, reason="Failed", message="m")
    memory = remembered(ip=IP, failure=failure)
    quiet = shows(sandbox(), fact())
    assert look(quiet, pod("web"), memory=memory).memory.pods[UID].failure == failure
    assert look(quiet, pod("web"), memory=memory, now=NOW + 5).memory.pods[UID].failure == Failure()


def test_the_nodes_own_step_that_does_not_show_is_tried_again_with_waits() -> None:
    """One in flight is named again; what it waits for and is not planned holds nothing up."""
    lacking = shows(network={"services_digest": "other"})
    first = look(lacking)
    key = first.plan.actions[0].key
    flying = look(lacking, memory=first.memory, in_flight=frozenset({key}))
    assert [one.key for one in flying.plan.actions] == [key]
    assert flying.memory == first.memory
    second = look(lacking, memory=first.memory)
    assert [one.key for one in second.plan.actions] == [key]
    third = look(lacking, memory=second.memory)
    assert (third.plan.actions, waits(third)) == (
        (),
        ["back-off: NotSeen: done, but the host does not show it until 2"],
    )
    assert look(lacking, memory=third.memory, now=NOW + 2).plan.actions
    assert look(shows(), memory=third.memory).memory.failures == {}


def test_a_map_does_not_wait_for_a_host_that_cannot_be_prepared_now() -> None:
    """What is backed off from is no need of others."""
    bare = shows(network={"prepared": False, "services_digest": ""})
    memory = NodeMemory(failures={"prepareHost/": Failure(count=2, until=NOW + 5, reason="Failed", message="m")})
    answer = look(bare, memory=memory)
    assert waits(answer) == ["back-off: Failed: m until 5"]
    assert [one.needs for one in answer.plan.actions] == [()]
    assert answer.plan.look_again_at == NOW + 5
    assert len(look(bare, memory=memory, now=NOW + 5).plan.actions) == 2


def test_a_container_started_again_says_that_it_had_been_removed() -> None:
    """Its first start mends nothing, and one that ended was not removed."""
    memory = remembered(
        ip=IP, sandbox_id="id-POD-0", sandbox_started_at=NOW - 100, containers={"web": ContainerMemory(attempt=0)}
    )
    removed = look(shows(sandbox()), pod("web"), memory=memory)
    assert [one.repairs for one in removed.memory.pods[UID].emitted] == ["it was removed from outside"]
    for facts in (shows(sandbox()), shows(sandbox(), ended(code=1))):
        answer = look(facts, pod("web"))
        assert [one.repairs for one in answer.memory.pods[UID].emitted] == [""]
        assert [one.target for one in answer.memory.pods[UID].emitted] == ["web"]


def test_what_was_handed_out_names_the_container_and_not_what_the_engine_calls_it() -> None:
    """Events speak of it."""
    answer = look(shows(sandbox(), fact()), pod("web", deletion_requested_at=NOW))
    told = {one.type: one.target for one in answer.memory.pods[UID].emitted}
    assert (told["stopContainer"], told["detachPod"]) == ("web", "rc-web")
    assert action(answer, "stopContainer web").deadline_s == 60


def test_what_is_under_way_is_named_again_at_every_pass() -> None:
    """What is not named may be dropped; one of the node's own holds up no other."""
    broken = shows(sandbox(), fact(), links=(), network={"services_digest": "", "names_digest": ""})
    first = look(broken, pod("web"), memory=remembered(ip=IP))
    attach, program = first.plan.actions[-1], first.plan.actions[0]
    memory, flying = first.memory, frozenset({attach.key, program.key})
    for _ in range(3):
        answer = look(broken, pod("web"), memory=memory, in_flight=flying)
        assert {attach.key, program.key} <= {one.key for one in answer.plan.actions}
        memory = answer.memory
    fresh = look(broken, pod("web"), memory=replace(first.memory, emitted=()), in_flight=flying)
    assert len([one for one in fresh.plan.actions if one.object.kind == "Node"]) == 2


def test_what_a_pod_waits_for_is_said_at_every_pass() -> None:
    """Though nothing changes."""
    one = pod("web", container("web", "Bad/Name"))
    memory = look(shows(sandbox()), one, memory=remembered(ip=IP)).memory
    for _ in range(3):
        answer = look(shows(sandbox()), one, memory=memory)
        assert waits(answer) == ['image-missing: container web: failed to parse image name "Bad/Name"']
        memory = answer.memory
