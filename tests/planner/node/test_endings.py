"""How Pods end, seen in one pass: order, graces and what is waited for."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.details import StopContainer
from reconciler.model.node import PodAssignment
from reconciler.model.node_report import LinkFact, VolumeFact
from reconciler.model.plan import Reason
from reconciler.planner.node.memory import Emitted, Failure, NodeMemory
from reconciler.planner.node.step import NodeStep
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

RUNNING = (sandbox(), fact())
VOLUME = (VolumeFact(pod_uid=UID, version="1"),)


def ending(ago_s: float = 0.0, grace_s: float = 30.0, *containers: object, **fields: object) -> PodAssignment:
    """A Pod that was asked to end."""
    return pod("web", *containers, deletion_requested_at=NOW - ago_s, grace_s=grace_s, **fields)  # type: ignore[arg-type]


def stop(answer: NodeStep, name: str = "web") -> StopContainer:
    """The stop of a container."""
    detail = action(answer, f"stopContainer {name}").detail
    assert isinstance(detail, StopContainer)
    return detail


@pytest.mark.parametrize(
    ("ago_s", "grace_s", "left_s"),
    [
        (0, 30, 30),
        (12, 30, 18),
        (29, 30, 2),
        (28, 30, 2),
        (27.5, 30, 2.5),
        (500, 30, 2),
        (0, 1, 2),
        (0, 0, 0),
        (9, 0, 0),
        # The daemon's clock is ahead of this host's.
        (-5, 30, 30),
        (-7200, 30, 30),
        (-7200, 1, 2),
    ],
)
def test_what_is_left_of_the_grace_is_counted_from_the_request(ago_s: float, grace_s: float, left_s: float) -> None:
    """Two seconds are always left to end by itself, unless no grace was asked for at all."""
    assert stop(look(shows(*RUNNING), ending(ago_s, grace_s))).grace_s == left_s


def test_a_pod_that_nobody_asks_for_any_more_has_thirty_seconds_since_that_was_seen() -> None:
    """What its own grace was is not known any more."""
    first = look(shows(*RUNNING))
    assert (stop(first).grace_s, stop(first).pod_ip) == (30, IP)
    assert first.memory.pods[UID].absent_at == NOW
    assert stop(look(shows(*RUNNING), memory=first.memory, now=NOW + 12)).grace_s == 18


@pytest.mark.parametrize(
    ("ago_s", "grace_s", "waits_for_map"),
    [(0, 30, True), (1.9, 30, True), (2, 30, False), (0, 1, True), (0, 0, False), (-300, 30, False)],
)
def test_the_first_stop_waits_two_seconds_for_the_map(ago_s: float, grace_s: float, waits_for_map: bool) -> None:
    """No longer since this host saw the request, whatever the daemon's clock says; not at all without a grace."""
    known = remembered(asked_at=NOW - ago_s)
    answer = look(shows(*RUNNING, network={"services_digest": "other"}), ending(90, grace_s), memory=known)
    needs = action(answer, "stopContainer web").needs
    assert needs == ((action(answer, "programServices node-1").key,) if waits_for_map else ())


@pytest.mark.parametrize(
    ("ago_s", "fields", "is_held"),
    [
        (0, {}, True),
        (1.9, {}, True),
        (2, {}, False),
        (-1, {}, False),
        (0, {"grace_s": 0.0}, False),
        (0, {"grace_s": 1.0}, True),
        (0, {"still_served": False}, False),
    ],
)
def test_nothing_is_stopped_while_another_node_may_lead_to_it(ago_s: float, fields: Any, is_held: bool) -> None:
    """Two seconds at most; a Pod that is to end without a grace ends at once."""
    asked = replace(ending(), **{"still_served": True, **fields})
    answer = look(shows(*RUNNING), asked, memory=remembered(asked_at=NOW - ago_s))
    assert bool(deeds(answer)) is not is_held
    told = [f"still-served: another node's map may still lead to it until {2 - ago_s:g}"] if is_held else []
    assert waits(answer) == told
    assert answer.plan.look_again_at == (NOW + 2 - ago_s if is_held else None)


@pytest.mark.parametrize(("ago_s", "is_held"), [(0, True), (1.9, True), (2, False)])
def test_nothing_is_stopped_while_this_nodes_map_cannot_be_made(ago_s: float, is_held: bool) -> None:
    """It is tried again later, and leads to the Pod until then; two seconds at most."""
    failed = Failure(count=1, until=NOW + 5, reason="NotSeen", message="m")
    known = replace(remembered(asked_at=NOW - ago_s), failures={"programServices/": failed})
    answer = look(shows(*RUNNING, network={"services_digest": "other"}), ending(), memory=known)
    assert bool(deeds(answer)) is not is_held
    told = [f"still-served: this node's map may still lead to it until {2 - ago_s:g}"] if is_held else []
    assert [one for one in waits(answer) if one.startswith("still-served")] == told


def test_a_pod_that_has_gone_waits_for_no_map() -> None:
    """Else it would be there again while the map without it is made, and the map with it be due, and so for ever."""
    known = remembered(asked_at=NOW)
    answer = look(shows(network={"services_digest": "other"}), ending(), memory=known)
    assert not [one for one in answer.plan.actions if one.uid == UID]
    assert [one.gone for one in answer.reports] == [True]


def test_the_request_is_remembered_by_this_hosts_clock_and_forgotten_with_it() -> None:
    """A Pod whose end was called off is asked anew the next time."""
    asked = look(shows(*RUNNING), ending(90)).memory
    assert asked.pods[UID].asked_at == NOW
    assert look(shows(*RUNNING), ending(90), memory=asked, now=NOW + 5).memory.pods[UID].asked_at == NOW
    assert look(shows(*RUNNING), pod(), memory=asked, now=NOW + 5).memory.pods[UID].asked_at is None


def test_a_pod_ends_from_its_containers_down_to_its_volumes() -> None:
    """Each step needs those before it, and says why."""
    answer = look(shows(*RUNNING, ended("done"), volumes=VOLUME), ending())
    assert deeds(answer) == [
        "stopContainer web",
        "removeContainer done <- stopContainer web",
        "removeContainer web <- stopContainer web",
        "detachPod web <- removeContainer done <- removeContainer web",
        "removeSandbox POD <- detachPod web",
        "unpublishVolumes web <- removeSandbox POD",
    ]
    assert {one.reason for one in answer.plan.actions} == {Reason.POD_TERMINATING}
    assert {one.expects for one in answer.plan.actions} == {"id-web-0", "id-done-0", "id-POD-0", ""}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (shows(), []),
        (shows(volumes=VOLUME), ["unpublishVolumes web"]),
        (
            shows(links=(LinkFact(pod_uid=UID, interface="i", ip=IP, whole=False),)),
            ["detachPod web", "unpublishVolumes web <- detachPod web"],
        ),
        (shows(sandbox(state="exited"), links=()), ["removeSandbox POD", "unpublishVolumes web <- removeSandbox POD"]),
        (shows(ended()), ["removeContainer web", "unpublishVolumes web <- removeContainer web"]),
        (
            shows(sandbox(), sandbox(1), links=()),
            [
                "removeSandbox POD",
                "removeSandbox POD <- removeSandbox POD",
                "unpublishVolumes web <- removeSandbox POD",
            ],
        ),
    ],
)
def test_only_what_is_there_is_cleared_away(facts: object, expected: list[str]) -> None:
    """A Pod of which nothing is left is gone."""
    answer = look(facts, ending())  # type: ignore[arg-type]
    assert deeds(answer) == expected
    assert answer.reports[0].gone == (not expected)


def test_sidecars_end_one_after_the_other_the_last_declared_first() -> None:
    """Whenever they were started last; those nobody knows any more after them by their age."""
    names = ("a", "b", "c")
    inits = tuple(container(name, restart_policy="Always") for name in names)
    facts = [fact(name, role="sidecar", started_at=NOW - age) for name, age in zip(names, (10, 30, 20), strict=True)]
    answer = look(shows(sandbox(), *facts), ending(0, 30, container("web"), init_containers=inits))
    assert deeds(answer) == ["stopContainer c"]
    assert deeds(look(shows(sandbox(), *facts))) == ["stopContainer a"]
    answer = look(shows(sandbox(), *facts[:2]), ending(0, 30, container("web"), init_containers=inits))
    assert deeds(answer) == ["stopContainer b"]
    answer = look(shows(sandbox(), facts[0]), ending(0, 30, container("web"), init_containers=inits))
    assert deeds(answer)[:2] == ["stopContainer a", "removeContainer a <- stopContainer a"]
    stranger = fact("x", role="sidecar", started_at=NOW - 99)
    answer = look(shows(sandbox(), *facts, stranger), ending(0, 30, container("web"), init_containers=inits))
    assert deeds(answer) == ["stopContainer x"]


def test_a_stop_knows_the_container_and_the_pods_address() -> None:
    """The preStop hook needs both; one without a hook carries none."""
    detail = stop(look(shows(*RUNNING), ending()))
    assert (detail.container_id, detail.pod_ip, detail.lifecycle) == ("id-web-0", IP, None)
    assert detail.spec is not None and detail.spec.name == "web"
    assert stop(look(shows(*RUNNING, links=()), ending(host_network=True))).pod_ip == "192.168.0.1"


FAILED = Failure(count=3, until=NOW + 7, reason="FailedKillPod", message="busy")


@pytest.mark.parametrize(("message", "said"), [("busy", "FailedKillPod: busy"), ("", "FailedKillPod")])
def test_an_end_that_failed_waits_for_its_turn(message: str, said: str) -> None:
    """It says why and until when, and goes on at that moment."""
    memory = remembered(ip=IP, failure=replace(FAILED, message=message))
    answer = look(shows(*RUNNING), ending(), memory=memory)
    assert (deeds(answer), waits(answer)) == ([], [f"back-off: {said} until 7"])
    assert answer.plan.look_again_at == NOW + 7
    assert deeds(look(shows(*RUNNING), ending(), memory=memory, now=NOW + 7))[0] == "stopContainer web"


def test_an_end_under_way_is_not_held_up_by_an_earlier_failure() -> None:
    """What is in flight is named again, so that it is not dropped."""
    begun = look(shows(*RUNNING), ending())
    key = action(begun, "stopContainer web").key
    pods = {UID: replace(begun.memory.pods[UID], failure=FAILED)}
    memory: NodeMemory = replace(begun.memory, pods=pods)
    again = look(shows(*RUNNING), ending(), memory=memory, in_flight=frozenset({key}))
    assert (deeds(again), waits(again)) == (["stopContainer web"], [])


@pytest.mark.parametrize(
    ("reason", "why", "grace_s"),
    [
        ("", Reason.POD_FINISHED, 7),
        ("DeadlineExceeded", Reason.DEADLINE_EXCEEDED, 7),
        ("Evicted", Reason.NODE_PRESSED, 1),
    ],
)
def test_what_a_finished_pod_leaves_running_is_stopped(reason: str, why: Reason, grace_s: float) -> None:
    """With the Pod's grace, or the second that a host in need has; containers stay for their logs."""
    memory = remembered(ip=IP, finished="Failed", reason=reason, message="said")
    answer = look(shows(*RUNNING, ended("job"), volumes=VOLUME), pod("web", grace_s=7.0), memory=memory)
    assert deeds(answer) == [
        "stopContainer web",
        "detachPod web <- stopContainer web",
        "removeSandbox POD <- detachPod web",
        "unpublishVolumes web <- removeSandbox POD",
    ]
    assert (stop(answer).grace_s, action(answer, "stopContainer web").message) == (grace_s, "said")
    assert {one.reason for one in answer.plan.actions} == {why}


def test_a_sandbox_that_died_is_cleared_away_but_not_its_volumes() -> None:
    """What runs beside it is stopped with the Pod's grace, and told why."""
    answer = look(shows(sandbox(state="exited", exit_code=3), fact(), volumes=VOLUME), pod("web", grace_s=7.0))
    assert deeds(answer) == [
        "stopContainer web",
        "detachPod web <- stopContainer web",
        "removeSandbox POD <- detachPod web",
    ]
    stopped = action(answer, "stopContainer web")
    assert (stop(answer).grace_s, stopped.message) == (7, "the sandbox ended with 3")
    assert stopped.reason is Reason.SANDBOX_CHANGED


def test_a_failed_effect_holds_up_the_new_sandbox_too() -> None:
    """And the winding down of a Pod that has finished."""
    for given in ({}, {"finished": "Failed"}):
        memory = remembered(ip=IP, failure=FAILED, **given)
        answer = look(shows(sandbox(state="exited"), fact()), pod("web"), memory=memory)
        assert (deeds(answer), waits(answer)) == ([], ["back-off: FailedKillPod: busy until 7"])


def test_the_end_of_a_pod_waits_for_what_was_begun_but_no_pull_and_no_hook() -> None:
    """A container that runs may still be in its postStart hook: that is not waited for."""
    facts = shows(*RUNNING)
    for emitted, busy in (
        (Emitted(key="k", type="startContainer", target="web"), False),
        (Emitted(key="k", type="startContainer", target="other"), True),
        (Emitted(key="k", type="publishVolumes"), True),
        (Emitted(key="k", type="pullImage", target="web"), False),
    ):
        for pods in ((), (ending(),)):
            memory = remembered(ip=IP, emitted=(emitted,))
            answer = look(facts, *pods, memory=memory, in_flight=frozenset({"k"}))
            assert bool(deeds(answer)) != busy, emitted
