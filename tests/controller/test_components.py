"""The parts of the control plane are looked at for real: a loop that was stopped, a database that is locked."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apscheduler.schedulers.background import BackgroundScheduler
from msgspec.structs import replace

from reconciler.agent.journal import Journal
from reconciler.agent.loop import AgentLoop
from reconciler.controller.components import components_of
from reconciler.controller.loop import Controller
from reconciler.model.ports import Component
from reconciler.model.status import LoopStatus
from reconciler.simulation.clock import VirtualClock
from reconciler.simulation.world import SimulatedWorld
from tests.controller.test_loop import Clock, controller, observation, reading, wait
from tests.planner.test_deployment import web


@contextmanager
def agent(path: Path, clock: Clock) -> Iterator[AgentLoop]:
    """A running agent on a simulated host."""
    scheduler = BackgroundScheduler(timezone="UTC")
    scheduler.start()
    world = SimulatedWorld("node-1", VirtualClock(clock.at))
    journal = Journal(path / "data", path / "run")
    one = AgentLoop("node-1", world, journal, clock, scheduler, lambda _: None, lambda _: None)
    one.start()
    try:
        yield one
    finally:
        one.stop()
        scheduler.shutdown(wait=False)


def checked(one: Controller, *loops: LoopStatus) -> dict[str, Component]:
    """Return the components by name."""
    return {part.name: part for part in components_of(one, (one.status(), *loops))}


AGENT = LoopStatus(name="agent", ran_at=Clock().at)


def test_a_stopped_controller_takes_the_scheduler_with_it(tmp_path: Path) -> None:
    """Its row and the scheduler's, a step of it, turn; the database and the agent are still well."""
    clock = Clock()
    with controller(tmp_path / "db", clock) as (one, _):
        one.receive(observation(clock))
        one.receive_reading(reading(web()))
        wait(one, lambda: one.ticks > 0)
        assert {name: part.healthy for name, part in checked(one, AGENT).items()} == {
            "agent": True,
            "controller-manager": True,
            "scheduler": True,
            "store": True,
        }
        one.stop()
        parts = checked(one, AGENT)
        assert [name for name, part in parts.items() if not part.healthy] == ["controller-manager", "scheduler"]
        assert parts["scheduler"].message == "the controller loop has ended"


def test_a_stopped_agent_is_unhealthy_alone(tmp_path: Path) -> None:
    """Only the agent's row turns when its loop has ended."""
    clock = Clock()
    with controller(tmp_path / "db", clock) as (one, _), agent(tmp_path, clock) as host:
        one.receive(observation(clock))
        wait(one, lambda: one.ticks > 0)
        host.look("test")
        host.stop()
        parts = checked(one, host.status())
        assert [name for name, part in parts.items() if not part.healthy] == ["agent"]


def test_a_loop_that_hangs_or_fails_is_unhealthy(tmp_path: Path) -> None:
    """P08: silence counts after a while, an error of the last pass at once, and it is told."""
    clock = Clock()
    with controller(tmp_path / "db", clock) as (one, _):
        one.receive(observation(clock))
        wait(one, lambda: one.ticks > 0)
        late = checked(one, replace(AGENT, ran_at=clock.at - 600))["agent"]
        assert (late.healthy, late.message) == (False, "the agent loop has not run for 600 s")
        failed = checked(one, replace(AGENT, error="the Engine does not answer"))["agent"]
        assert not failed.healthy
        assert "the Engine does not answer" in failed.message
        assert not checked(one, LoopStatus(name="agent"))["agent"].healthy


def test_a_database_that_nobody_can_write_is_unhealthy(tmp_path: Path) -> None:
    """A write that does not end is noticed within the deadline of the probe."""
    clock = Clock()
    with controller(tmp_path / "db", clock) as (one, _):
        one.receive(observation(clock))
        wait(one, lambda: one.ticks > 0)
        with one.store._database.write():
            locked = components_of(one, (one.status(), AGENT))
        assert [part.name for part in locked if not part.healthy] == ["store"]


def test_pods_that_fit_nowhere_are_no_fault_of_the_scheduler(tmp_path: Path) -> None:
    """They wait, and its row says so."""
    clock = Clock()
    with controller(tmp_path / "db", clock) as (one, _):
        one.receive(observation(clock))
        one.receive_reading(reading(web().replace('"web:1"', '"web:1", resources: {requests: {cpu: 900}}')))
        told = "ok: 3 Pods wait for a node that fits"
        wait(one, lambda: checked(one, AGENT)["scheduler"] == Component(name="scheduler", healthy=True, message=told))
