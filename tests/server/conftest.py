"""Fixtures of the API's tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_double import Api, served
from populated import populate


@pytest.fixture
def socket_path() -> Iterator[Path]:
    """A short path for a Unix socket: theirs are limited to 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="rc-") as folder:
        yield Path(folder) / "api.sock"


@pytest.fixture(scope="module")
def shared_api() -> Iterator[Api]:
    """An API for tests that put nothing into it."""
    with tempfile.TemporaryDirectory(prefix="rc-") as folder, served(Path(folder) / "api.sock") as running:
        yield running


@pytest.fixture
def api(socket_path: Path) -> Iterator[Api]:
    """An API on a real Unix socket, with everything behind it in memory."""
    with served(socket_path) as running:
        yield running


@pytest.fixture(scope="session")
def full_api() -> Iterator[Api]:
    """An API with an object of every kind and a settled cluster, for tests that change nothing of it."""
    with tempfile.TemporaryDirectory(prefix="rc-") as folder, served(Path(folder) / "api.sock") as running:
        populate(running)
        yield running
