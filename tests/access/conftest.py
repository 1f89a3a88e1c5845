"""Fixtures of the certificates' tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from moved_clock import MovedClock

from reconciler.access import Authority


@pytest.fixture
def clock() -> MovedClock:
    """A clock that a test moves; it begins now, so that TLS believes what is signed."""
    return MovedClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the authority's files are."""
    return tmp_path / "pki"


@pytest.fixture
def authority(folder: Path, clock: MovedClock) -> Authority:
    """A new authority."""
    return Authority.open(folder, "5f0c1d9e-0000-4000-8000-000000000000", clock)
