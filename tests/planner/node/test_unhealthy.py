"""What is told of probes that fail: the kubelet's event, how often, and why a Pod is not ready."""

from __future__ import annotations

from reconciler.model.kinds import Container
from reconciler.model.node_report import NodeEvent, ProbeState
from reconciler.planner.node.memory import NodeMemory
from reconciler.planner.node.step import NodeStep
from reconciler.simulation.behaviour import Behaviour
from tests.planner.node.host import Host, container, pod, probe
from tests.planner.node.situation import NOW, fact, look, sandbox, shows
from tests.planner.node.test_judging import knowing

APART_S, AGAIN_S = 30, 300
REFUSED = "HTTP probe failed with statuscode: 503"


def failing(failures: int = 1, message: str = REFUSED, kind: str = "readiness", result: str = "unknown") -> ProbeState:
    """How a probe stands that failed so often."""
    return ProbeState(key=f"id-web-0/{kind}", failures=failures, message=message, result=result)


def passing(kind: str = "readiness") -> ProbeState:
    """How a probe stands that succeeds."""
    return ProbeState(key=f"id-web-0/{kind}", successes=1, result="success")


def seen(memory: NodeMemory, *states: ProbeState, at: float = 0.0, spec: Container | None = None) -> NodeStep:
    """One pass over the running Pod `web` whose probes stand so."""
    one = pod("web", spec or container(readiness_probe=probe()))
    probes = {state.key: state for state in states}
    return look(shows(sandbox(), fact()), one, memory=memory, now=NOW + at, probes=probes)


def told(answer: NodeStep) -> list[str]:
    """The messages of the events about probes."""
    return [one.message for one in answer.events if one.reason == "Unhealthy"]


def why(answer: NodeStep) -> str:
    """Why the Pod's containers are not ready."""
    return next(one.message for one in answer.reports[0].conditions if one.type == "ContainersReady")


def test_the_first_failure_of_each_probe_is_told_in_the_words_of_the_kubelet() -> None:
    """A Warning about the container, for every kind of probe, before its threshold is reached."""
    spec = container(readiness_probe=probe(), liveness_probe=probe())
    answer = seen(knowing(ready=True), failing(), failing(kind="liveness", message="timed out"), spec=spec)
    assert told(answer) == ["Liveness probe failed: timed out", f"Readiness probe failed: {REFUSED}"]
    event = next(one for one in answer.events if one.reason == "Unhealthy")
    assert event == NodeEvent(
        at=NOW,
        type="Warning",
        reason="Unhealthy",
        message="Liveness probe failed: timed out",
        namespace="shop",
        pod="web",
        uid="web-uid-0001",
        container="web",
    )
    starting = seen(knowing(), failing(kind="startup"), spec=container(startup_probe=probe()))
    assert told(starting) == [f"Startup probe failed: {REFUSED}"]


def test_the_same_failure_is_told_once_and_now_and_then_again() -> None:
    """Not with every period: after five minutes it is counted once more."""
    first = seen(knowing(), failing(1))
    assert told(first) == [f"Readiness probe failed: {REFUSED}"]
    at_once = seen(first.memory, failing(1), at=0.5)
    assert told(at_once) == []
    second = seen(at_once.memory, failing(2), at=10)
    third = seen(second.memory, failing(3, result="failure"), at=AGAIN_S - 1)
    assert (told(second), told(third)) == ([], [])
    again = seen(third.memory, failing(30, result="failure"), at=AGAIN_S)
    assert told(again) == [f"Readiness probe failed: {REFUSED}"]
    assert told(seen(again.memory, failing(31, result="failure"), at=AGAIN_S + 10)) == []


def test_another_answer_is_told_but_no_more_than_twice_a_minute() -> None:
    """A command that prints the time fails with other words each time."""
    first = seen(knowing(), failing(message="at 1"))
    hushed = seen(first.memory, failing(2, message="at 2"), at=APART_S - 1)
    assert told(hushed) == []
    assert told(seen(hushed.memory, failing(2, message="at 2"), at=APART_S)) == ["Readiness probe failed: at 2"]


def test_a_failure_that_comes_back_is_new() -> None:
    """A probe that succeeded in between fails anew; one that flaps is told of twice a minute at most."""
    first = seen(knowing(), failing())
    well = seen(seen(first.memory, passing()).memory, passing(), at=5)
    assert told(seen(well.memory, failing(), at=10)) == []
    better = seen(well.memory, passing(), at=APART_S)
    assert told(seen(better.memory, failing(), at=APART_S + 5)) == [f"Readiness probe failed: {REFUSED}"]


def test_each_probe_of_each_container_is_told_by_itself() -> None:
    """Whatever the others of the Pod do, and when theirs were told."""
    names = ("plain", "a", "b")
    one = pod("web", *(container(name, readiness_probe=None if name == "plain" else probe()) for name in names))
    facts = shows(sandbox(), *(fact(name) for name in names))

    def failed(*containers: str) -> dict[str, ProbeState]:
        keys = [f"id-{name}-0/readiness" for name in containers]
        return {key: ProbeState(key=key, failures=1, message=REFUSED) for key in keys}

    def told_of(answer: NodeStep) -> list[str]:
        return [event.container for event in answer.events if event.reason == "Unhealthy"]

    first = look(facts, one, probes=failed("a"))
    both = look(facts, one, memory=first.memory, now=NOW + 100, probes=failed("a", "b"))
    assert (told_of(first), told_of(both)) == (["a"], ["b"])
    calm = look(facts, one, memory=both.memory, now=NOW + 101, probes=failed("a", "b"))
    again = look(facts, one, memory=calm.memory, now=NOW + AGAIN_S, probes=failed("a", "b"))
    assert told_of(again) == ["a"]


def test_an_agent_that_restarts_does_not_tell_it_again() -> None:
    """It does not know how the probes stand, and keeps what it had told of them."""
    first = seen(knowing(), failing())
    blind = seen(first.memory, at=60)
    assert told(seen(blind.memory, failing(), at=70)) == []


def test_a_clock_that_was_set_back_silences_nothing() -> None:
    """What was told in the future was told nobody knows when."""
    first = seen(knowing(), failing(), at=1_000_000)
    assert told(seen(first.memory, failing(2))) == [f"Readiness probe failed: {REFUSED}"]


def test_nothing_is_told_of_a_pod_that_ends() -> None:
    """It is to become unready."""
    ending = pod("web", container(readiness_probe=probe()), deletion_requested_at=NOW)
    states = {"id-web-0/readiness": failing()}
    answer = look(shows(sandbox(), fact()), ending, memory=knowing(), probes=states)
    assert told(answer) == []


def test_a_pod_that_is_not_ready_says_which_probe_and_what_it_answered() -> None:
    """Kubernetes' sentence, and after it the container's probe; a liveness probe is not what it waits for."""
    spec = container(readiness_probe=probe(), liveness_probe=probe())
    answer = seen(knowing(), failing(), failing(kind="liveness", message="timed out"), spec=spec)
    assert why(answer) == f"containers with unready status: [web]; web: Readiness probe failed: {REFUSED}"
    ready = seen(answer.memory, passing(), at=APART_S, spec=spec)
    assert why(ready) == ""


def test_what_is_told_is_bounded() -> None:
    """A command may print a page; blanks around it are nobody's business."""
    answer = seen(knowing(), failing(message=f"\n{'x' * 5000}\n"))
    assert told(answer) == [f"Readiness probe failed: {'x' * 1000}"]


def test_while_it_lasts_a_node_does_nothing_else() -> None:
    """Passes over a Pod that stays unready tell it at a modest rate, and change nothing between."""
    host = Host(
        pod("web", container("web", "app:1", readiness_probe=probe())), images={"app:1": Behaviour(ready_after_s=1e9)}
    )
    host.node.run_for(60)
    told_of = [one for one in host.node.events if one.reason == "Unhealthy"]
    assert len(told_of) == 1
    memory = host.node.memory
    host.node.run_for(60)
    assert host.node.memory == memory
    host.node.run_for(AGAIN_S)
    assert [one.message for one in host.node.events if one.reason == "Unhealthy"] == [told_of[0].message] * 2


def test_a_deadline_is_kept_while_a_failing_probe_is_told_later() -> None:
    """What is known of a Pod for which nothing is to be done holds until the first of both times."""
    one = pod("web", container(readiness_probe=probe()), active_deadline_seconds=int(NOW) + 9)
    states = {state.key: state for state in (failing(),)}
    memory = knowing()
    for at, phase in ((0, "Running"), (1, "Running"), (10, "Failed")):
        answer = look(shows(sandbox(), fact()), one, memory=memory, now=NOW + at, probes=states)
        assert answer.reports[0].phase == phase
        memory = answer.memory
