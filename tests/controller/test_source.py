"""Sources: what their settings mean for Git."""

from pathlib import Path

import pytest

from reconciler.config import SourceSettings
from reconciler.controller.source import access_of
from reconciler.model.errors import ConfigurationError


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
