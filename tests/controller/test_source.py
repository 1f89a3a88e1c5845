"""Sources: what their settings mean for Git, and that reading them never ends."""

import queue
from pathlib import Path
from typing import cast

import pytest

from reconciler.config import SourceSettings
from reconciler.controller.loading import Loader
from reconciler.controller.source import Reading, Source, access_of
from reconciler.git.repository import Repository
from reconciler.model.errors import ConfigurationError
from reconciler.simulation.clock import VirtualClock


def test_credentials_come_from_files(tmp_path: Path) -> None:
    """A token is read from its file and is in no representation (P22)."""
    token = tmp_path / "token"
    token.write_text("secret-token\n")
    access = access_of(SourceSettings(url="https://x/y", username="u", password_file=str(token), ssh_key="/k"))
    assert (access.username, access.password, access.ssh_key) == ("u", "secret-token", Path("/k"))
    assert "secret-token" not in repr(access)


def test_a_missing_token_says_which_file(tmp_path: Path) -> None:
    """The daemon does not start with credentials that it cannot read."""
    with pytest.raises(ConfigurationError) as told:
        access_of(SourceSettings(password_file=str(tmp_path / "none")))
    assert "none" in str(told.value)


class _Shelf:
    """A repository with one commit, and a fault the first time it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def fetch(self, deadline_s: float) -> None:
        """Fail once in a way that nobody foresaw."""
        self.asked += 1
        if self.asked == 1:
            raise KeyError("unforeseen")

    def tip(self, branch: str) -> None:
        """No commit yet."""


def test_a_source_goes_on_after_a_crash_and_says_so() -> None:
    """P08: a bug in reading a source is told as its error, and the next poll reads it again."""
    found: queue.Queue[Reading] = queue.Queue()
    shelf, loader = cast(Repository, _Shelf()), cast(Loader, None)
    settings = SourceSettings(name="main", url="file:///shelf", branch="main")
    source = Source(settings, shelf, loader, VirtualClock(), found.put, lambda _: "")
    source.start()
    assert found.get(timeout=5).error == "bug: KeyError, see the daemon's log"
    source.poll()
    assert "branch main does not exist" in found.get(timeout=5).error
    source.stop()
