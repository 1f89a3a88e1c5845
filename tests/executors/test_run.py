"""The walk over a plan's graph: order, parallelism, what one failure stops, what a newer plan drops."""

import threading
import time

import pytest

from reconciler.executors.run import Runner
from reconciler.model.details import ProgramServices
from reconciler.model.errors import TransientError
from reconciler.model.node import Materials
from reconciler.model.plan import Action, Executor, Outcome, OutcomeStatus, Reason, Verb
from reconciler.model.refs import ObjectRef


class Clock:
    """The machine's time."""

    def now(self) -> float:
        """Return Unix seconds."""
        return time.time()


def action(key: str, *needs: str, executor: Executor = Executor.CONTAINER) -> Action:
    """One action with what it needs."""
    ref = ObjectRef.of("Pod", "default", key)
    return Action(key=key, executor=executor, verb=Verb.START, object=ref, needs=needs, reason=Reason.POD_ASSIGNED)


class Bench:
    """A runner whose effects a test controls; everything told is kept."""

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.order: list[str] = []
        self.told: dict[str, OutcomeStatus] = {}
        self.neither: list[str] = []
        self.gates: dict[str, threading.Event] = {}
        self.changed = threading.Condition()
        self.runner = Runner(self.execute, self.finished, Clock())

    def execute(self, one: Action, _: Materials) -> Outcome:
        """Wait for the action's gate if it has one, then succeed or fail."""
        if one.key in self.gates:
            assert self.gates[one.key].wait(10)
        self.order.append(one.key)
        if one.key in self.failing:
            raise TransientError("no")
        return Outcome(key=one.key, status=OutcomeStatus.DONE)

    def finished(self, outcome: Outcome) -> None:
        """Keep what is told; what was told must still have been in flight, unless it was cancelled."""
        if outcome.status is not OutcomeStatus.CANCELLED and outcome.key not in self.runner.in_flight():
            self.neither.append(outcome.key)
        with self.changed:
            self.told[outcome.key] = outcome.status
            self.changed.notify_all()

    def run(self, *actions: Action) -> None:
        """Submit and await all outcomes."""
        self.runner.submit(actions, Materials())
        self.wait(*(one.key for one in actions))

    def wait(self, *keys: str) -> None:
        """Await the outcomes of these actions."""
        with self.changed:
            assert self.changed.wait_for(lambda: set(keys) <= set(self.told), timeout=10)


def test_what_something_needs_comes_before_it() -> None:
    """A chain runs in order, whatever order it is given in."""
    bench = Bench()
    bench.run(action("c", "b"), action("b", "a"), action("a"))
    assert bench.order == ["a", "b", "c"]


def test_one_failure_stops_only_what_depends_on_it() -> None:
    """Dependants are skipped and told, others go on."""
    bench = Bench("a")
    bench.run(action("a"), action("b", "a"), action("c", "b"), action("d"))
    assert bench.told == {
        "a": OutcomeStatus.FAILED,
        "b": OutcomeStatus.SKIPPED,
        "c": OutcomeStatus.SKIPPED,
        "d": OutcomeStatus.DONE,
    }


def test_a_newer_plan_drops_what_has_not_begun() -> None:
    """P01: what waits and is no longer wanted is cancelled; what runs ends by itself."""
    bench = Bench()
    bench.gates["a"] = threading.Event()
    bench.runner.submit((action("a"), action("b", "a")), Materials())
    bench.runner.submit((action("x"),), Materials())
    bench.wait("b", "x")
    assert bench.told["b"] is OutcomeStatus.CANCELLED
    bench.gates["a"].set()
    bench.wait("a")
    assert bench.told["a"] is OutcomeStatus.DONE


def test_an_action_is_in_flight_until_its_outcome_was_told() -> None:
    """Nobody sees an action that is neither: its planner would take it for lost."""
    bench = Bench("a", "e")
    bench.run(action("a"), action("b", "a"), action("c"), action("d", "c"), action("e"), action("f", "e"))
    assert bench.neither == []


def test_a_stuck_technology_delays_only_itself() -> None:
    """P07: with every worker for volumes stuck, containers start all the same."""
    bench = Bench()
    stuck = [action(f"v{n}", executor=Executor.VOLUME) for n in range(10)]
    for one in stuck:
        bench.gates[one.key] = threading.Event()
    bench.runner.submit((*stuck, action("free")), Materials())
    bench.wait("free")
    for gate in bench.gates.values():
        gate.set()
    bench.wait(*(one.key for one in stuck))


def test_what_ended_while_a_plan_was_made_is_not_done_again() -> None:
    """The plan still counts on it being in flight; it and what needs it wait for a plan that knows how it ended."""
    bench = Bench()
    bench.run(action("a"))
    bench.runner.submit(
        (action("a"), action("b", "a"), action("c", "b"), action("d")), Materials(), planned_in_flight=frozenset({"a"})
    )
    bench.wait("d")
    assert bench.order == ["a", "d"]
    bench.run(action("b"), action("c", "b"))
    assert bench.order == ["a", "d", "b", "c"]


def programming(digest: str) -> Action:
    """One programming of the whole host's Services."""
    return Action(
        key=digest,
        executor=Executor.NETWORK,
        verb=Verb.UPDATE,
        object=ObjectRef.of("Node", "", "node-1"),
        detail=ProgramServices(digest=digest, services=(), host_ports=()),
        reason=Reason.SERVICES_CHANGED,
    )


@pytest.mark.parametrize("failing", [(), ("old",)], ids=["done", "failed"])
def test_a_newer_state_of_the_host_never_comes_before_an_older_one(failing: tuple[str, ...]) -> None:
    """Else the older one would be written over it: a Service would lead to Pods that have ended."""
    bench = Bench(*failing)
    bench.gates["old"] = threading.Event()
    bench.runner.submit((programming("old"),), Materials())
    stop = action("stop", "new")
    bench.runner.submit((programming("new"), stop), Materials(), planned_in_flight=frozenset({"old"}))
    bench.runner.submit((action("other", executor=Executor.NETWORK), programming("new"), stop), Materials())
    bench.wait("other")
    assert bench.order == ["other"]
    bench.gates["old"].set()
    bench.wait("old", "new", "stop")
    assert bench.order == ["other", "old", "new", "stop"]


def test_what_waits_in_a_newer_plan_too_waits_for_what_that_one_says() -> None:
    """P20: a Pod is not stopped before the newest map is there, though the map that it waited for was overtaken."""
    bench = Bench()
    bench.gates = {key: threading.Event() for key in ("map 1", "map 3")}
    bench.runner.submit((programming("map 1"),), Materials())
    bench.runner.submit((programming("map 2"), action("stop", "map 2")), Materials())
    bench.runner.submit((programming("map 3"), action("stop", "map 3")), Materials())
    bench.gates["map 1"].set()
    bench.wait("map 1")
    bench.gates["map 3"].set()
    bench.wait("map 3", "stop")
    assert bench.order == ["map 1", "map 3", "stop"]
