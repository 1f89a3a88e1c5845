"""The socket file: whose it is, and what a second or a dead daemon means for it."""

import asyncio
import os
import socket
from pathlib import Path

import pytest
from api_double import Api

from reconciler.model.errors import ConfigurationError
from reconciler.server.serve import bind, living_process


def test_a_second_daemon_is_told_who_serves(api: Api) -> None:
    """The error names the living process."""
    with pytest.raises(ConfigurationError, match=f"process {os.getpid()} already serves"):
        bind(api.path, "")
    assert api.client.get("/version")["major"] == "1"


def test_the_socket_of_a_dead_process_is_replaced(socket_path: Path) -> None:
    """P17: a daemon that was killed leaves its socket; the next one starts nevertheless."""
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(socket_path))
    dead.close()
    assert living_process(socket_path) is None
    bind(socket_path, "").close()


def test_a_path_that_is_too_long_is_explained(tmp_path: Path) -> None:
    """The limit of the kernel is told instead of a bare number."""
    with pytest.raises(ConfigurationError):
        bind(tmp_path / ("x" * 120), "")


def test_a_missing_group_leaves_the_socket_to_its_owner(socket_path: Path) -> None:
    """Without the group only the owner can connect; the daemon starts all the same."""
    bind(socket_path, "no-such-group").close()
    assert socket_path.stat().st_mode & 0o777 == 0o660


def test_nothing_listens_before_the_path_is_free(socket_path: Path) -> None:
    """An absent socket means no process."""
    assert living_process(socket_path) is None
    assert asyncio.iscoroutinefunction(bind) is False
