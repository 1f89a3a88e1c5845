"""P15: a person's rollback is told by history, as one that a failure brought is."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

from reconciler.config import Settings
from reconciler.controller.loading import Loaded
from reconciler.controller.loop import Controller
from reconciler.controller.operations import DaemonOperations
from reconciler.controller.source import Source
from reconciler.model.desired import RevisionInfo
from reconciler.store.values import RevisionState
from tests.controller.test_acknowledging import unused
from tests.controller.test_loop import Clock, controller, observation, reading, wait
from tests.planner.test_safety import config_maps
from tests.planner.world import desired

FIRST, SECOND = RevisionInfo(commit="c1"), RevisionInfo(commit="c2")


class _Repository:
    """Has two commits, of which the second is the newest."""

    def resolve(self, revision: str, branch: str) -> RevisionInfo | None:
        """Return the commit of this name."""
        return {"c1": FIRST, "c2": SECOND}.get(revision)

    def tip(self, branch: str) -> RevisionInfo:
        """Return the newest."""
        return SECOND


class _Source:
    """Stands in for a source that can be read at each of them."""

    name, settings, repository = "main", SimpleNamespace(branch="main"), _Repository()

    def load(self, revision: RevisionInfo) -> Loaded:
        """Return what it declares there."""
        return Loaded(revision, desired(config_maps(range(1)), commit=revision.commit), ())

    def ask(self) -> None:
        """Nothing is polled."""

    def stop(self) -> None:
        """Nothing runs."""


def test_a_rollback_is_told_by_history(tmp_path: Path) -> None:
    """The newest line says what is applied again, the one before it what is held."""
    clock = Clock()
    with controller(tmp_path / "db", clock) as (one, _):
        one.declared.sources["main"] = cast(Source, _Source())
        one.receive(observation(clock))
        one.receive_reading(reading(config_maps(range(1)), "c1"))
        wait(one, lambda: _told(one) == [("applied", "c1")])
        one.receive_reading(reading(config_maps(range(2)), "c2"))
        wait(one, lambda: _told(one)[:1] == [("applied", "c2")])
        clock.at += 60
        assert DaemonOperations(Settings(), one, tuple, unused, unused, unused).rollback("c1", "") == "c1"
        assert _told(one)[:2] == [("applied", "c1"), (str(RevisionState.ROLLED_BACK), "c2")]
        assert one.store.revisions()[0].at == clock.at


def _told(one: Controller) -> list[tuple[str, str]]:
    return [(str(each.state), each.revision.commit) for each in one.store.revisions()]
