"""What a host does not get is told as long as it lasts, also by its Pods."""

from __future__ import annotations

from reconciler.model.node_report import NodeFault
from reconciler.model.plan import Outcome, OutcomeStatus
from reconciler.planner.node.memory import Emitted, Failure, NodeMemory
from reconciler.planner.node.outcomes import note_outcomes
from tests.planner.node.host import Host, pod, script
from tests.planner.node.situation import NOW


def failing(action: str, *pods: object, times: int = 1000) -> Host:
    """A host of which one action fails, half a minute later."""
    host = Host(*pods)  # type: ignore[arg-type]
    host.world.fail(action, times)
    host.node.run_for(30)
    return host


def faults(host: Host) -> tuple[NodeFault, ...]:
    """What the host reports."""
    return host.node.observation().faults


def test_a_host_that_cannot_be_prepared_says_so_and_why() -> None:
    """One sentence: what fails for want of it says nothing more."""
    [fault] = faults(failing("prepareHost", pod("web")))
    assert (fault.action, fault.blocks_pods) == ("prepareHost", True)
    assert fault.reason
    assert fault.message


def test_its_pods_say_why_they_wait() -> None:
    """By the reason that people see first, and with the words of the host."""
    host = failing("prepareHost", pod("web"), pod("init", init_containers=(script("setup", "true"),)))
    [fault] = faults(host)
    [web] = host.node.report("web").container_statuses
    assert web.state.waiting is not None
    assert web.state.waiting.reason == "NetworkNotReady"
    assert fault.message in web.state.waiting.message
    assert host.waiting("init", "setup") == "NetworkNotReady"
    assert host.waiting("init", "init") == "PodInitializing"


def test_a_pod_in_the_host_s_network_does_not_wait() -> None:
    """It needs none of its own."""
    host = failing("prepareHost", pod("web", host_network=True))
    assert host.ready("web")


def test_a_pod_that_has_its_network_goes_on() -> None:
    """What cannot be written again is the host's own trouble."""
    host = Host(pod("web"))
    host.settle()
    host.world.fail("programServices", 1000)
    host.world.flush_table()
    host.node.run_for(30)
    assert "programServices" in [one.action for one in faults(host)]
    assert host.waiting("web") == ""


def test_the_first_failure_is_no_state_yet() -> None:
    """It may be an outdated answer; that it is tried again is told."""
    host = Host(pod("web"))
    host.world.fail("prepareHost", 1)
    told, words = set(), set()
    for _ in range(40):
        host.node.run_for(0.1)
        told |= {(one.tries, one.lasts) for one in faults(host)}
        words.add(host.waiting("web"))
    assert told == {(1, False)}
    assert "NetworkNotReady" not in words
    assert host.ready("web")


def test_names_that_are_not_served_keep_no_pod_from_running() -> None:
    """They are told all the same."""
    host = failing("publishNames", pod("web"))
    assert [(one.action, one.blocks_pods) for one in faults(host)] == [("publishNames", False)]
    assert host.ready("web")


def test_it_is_over_by_itself() -> None:
    """As soon as it works; the Pod comes up and says nothing of it."""
    host = failing("prepareHost", pod("web"), times=6)
    assert faults(host)
    host.settle()
    assert not faults(host)
    assert host.ready("web")


def test_what_failed_for_want_of_a_prepared_host_does_not_wait_on() -> None:
    """Its own waits have grown meanwhile; once the host is prepared it is tried at once."""
    failed = Failure(count=6, until=NOW + 25, reason="HostNotPrepared", message="m")
    memory = NodeMemory(
        emitted=(Emitted(key="k", type="prepareHost"),),
        failures={"programServices/": failed, "provisionVolume/pv": failed},
    )
    done = Outcome(key="k", status=OutcomeStatus.DONE, finished_at=NOW)
    assert list(note_outcomes(memory, (done,), NOW).memory.failures) == ["provisionVolume/pv"]
