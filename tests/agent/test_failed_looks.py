"""What an agent keeps when a look at its host fails in the middle of its work."""

import queue
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from apscheduler.schedulers.background import BackgroundScheduler

from reconciler.agent.journal import Journal
from reconciler.agent.loop import AgentLoop
from reconciler.model.errors import TransientError
from reconciler.model.node import Materials
from reconciler.model.node_report import NodeFacts
from reconciler.model.plan import Action, Outcome
from reconciler.model.ports import NodeDocuments
from reconciler.simulation.behaviour import Behaviour
from reconciler.simulation.clock import VirtualClock
from reconciler.simulation.world import SimulatedWorld
from tests.planner.node.host import IMAGE, NODE, assignment, pod, view

DEADLINE_S = 10.0


class FailingWorld(SimulatedWorld):
    """A host of which every second look fails; `looks` has whether each asked for a full compare."""

    def __init__(self, clock: VirtualClock, **parts: Any) -> None:
        super().__init__(NODE, clock, **parts)
        # The simulated host is made for one thread; the agent's runner has many.
        self.lock = threading.RLock()
        self.looks: list[bool] = []
        self.done: list[str] = []

    def observe(self, *, full: bool = False) -> NodeFacts:
        """Look, or fail."""
        self.looks.append(full)
        if len(self.looks) % 2 == 1:
            raise TransientError("the Engine is busy")
        with self.lock:
            return super().observe(full=full)

    def execute(self, action: Action, materials: Materials) -> Outcome:
        """Carry it out, and note that."""
        with self.lock:
            self.done.append(action.key)
            return super().execute(action, materials)


def test_outcomes_outlive_a_look_that_failed(tmp_path: Path) -> None:
    """What came of an action is told exactly once, however many looks fail around it."""
    clock = VirtualClock()
    registry = {IMAGE: Behaviour()}
    world = FailingWorld(clock, registry=registry)
    world.engine.images.update(registry)
    told: queue.SimpleQueue[tuple[tuple[Action, Outcome], ...]] = queue.SimpleQueue()
    loop = AgentLoop(
        NODE,
        world,
        Journal(tmp_path / "data", tmp_path / "run"),
        clock,
        BackgroundScheduler(),
        lambda _: None,
        told.put,
    )
    documents = NodeDocuments(assignment=assignment(pod(), generation=7), view=view(), materials=Materials())
    loop.deliver(msgspec.json.encode(documents))
    loop.start()
    keys: list[str] = []
    deadline = time.monotonic() + DEADLINE_S
    while (not runs(world) or len(keys) < len(world.done)) and time.monotonic() < deadline:
        clock.advance(10)
        loop.look("test")
        with suppress(queue.Empty):
            keys += [outcome.key for _, outcome in told.get(timeout=0.1)]
    loop.stop()
    assert runs(world)
    assert sorted(keys) == sorted(world.done)


def runs(world: SimulatedWorld) -> bool:
    """Whether the container runs."""
    return any(fact.container == "web" and fact.state == "running" for fact in world.engine.facts())


def test_a_full_compare_that_failed_is_made_up_for(tmp_path: Path) -> None:
    """The safety net does not get a hole because the host was busy at the wrong moment."""
    world = FailingWorld(VirtualClock())
    reports: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    journal = Journal(tmp_path / "data", tmp_path / "run")
    loop = AgentLoop(NODE, world, journal, world.clock, BackgroundScheduler(), reports.put, lambda _: None)
    loop.start()
    deadline = time.monotonic() + DEADLINE_S
    while len(world.looks) < 2 and time.monotonic() < deadline:
        world.clock.advance(60)
        loop.look("test")
        with suppress(queue.Empty):
            reports.get(timeout=0.1)
    loop.stop()
    assert world.looks[:2] == [True, True]
