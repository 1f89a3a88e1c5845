"""When a node counts as silent, and when it is back, is in the daemon's log: what an operator looks for first."""

import logging
from pathlib import Path

import pytest

from reconciler.controller import loop
from reconciler.controller.loop import Controller
from tests.controller.test_loop import Clock, controller, observation, reading, wait
from tests.planner.test_deployment import web


def at_rest(one: Controller) -> bool:
    """Whether the node is known, and nothing is left to be looked at."""
    return "node-1" in one._nodes and one.last_plan.look_again_at is not None and not one._may_differ()


def test_a_node_that_falls_silent_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Once, and once that it is back."""
    clock = Clock()
    caplog.set_level(logging.INFO, "reconciler.controller.tick")

    def told() -> list[str]:
        return [one.reason for one in caplog.records if one.message == "a node has changed"]  # type: ignore[attr-defined]

    with controller(tmp_path / "db", clock) as (one, _):
        one.receive(observation(clock))
        wait(one, lambda: at_rest(one))
        clock.at += 60
        one.look("time has passed")
        wait(one, lambda: told() == ["NodeNotReady"])
        one.receive(observation(clock, 2))
        wait(one, lambda: told() == ["NodeNotReady", "NodeReady"])


def test_a_revision_is_in_the_log_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With its source and commit, and not again when it is polled again."""
    caplog.set_level(logging.INFO, "reconciler.controller.tick")

    def told() -> list[tuple[str, str]]:
        taken = [one for one in caplog.records if one.message == "a revision was taken in"]
        return [(one.source, one.commit) for one in taken]  # type: ignore[attr-defined]

    with controller(tmp_path / "db", Clock()) as (one, _):
        one.receive_reading(reading(web()))
        wait(one, lambda: told() == [("main", "c1")])
        one.receive_reading(reading(web()))
        one.receive_reading(reading(web(), commit="c2"))
        wait(one, lambda: told() == [("main", "c1"), ("main", "c2")])


def test_nodes_are_not_silent_because_the_daemon_stood_still(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped for minutes, or asleep with its host: each has its whole lease to be heard from then on."""
    clock = Clock()
    stood_still_until = clock.at + 300
    monkeypatch.setattr(loop, "awake_s", lambda: min(clock.at, stood_still_until))
    caplog.set_level(logging.INFO, "reconciler.controller")

    def told() -> list[str]:
        return [one.message for one in caplog.records if one.message != "leading"]

    with controller(tmp_path / "db", clock) as (one, _):
        one.receive(observation(clock))
        wait(one, lambda: at_rest(one))
        clock.at = stood_still_until
        one.look("time has passed")
        wait(one, lambda: one._nodes["node-1"].listened_since == clock.at)
        clock.at += 39
        one.look("time has passed")
        wait(one, lambda: one.status().ran_at == clock.at)
        assert told() == ["this process stood still"]
        clock.at += 2
        one.look("time has passed")
        wait(one, lambda: told() == ["this process stood still", "a node has changed"])
