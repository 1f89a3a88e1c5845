"""Which sandboxes can no longer carry their Pod, and what is busy or at rest."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.model.node_report import LinkFact
from reconciler.planner.node.memory import ContainerMemory, Emitted
from tests.planner.node.host import IMAGE, container, pod, probe
from tests.planner.node.situation import IP, NOW, UID, deeds, ended, fact, look, remembered, sandbox, shows

LINK = LinkFact(pod_uid=UID, interface="rc-web", ip=IP, whole=True)
KNOWN: dict[str, Any] = {"ip": IP, "sandbox_attempt": 0, "sandbox_id": "id-POD-0", "sandbox_started_at": NOW - 100}


@pytest.mark.parametrize(
    ("facts", "known", "why"),
    [
        ((sandbox(), fact()), KNOWN, ""),
        ((sandbox(), fact()), {"ip": IP}, ""),
        ((sandbox(state="exited", exit_code=9), fact()), KNOWN, "the sandbox ended with 9"),
        ((sandbox(state="created", error="no room"), fact()), KNOWN, "the sandbox ended with 0"),
        ((fact(),), KNOWN, "the sandbox is gone"),
        ((sandbox(started_at=NOW - 98), fact()), KNOWN, "the sandbox was restarted"),
        ((sandbox(started_at=NOW - 99), fact()), KNOWN, ""),
        ((sandbox(started_at=NOW - 98), fact()), {**KNOWN, "sandbox_started_at": NOW - 98}, ""),
        ((sandbox(started_at=NOW - 98), ended()), KNOWN, ""),
        ((sandbox(), sandbox(1), fact()), KNOWN, "a container runs in an older sandbox"),
        (
            (sandbox(), sandbox(1), fact(sandbox="", created_at=NOW - 102)),
            KNOWN,
            "a container runs in an older sandbox",
        ),
        ((sandbox(), fact(sandbox="", created_at=NOW - 101)), KNOWN, ""),
        ((sandbox(), fact("b"), fact(sandbox="id-POD-7")), KNOWN, "a container runs in an older sandbox"),
    ],
)
def test_a_sandbox_that_cannot_carry_its_pod_any_more_has_to_go(
    facts: tuple[Any, ...], known: dict[str, Any], why: str
) -> None:
    """With what runs in it or beside it; the reason is told with every stop."""
    answer = look(shows(*facts), pod("web", container(), container("b")), memory=remembered(**known))
    stops = {one.message for one in answer.plan.actions if one.verb.value == "stop"}
    assert stops == ({why} if why else set())
    told = [one.message for one in answer.events if one.reason == "SandboxChanged"]
    assert told == ([f"Pod sandbox changed, it will be killed and re-created: {why}"] if why else [])


@pytest.mark.parametrize(
    ("links", "known", "is_restarted"),
    [
        ((), {"ip": IP}, True),
        ((LINK,), {"ip": IP}, False),
        ((replace(LINK, whole=False),), {"ip": IP}, True),
        ((), {"host_network": True}, False),
    ],
)
def test_a_sandbox_that_is_met_anew_is_told_by_its_link(links: Any, known: dict[str, Any], is_restarted: bool) -> None:
    """Starts cannot be compared when the clock was set back between them."""
    spec = pod("web", container(), **({"host_network": True} if "host_network" in known else {}))
    found = shows(sandbox(started_at=NOW - 98), fact(), links=links)
    answer = look(found, spec, memory=remembered(**known))
    assert ("the sandbox was restarted" in {one.message for one in answer.plan.actions}) == is_restarted


def test_a_sandbox_that_has_to_go_goes_though_nothing_runs_in_it_any_more() -> None:
    """What was found once is remembered by its id; it is told once."""
    restarted = (sandbox(started_at=NOW - 98), fact())
    first = look(shows(*restarted), pod("web"), memory=remembered(**KNOWN))
    second = look(shows(restarted[0], ended(code=0)), pod("web"), memory=first.memory)
    assert deeds(second) == ["detachPod web", "removeSandbox POD <- detachPod web"]
    assert second.events == ()
    third = look(shows(ended(code=0), links=()), pod("web"), memory=second.memory)
    assert deeds(third)[0] == "createSandbox web/1"


def test_a_pod_under_way_does_nothing_else_meanwhile() -> None:
    """Not even while a hook of a container that runs is awaited; a pull alone holds nothing up."""
    broken = shows(sandbox(), fact(), links=())
    for kind, expected in (("startContainer", []), ("attachPod", []), ("pullImage", ["attachPod web"])):
        memory = remembered(**KNOWN, emitted=(Emitted(key="k", type=kind, target="web"),))
        assert deeds(look(broken, pod("web"), memory=memory, in_flight=frozenset({"k"}))) == expected
        assert deeds(look(broken, pod("web"), memory=memory)) == ["attachPod web"]


@pytest.mark.parametrize(
    ("facts", "policy"),
    [
        (shows(sandbox(), fact()), "Always"),
        (shows(sandbox(), fact(state="paused")), "Always"),
        (shows(ended(code=0)), "Never"),
    ],
)
def test_a_pass_in_which_nothing_happens_leaves_the_memory_itself(facts: Any, policy: str) -> None:
    """It is written only when it changes; events are told once."""
    one = pod("web", container(readiness_probe=probe()), restart_policy=policy)
    first = look(facts, one, memory=remembered(**KNOWN))
    settled = look(facts, one, memory=first.memory, now=NOW + 1)
    again = look(facts, one, memory=settled.memory, now=NOW + 2)
    assert again.memory is settled.memory
    assert (again.events, again.reports) == ((), settled.reports)


def test_what_is_kept_of_a_pod_at_rest_holds_only_while_nothing_changes() -> None:
    """Probes, addresses, the Pod itself, its facts, the time and the memory."""
    one = pod("web", container(readiness_probe=probe()), active_deadline_seconds=60)
    facts, memory = shows(sandbox(), fact()), remembered(**KNOWN | {"started_at": NOW})
    ready = {"id-web-0/readiness": "success"}
    for number in range(3):
        memory = look(facts, one, memory=memory, now=NOW + number).memory
    assert not look(facts, one, memory=memory).memory.pods[UID].containers["web"].ready
    assert look(facts, one, memory=memory, probes=ready).memory.pods[UID].containers["web"].ready
    moved = replace(facts, host=replace(facts.host, address="192.168.0.9"))
    assert look(moved, one, memory=memory).reports[0].host_ip == "192.168.0.9"
    assert look(facts, one, memory=memory, now=NOW + 59.9).reports[0].phase == "Running"
    assert look(facts, one, memory=memory, now=NOW + 60).reports[0].phase == "Failed"
    assert deeds(look(shows(sandbox(), ended(code=1)), one, memory=memory)) == ["startContainer web/1"]
    assert deeds(look(facts, replace(one, deletion_requested_at=NOW), memory=memory))[0] == "stopContainer web"
    other = replace(memory, pods={UID: replace(memory.pods[UID], finished="Failed")})
    assert look(facts, one, memory=other).reports[0].phase == "Failed"


@pytest.mark.parametrize("ready", [True, False])
def test_a_container_that_is_paused_still_runs(ready: bool) -> None:
    """Its processes exist; one that the Engine restarts too."""
    state = "paused" if ready else "restarting"
    answer = look(shows(sandbox(), fact(state=state)), pod("web"))
    assert (deeds(answer), answer.reports[0].phase) == ([], "Running")


def test_containers_of_no_role_of_ours_are_none_of_the_pod() -> None:
    """Nor is what belongs to no Pod."""
    strange = fact("web", role="other"), fact("x", pod_uid="")
    answer = look(shows(sandbox(), *strange), pod("web"))
    assert deeds(answer) == ["startContainer web"]
    assert [report.uid for report in answer.reports] == [UID]


def test_a_node_that_forgot_everything_finds_it_again() -> None:
    """Name, time and number of attempts, from what is on the host."""
    facts = shows(sandbox(3, pod_name=""), fact("web", 5, sandbox="id-POD-3", created_at=0.0))
    kept = look(facts).memory.pods[UID]
    assert (kept.name, kept.namespace, kept.started_at, kept.sandbox_attempt) == ("web", "shop", NOW - 101, 3)
    assert (kept.containers["web"].attempt, kept.containers["web"].backoff_s) == (5, 160.0)
    assert kept.containers["web"].last is None
    blank = look(shows(volumes=(), links=shows(sandbox()).network.links)).memory.pods[UID]
    assert (blank.name, blank.namespace, blank.started_at) == ("", "", NOW)


def test_an_end_before_the_last_start_is_remembered_as_far_as_it_is_known() -> None:
    """A container that runs is no end; one that has a memory keeps that."""
    known = ContainerMemory(attempt=0, container_id="id-web-0", image=IMAGE)
    for facts, memory, code in (
        ((ended(code=3), fact("web", 1)), {}, 3),
        ((fact(), fact("web", 1)), {}, None),
        ((ended(code=3), fact("web", 1)), {"web": known}, None),
    ):
        answer = look(shows(sandbox(), *facts), pod("web"), memory=remembered(**KNOWN, containers=memory))
        last = answer.memory.pods[UID].containers["web"].last
        assert (last.exit_code if last else None) == code
