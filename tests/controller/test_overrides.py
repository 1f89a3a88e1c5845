"""Overrides through the daemon: judged, completed, written through by the next tick, and in the history."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from reconciler.controller.loop import Controller
from reconciler.controller.overrides import write_override
from reconciler.model.errors import StaleError, TerminalError
from reconciler.model.kinds import Deployment, Node
from reconciler.model.overrides import RESTARTED_AT, Override, Rollback
from reconciler.model.refs import ObjectRef
from tests.controller.test_loop import Clock, controller, observation, reading
from tests.planner.test_deployment import web

WEB = ObjectRef.of("Deployment", "default", "web")
NODE = ObjectRef.of("Node", "", "node-1")
TIME = "2026-01-01T00:00:00Z"


@contextmanager
def running(path: Path) -> Iterator[Controller]:
    """A controller that has applied web:1 and then web:2."""
    clock = Clock()
    with controller(path / "state.db", clock) as (one, _):
        one.receive(observation(clock))
        one.receive_reading(reading(web("1")))
        wait(one, lambda: image(one) == "web:1")
        one.receive_reading(reading(web("2"), commit="c2"))
        wait(one, lambda: len(sets(one)) == 2)
        yield one


def wait(one: Controller, done: Any) -> None:
    """Wait for the controller to have ticked so far."""
    with one.changed:
        assert one.changed.wait_for(done, timeout=10)


def image(one: Controller) -> str:
    """Return the image that web is to run."""
    stored = one.index.get(WEB)
    return "" if stored is None else cast(Deployment, stored.object).spec.template.spec.containers[0].image


def sets(one: Controller) -> dict[str, str]:
    """Return the names of web's ReplicaSets by the image they run."""
    return {
        one.object.spec.template.spec.containers[0].image: one.ref.name  # type: ignore[union-attr]
        for one in one.index.by_kind("ReplicaSet")
    }


def test_a_restart_is_written_through_and_told(tmp_path: Path) -> None:
    """The template has the time, the history and an event name the person."""
    with running(tmp_path) as one:
        write_override(one, Override(ref=WEB, restarted_at=TIME, by="ada"))

        def is_marked() -> bool:
            stored = one.index.get(WEB)
            assert stored is not None
            template = cast(Deployment, stored.object).spec.template
            return template.metadata.annotations.get(RESTARTED_AT) == TIME

        wait(one, is_marked)
        assert [record.action.message for record in one.store.actions(object=WEB)] == ["restart asked for by ada"]
        assert "restart asked for by ada" in {event.message for event in one.store.events(object=WEB)}


def test_a_rollback_keeps_the_template_and_ends_where_it_returns_to_what_is_declared(tmp_path: Path) -> None:
    """P15: it holds web:1; the way back to the declared web:2 ends it instead of holding that."""
    with running(tmp_path) as one:
        names = sets(one)
        write_override(one, Override(ref=WEB, rollback=Rollback(replica_set=names["web:1"]), by="ada"))
        wait(one, lambda: image(one) == "web:1")
        rollback = one.index.side.overrides[WEB].rollback
        assert rollback is not None
        assert (rollback.revision, rollback.by) == (1, "ada")
        assert rollback.template is not None
        assert "pod-template-hash" not in rollback.template.metadata.labels
        write_override(one, Override(ref=WEB, rollback=Rollback(replica_set=names["web:2"]), by="ada"))
        wait(one, lambda: image(one) == "web:2")
        assert WEB not in one.index.side.overrides


def test_a_cordon_reaches_the_node(tmp_path: Path) -> None:
    """Its spec says so, and no longer once it is uncordoned."""
    with running(tmp_path) as one:
        for wanted in (True, False):
            write_override(one, Override(ref=NODE, unschedulable=wanted, by="ada"))

            def is_so(wanted: bool = wanted) -> bool:
                stored = one.index.get(NODE)
                return stored is not None and cast(Node, stored.object).spec.unschedulable is wanted

            wait(one, is_so)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (Override(ref=ObjectRef.of("Deployment", "default", "nope"), restarted_at=TIME), LookupError),
        (Override(ref=WEB, rollback=Rollback(replica_set="nope")), LookupError),
        (Override(ref=WEB, uid="another", restarted_at=TIME), StaleError),
        (Override(ref=WEB, unschedulable=True), TerminalError),
        (Override(ref=WEB, delete_at=1.0), TerminalError),
        (Override(ref=NODE, restarted_at=TIME), TerminalError),
        (Override(ref=NODE, rollback=Rollback()), TerminalError),
    ],
)
def test_what_cannot_be_overridden_is_refused(tmp_path: Path, change: Override, error: type[Exception]) -> None:
    """Nothing is written."""
    with running(tmp_path) as one:
        with pytest.raises(error):
            write_override(one, change)
        assert one.index.side.overrides == {}


def test_a_pause_is_written_through_and_ended(tmp_path: Path) -> None:
    """What is declared as paused is resumed where it is declared."""

    def is_paused(one: Controller) -> bool:
        stored = one.index.get(WEB)
        return stored is not None and cast(Deployment, stored.object).spec.paused

    with running(tmp_path) as one:
        write_override(one, Override(ref=WEB, paused=True, by="ada"))
        wait(one, lambda: is_paused(one))
        write_override(one, Override(ref=WEB, paused=False, by="ada"))
        wait(one, lambda: not is_paused(one))
        assert [record.action.message for record in one.store.actions(object=WEB)] == [
            "resumed by ada",
            "paused by ada",
        ]
        one.receive_reading(reading(web("2").replace("replicas:", "paused: true\n  replicas:"), commit="c3"))
        wait(one, lambda: is_paused(one))
        with pytest.raises(TerminalError, match="declared as paused"):
            write_override(one, Override(ref=WEB, paused=False, by="ada"))
        with pytest.raises(TerminalError, match="a pause of this kind"):
            write_override(one, Override(ref=NODE, paused=True, by="ada"))
