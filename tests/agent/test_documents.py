"""Which documents an agent takes, and what it says of those that it lacks."""

import queue
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from apscheduler.schedulers.background import BackgroundScheduler

from reconciler.agent.journal import Journal
from reconciler.agent.loop import AgentLoop
from reconciler.model.node import Materials
from reconciler.model.node_report import Observation
from reconciler.model.ports import NodeDocuments
from reconciler.planner.node.memory import ContainerMemory, NodeMemory, PodMemory
from reconciler.simulation.clock import VirtualClock
from reconciler.simulation.world import SimulatedWorld
from tests.planner.node.host import NODE, assignment, view

DEADLINE_S = 10.0
WHOLE = NodeDocuments(assignment=assignment(generation=7), view=view(), materials=Materials())


class Agent:
    """An agent with its loop; `heard` are its reports."""

    def __init__(self, directory: Path) -> None:
        self.heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.clock = VirtualClock()
        self.loop = AgentLoop(
            NODE,
            SimulatedWorld(NODE, self.clock),
            Journal(directory / "data", directory / "run"),
            self.clock,
            BackgroundScheduler(),
            self.heard.put,
            lambda _: None,
        )
        self.loop.start()

    def generation(self) -> int:
        """Return the generation of the next report; a heartbeat is due."""
        self.clock.advance(60)
        self.loop.look("test")
        return msgspec.json.decode(self.heard.get(timeout=DEADLINE_S), type=Observation).generation

    def deliver(self, documents: NodeDocuments) -> None:
        """Hand documents over as the controller does."""
        self.loop.deliver(msgspec.json.encode(documents))


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    """An agent with an empty disk."""
    agent = Agent(tmp_path)
    assert agent.generation() == 0
    yield agent
    agent.loop.stop()


def test_a_part_of_the_documents_is_refused_by_an_agent_that_has_none(agent: Agent) -> None:
    """P17: it was meant for what a lost disk held; its report asks for everything, and gets it."""
    agent.deliver(NodeDocuments(assignment=assignment(generation=6)))
    assert [agent.generation() for _ in range(3)] == [0, 0, 0]
    agent.deliver(WHOLE)
    assert 7 in [agent.generation() for _ in range(3)]


def test_an_agent_whose_reboot_took_the_values_asks_for_them(agent: Agent, tmp_path: Path) -> None:
    """P10: values of Secrets are kept in memory only; without them nothing that reads them could start again."""
    agent.deliver(WHOLE)
    assert 7 in [agent.generation() for _ in range(3)]
    agent.loop.stop()
    (tmp_path / "run" / "materials.json").unlink()
    again = Agent(tmp_path)
    assert again.generation() == 0
    again.deliver(WHOLE)
    assert 7 in [again.generation() for _ in range(3)]
    again.loop.stop()


def test_a_full_disk_loses_no_documents_and_stops_nothing(agent: Agent, tmp_path: Path) -> None:
    """P07: the agent does what it is told from memory, says what is wrong, and keeps it once there is room."""
    agent.deliver(WHOLE)
    assert 7 in [agent.generation() for _ in range(3)]
    data, away = tmp_path / "data", tmp_path / "away"
    data.rename(away)
    agent.deliver(NodeDocuments(assignment=assignment(generation=8)))
    assert 8 in [agent.generation() for _ in range(3)]
    assert "cannot be written" in agent.loop.status().error
    away.rename(data)
    assert [agent.generation() for _ in range(3)] == [8, 8, 8]
    agent.loop.stop()
    assert agent.loop.status().error == ""
    kept, _, _ = Journal(data, tmp_path / "run").documents()
    assert kept is not None
    assert kept.generation == 8


def test_the_containers_that_were_there_last_are_remembered(tmp_path: Path) -> None:
    """P20: sandboxes and containers, by the Engine's ids; an empty disk remembers none."""
    journal = Journal(tmp_path / "data", tmp_path / "run")
    assert journal.containers() == ()
    containers = {"app": ContainerMemory(container_id="c1"), "new": ContainerMemory()}
    pod = PodMemory(namespace="default", name="web", started_at=1.0, sandbox_id="s1", containers=containers)
    journal.keep_memory(NodeMemory(pods={"u": pod}))
    assert journal.containers() == ("s1", "c1")
