"""A remote repository to fetch from."""

from pathlib import Path

import pytest
from git_remote import Remote


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    """A repository that others push to."""
    return Remote(tmp_path / "remote")
