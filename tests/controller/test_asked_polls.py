"""Who asks for a look at the repository is not told that all is well before that was done."""

import threading
from pathlib import Path
from typing import cast

from reconciler.config import SourceSettings
from reconciler.controller.loading import Loaded, Loader
from reconciler.controller.source import Source
from reconciler.controller.status import status_of
from reconciler.git.repository import Repository
from reconciler.git.tree import Tree
from reconciler.model.desired import DesiredState, RevisionInfo
from reconciler.model.status import Health
from tests.controller.test_loop import Clock, controller, observation, wait
from tests.planner.test_safety import config_maps
from tests.planner.world import desired


class Slow:
    """A repository whose remote answers when a test lets it."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.tip_is = "c1"

    def fetch(self, deadline_s: float) -> None:
        """Wait for the remote."""
        assert self.may_answer.wait(deadline_s)

    def tip(self, branch: str) -> RevisionInfo:
        """Return the newest commit."""
        return RevisionInfo(commit=self.tip_is)

    def read(self, commit: str, path: str) -> Tree:
        """Return nothing: the loader knows what is in it."""
        return Tree((), ())


class Known:
    """A loader that knows what each commit declares."""

    def load(self, revision: RevisionInfo, files: object, problems: object) -> Loaded:
        """Return it."""
        number = int(revision.commit[1:])
        state: DesiredState = desired(config_maps(range(2)).replace("n: '1'", f"n: '{number}'"), commit=revision.commit)
        return Loaded(state.revision, state, ())


def test_a_poll_that_was_asked_for_is_waited_for(tmp_path: Path) -> None:
    """P06: `sync` and then `status --wait` tell of the commit that is there, and not of the one before."""
    clock, slow, settings = Clock(), Slow(), SourceSettings(name="main", url="file:///x")
    with controller(tmp_path / "db", clock) as (one, _):
        source = Source(
            settings, cast(Repository, slow), cast(Loader, Known()), clock, one.receive_reading, lambda _: ""
        )
        one.declared.sources["main"] = source

        def health() -> Health:
            return status_of(one, [settings], ()).health

        def applied() -> str:
            state = one.index.side.sources.get("main")
            return state.applied.commit if state is not None and state.applied is not None else ""

        one.receive(observation(clock))
        slow.may_answer.set()
        source.start()
        wait(one, lambda: health() is Health.HEALTHY)
        assert applied() == "c1"
        slow.may_answer.clear()
        slow.tip_is = "c2"
        source.ask()
        assert health() is Health.PROGRESSING
        slow.may_answer.set()
        wait(one, lambda: health() is Health.HEALTHY)
        assert applied() == "c2"
        source.ask()
        wait(one, lambda: health() is Health.HEALTHY)
