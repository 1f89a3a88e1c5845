"""How often an agent tells that nothing is new."""

import queue
from pathlib import Path

import msgspec
import pytest
from apscheduler.schedulers.background import BackgroundScheduler

from reconciler.agent.journal import Journal
from reconciler.agent.loop import AgentLoop
from reconciler.model.node import Materials, Observation
from reconciler.model.ports import NodeDocuments
from reconciler.simulation.clock import VirtualClock
from reconciler.simulation.world import SimulatedWorld
from tests.planner.node.host import NODE, assignment, view

DEADLINE_S = 10.0


@pytest.mark.parametrize("set_by_s", [-7200.0, -300.0, 0.0, 300.0])
def test_a_clock_that_is_set_silences_no_node(tmp_path: Path, set_by_s: float) -> None:
    """P20: after the usual ten seconds it is heard again, not when the old time has come again."""
    clock = VirtualClock()
    reports: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    loop = AgentLoop(
        NODE,
        SimulatedWorld(NODE, clock),
        Journal(tmp_path / "data", tmp_path / "run"),
        clock,
        BackgroundScheduler(),
        reports.put,
        lambda _: None,
    )
    documents = NodeDocuments(assignment=assignment(generation=7), view=view(), materials=Materials())
    loop.deliver(msgspec.json.encode(documents))
    loop.start()
    try:
        loop.look("test")
        while not msgspec.json.decode(reports.get(timeout=DEADLINE_S), type=Observation).facts.network.names_digest:
            loop.look("test")
        while not reports.empty():
            reports.get()
        clock.jump(set_by_s)
        clock.advance(10)
        loop.look("test")
        heard = msgspec.json.decode(reports.get(timeout=DEADLINE_S), type=Observation)
    finally:
        loop.stop()
    assert heard.observed_at == clock.now()
