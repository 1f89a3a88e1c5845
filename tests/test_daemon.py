"""What the daemon tells its service manager, and whom it lets in."""

import os
import socket
from pathlib import Path

import pytest

from reconciler.config import Settings
from reconciler.daemon import cluster_of
from reconciler.model.errors import ConfigurationError
from reconciler.model.status import LoopStatus
from reconciler.service import notify, why_stalled


def test_the_service_manager_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message arrives on the socket that the environment names; without one nothing happens."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(5)
        monkeypatch.setitem(os.environ, "NOTIFY_SOCKET", str(path))
        assert notify("READY=1")
        assert manager.recv(100) == b"READY=1"


def test_a_loop_that_stopped_is_noticed() -> None:
    """P08: the watchdog is not fed once a loop has not run for long, nor when it never ran."""
    assert not why_stalled(LoopStatus(name="agent", ran_at=1000.0), 0.0, 1060.0)
    assert "agent" in why_stalled(LoopStatus(name="agent", ran_at=1000.0), 0.0, 1121.0)
    assert "controller" in why_stalled(LoopStatus(name="controller"), 0.0, 301.0)


def test_a_host_that_was_not_initialised_says_so(tmp_path: Path) -> None:
    """Without a cluster id the daemon names the command that makes one."""
    with pytest.raises(ConfigurationError) as told:
        cluster_of(Settings(data_dir=str(tmp_path)))
    assert "init" in told.value.hint
