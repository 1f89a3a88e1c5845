"""A daemon that hosts can join."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nodes.cluster import Daemon


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    """A daemon that runs; its folder has a short path, as sockets need."""
    with tempfile.TemporaryDirectory(prefix="rc-") as folder:
        one = Daemon(Path(folder))
        one.start()
        yield one
        one.stop()
