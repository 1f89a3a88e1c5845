"""A person's word on held deletions, and when it is too early for one."""

from pathlib import Path
from typing import Any, cast

import pytest

from reconciler.config import Settings, SourceSettings
from reconciler.controller.loop import Controller
from reconciler.controller.operations import DaemonOperations
from reconciler.controller.source import Source
from reconciler.model.errors import TransientError
from reconciler.model.refs import ObjectRef
from tests.controller.test_loop import Clock, controller, observation, reading, wait
from tests.planner.test_safety import config_maps

unused = cast(Any, None)


def operations(one: Controller) -> DaemonOperations:
    """What the API asks."""
    return DaemonOperations(Settings(), one, tuple, unused, unused, unused)


def test_nothing_is_said_to_be_held_before_that_is_known(tmp_path: Path) -> None:
    """P06: after a restart the sources are read first; a script must not take silence for a release."""
    clock = Clock()
    with controller(tmp_path / "db", clock) as (one, _):
        one.receive(observation(clock))
        one.receive_reading(reading(config_maps(range(9))))
        wait(one, lambda: one.index.get(ObjectRef.of("ConfigMap", "default", "c8")) is not None)
        assert operations(one).acknowledge("", "ada") == ()
    with controller(tmp_path / "db", clock) as (one, _):
        unread = Source(SourceSettings(name="main"), unused, unused, clock, one.receive_reading, lambda _: "")
        one.declared.sources["main"] = unread
        one.receive(observation(clock, 2))
        wait(one, lambda: not one.last_plan.complete)
        with pytest.raises(TransientError, match="not every source was read"):
            operations(one).acknowledge("", "ada")
        one.receive_reading(reading(config_maps(range(1)), "c2"))
        wait(one, lambda: bool(one.last_plan.holds))
        assert len(operations(one).acknowledge("", "ada")) == 8
        wait(one, lambda: one.index.get(ObjectRef.of("ConfigMap", "default", "c8")) is None)
