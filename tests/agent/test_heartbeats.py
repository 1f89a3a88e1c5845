"""How often an agent tells that nothing is new, and that it is believed whatever its clock says."""

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from apscheduler.schedulers.background import BackgroundScheduler

from reconciler.agent.journal import Journal
from reconciler.agent.loop import AgentLoop
from reconciler.model.node import Materials
from reconciler.model.node_report import Observation
from reconciler.model.ports import NodeDocuments
from reconciler.simulation.clock import VirtualClock
from reconciler.simulation.world import SimulatedWorld
from tests.planner.node.host import NODE, assignment, view

DEADLINE_S = 10.0


class Agent:
    """An agent with what it reports."""

    def __init__(self, directory: Path, clock: VirtualClock) -> None:
        self._reports: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        journal = Journal(directory / "data", directory / "run")
        world = SimulatedWorld(NODE, clock)
        self.loop = AgentLoop(NODE, world, journal, clock, BackgroundScheduler(), self._reports.put, lambda _: None)
        documents = NodeDocuments(assignment=assignment(generation=7), view=view(), materials=Materials())
        self.loop.deliver(msgspec.json.encode(documents))

    def next_report(self) -> Observation:
        """Have it look, and wait until it reports."""
        self.loop.look("test")
        return msgspec.json.decode(self._reports.get(timeout=DEADLINE_S), type=Observation)

    def settle(self) -> Observation:
        """Wait until nothing is new any more."""
        while not (report := self.next_report()).facts.network.names_digest:
            pass
        while not self._reports.empty():
            report = msgspec.json.decode(self._reports.get(), type=Observation)
        return report


@contextmanager
def running(directory: Path, clock: VirtualClock) -> Iterator[Agent]:
    """An agent that lives for a while."""
    agent = Agent(directory, clock)
    agent.loop.start()
    try:
        yield agent
    finally:
        agent.loop.stop()


@pytest.mark.parametrize("set_by_s", [-7200.0, -300.0, 0.0, 300.0])
def test_a_clock_that_is_set_silences_no_node(tmp_path: Path, set_by_s: float) -> None:
    """P20: after the usual ten seconds it is heard again, not when the old time has come again."""
    clock = VirtualClock()
    with running(tmp_path, clock) as agent:
        agent.settle()
        clock.jump(set_by_s)
        clock.advance(10)
        while agent.next_report().observed_at != clock.now():
            pass


def test_reports_of_an_agent_that_starts_again_are_newer_whatever_the_clock_says(tmp_path: Path) -> None:
    """P20: or they are refused as old, and the node counts as silent until the old time has come again."""
    clock = VirtualClock()
    with running(tmp_path, clock) as agent:
        last = agent.settle().sequence
    clock.jump(-7200)
    with running(tmp_path, clock) as agent:
        assert agent.next_report().sequence > last
