"""A source that left the settings: nothing of it is deleted, nobody waits for it, and `status` tells of it."""

import dataclasses
from pathlib import Path

from reconciler.config import SourceSettings
from reconciler.controller.loading import Loaded
from reconciler.controller.loop import Controller
from reconciler.controller.source import Reading
from reconciler.controller.status import status_of
from reconciler.model.kinds import ConfigMap
from reconciler.model.plan import Decision, Reason
from reconciler.model.refs import ObjectRef
from tests.controller.test_loop import Clock, controller, observation, reading, wait
from tests.planner.test_safety import config_maps
from tests.planner.world import desired


def of(source: str, text: str, commit: str) -> Reading:
    """What a poll of this source found."""
    state = desired(text, source, commit)
    return dataclasses.replace(reading(text), source=source, loaded=Loaded(state.revision, state, ()))


def ref(number: int) -> ObjectRef:
    """One of the ConfigMaps."""
    return ObjectRef.of("ConfigMap", "default", f"c{number}")


def manager_of(one: Controller, number: int) -> str:
    """Who manages it; empty when it is not there."""
    stored = one.index.get(ref(number))
    return stored.manager if stored is not None else ""


def test_a_source_that_left_the_settings_holds_up_nobody_and_loses_nothing(tmp_path: Path) -> None:
    """P20: what it declared stays and is told; other sources prune as before. P05: one that declares it takes it."""
    clock = Clock()
    with controller(tmp_path / "db", clock) as (one, _):
        one.receive(observation(clock))
        one.receive_reading(of("kept", config_maps(range(4)), "k1"))
        one.receive_reading(of("gone", config_maps(range(10, 12)), "g1"))
        wait(one, lambda: bool(manager_of(one, 3) and manager_of(one, 11)))
    with controller(tmp_path / "db", clock) as (one, _):
        one.receive(observation(clock, 2))
        one.receive_reading(of("kept", config_maps(range(3)) + "---\n" + config_maps(range(11, 12)), "k2"))
        wait(one, lambda: not manager_of(one, 3) and one.last_plan.changes == ())
        assert (manager_of(one, 10), manager_of(one, 11)) == ("source/gone", "source/kept")
        assert one.last_plan.complete
        told = status_of(one, [SourceSettings(name="kept")], ()).warnings
        assert [line for line in told if line.startswith("source gone is not in the settings: ") and "(1)" in line]


def test_a_source_of_another_name_takes_over_what_it_declares(tmp_path: Path) -> None:
    """P10: to rename a source in the settings changes nothing of what runs, and later commits are applied."""
    clock = Clock()
    with controller(tmp_path / "db", clock) as (one, _):
        one.receive(observation(clock))
        one.receive_reading(of("old", config_maps(range(4)), "c1"))
        wait(one, lambda: manager_of(one, 3) == "source/old")
        uid = one.index.view.objects[ref(3)].object.metadata.uid
    with controller(tmp_path / "db", clock) as (one, _):
        one.receive(observation(clock, 2))
        one.receive_reading(of("new", config_maps(range(4)), "c1"))
        wait(one, lambda: manager_of(one, 3) == "source/new" and one.last_plan.changes == ())
        assert one.index.view.objects[ref(3)].object.metadata.uid == uid
        assert not [v for v in one.last_plan.verdicts if v.decision is Decision.BLOCKED or v.reason is Reason.CONFLICT]
        one.receive_reading(of("new", config_maps(range(4)).replace("n: '3'", "n: '33'"), "c2"))

        def value() -> str:
            stored = one.index.view.objects[ref(3)].object
            assert isinstance(stored, ConfigMap)
            return stored.data["n"]

        wait(one, lambda: value() == "33")
        wait(one, lambda: one.last_plan.changes == ())
        one.receive_reading(of("new", config_maps(range(3)), "c3"))
        wait(one, lambda: not manager_of(one, 3))
