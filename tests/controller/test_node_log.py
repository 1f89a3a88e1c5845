"""The daemon's log tells when a node falls silent and when it is back: what an operator of hosts looks for first."""

import logging
from pathlib import Path

import pytest

from tests.controller.test_loop import Clock, controller, observation, wait


def test_a_node_that_falls_silent_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Once, and once that it is back."""
    clock = Clock()
    caplog.set_level(logging.INFO, "reconciler.controller.tick")

    def told() -> list[str]:
        return [one.reason for one in caplog.records if one.message == "a node has changed"]  # type: ignore[attr-defined]

    with controller(tmp_path / "db", clock) as (one, _):
        one.receive(observation(clock))
        wait(one, lambda: "node-1" in one._nodes)
        clock.at += 60
        one.look("time has passed")
        wait(one, lambda: told() == ["NodeNotReady"])
        one.receive(observation(clock, 2))
        wait(one, lambda: told() == ["NodeNotReady", "NodeReady"])
