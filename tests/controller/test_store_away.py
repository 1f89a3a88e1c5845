"""A database that takes nothing: what was read last is shown as what it is, until something was written again."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from reconciler.config import SourceSettings
from reconciler.controller.loop import Controller
from reconciler.controller.status import status_of
from reconciler.model.errors import TransientError
from reconciler.model.node_report import NodeEvent
from reconciler.model.status import Health
from tests.controller.test_loop import Clock, controller, observation, reading, wait
from tests.planner.test_safety import config_maps


def health(one: Controller) -> Health:
    """What `status` says of the whole."""
    return status_of(one, [SourceSettings(name="main")], (one.status(),)).health


def test_status_is_unknown_while_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """P06: passes that have nothing to write do not make it healthy; a heartbeat that is written does."""
    clock = Clock()
    with controller(tmp_path / "db", clock) as (one, _):
        one.receive(observation(clock))
        one.receive_reading(reading(config_maps(range(2))))
        wait(one, lambda: health(one) is Health.HEALTHY and one.last_plan.changes == ())

        def refuse(*_: object) -> None:
            raise TransientError("the database did not answer: SQLITE_FULL", reason="Database")

        monkeypatch.setattr(one.store, "record_observation", refuse)
        monkeypatch.setattr(one.store, "heartbeat", refuse)
        clock.at += 1
        told = observation(clock, 2)
        one.receive(replace(told, pressures=("MemoryPressure",)))
        wait(one, lambda: "SQLITE_FULL" in one.status().error)
        for _ in range(3):
            clock.at += 3
            one.look("test")
            wait(one, lambda: one.status().ran_at == clock.at)
            assert health(one) is Health.UNKNOWN
            assert "SQLITE_FULL" in one.status().error
        monkeypatch.undo()
        one.receive(observation(clock, 3))
        wait(one, lambda: health(one) is Health.HEALTHY)


def test_what_could_not_be_written_is_said_and_what_happened_is_told_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P06: a node that could not be removed is not said to be; an event of a report that was not taken is not lost."""
    clock = Clock()
    with controller(tmp_path / "db", clock) as (one, _):
        one.receive(observation(clock))
        wait(one, lambda: bool(list(one.index.by_kind("Node"))) and one.last_plan.changes == ())

        def refuse(*_: object) -> None:
            raise TransientError("the database did not answer: SQLITE_BUSY", reason="Database")

        monkeypatch.setattr(one.store, "forget_node", refuse)
        monkeypatch.setattr(one.store, "record_observation", refuse)
        with pytest.raises(TransientError):
            one.forget_node("node-1")
        told = NodeEvent(at=1.0, type="Warning", reason="Unforeseen", message="once")
        one.receive(replace(observation(clock, 2), events=(told,)))
        monkeypatch.undo()
        wait(one, lambda: any(e.object.reason == "Unforeseen" for e in one.index.by_kind("Event")))  # type: ignore[union-attr]
        one.forget_node("node-1")
        assert not list(one.index.by_kind("Node"))
