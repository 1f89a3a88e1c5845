"""What the daemon tells its service manager, and whom it lets in."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
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


PROGRAM = """
import asyncio, sys, threading
from concurrent.futures import ThreadPoolExecutor
from reconciler import service
from reconciler.config import load_settings

class Program:
    def start(self):
        # An action that takes its time, as pulling an image does.
        ThreadPoolExecutor(1).submit(threading.Event().wait, 60)
        print("start", flush=True)
    def stop(self): print("stop", flush=True)
    def look(self): print("look", flush=True)
    def loops(self): return ()
    def about(self): return {"node": "n"}
    def told(self): return "works"
    async def serve(self, stop, ready):
        ready.set()
        await stop.wait()

service.run(lambda: load_settings(sys.argv[1]), "lock", lambda settings: Program())
"""


class Manager:
    """A service manager with one service."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.channel.bind(str(folder / "notify"))
        self.channel.settimeout(20)
        self.service = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(folder)],
            env={**os.environ, "NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "300000"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def told(self) -> str:
        """What it is told next."""
        return self.channel.recv(200).decode()

    def says(self) -> str:
        """The next line that the service prints."""
        assert self.service.stdout is not None
        return self.service.stdout.readline().strip()

    def ended(self) -> tuple[int, str]:
        """How the service has ended, and its log."""
        log = self.service.communicate(timeout=20)[1]
        return self.service.returncode, log


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """A service that has started."""
    one = Manager(tmp_path)
    assert one.told() == "READY=1\nSTATUS=works"
    assert one.says() == "start"
    yield one
    one.service.kill()
    one.service.communicate()
    one.channel.close()


def test_a_service_is_ready_feeds_the_watchdog_reloads_and_stops(manager: Manager) -> None:
    """The protocol from its first to its last word; an action that is under way holds up nothing."""
    assert [manager.told(), manager.told()] == ["WATCHDOG=1\nSTATUS=works"] * 2
    manager.service.send_signal(signal.SIGHUP)
    assert manager.says() == "look"
    manager.service.send_signal(signal.SIGTERM)
    assert manager.says() == "stop"
    code, log = manager.ended()
    assert code == 0
    assert [line.split(": ")[1] for line in log.splitlines()] == [
        "ready node='n' version='0.1.0'",
        "reloaded level='info'",
        "stopping",
    ]


def test_settings_that_cannot_be_read_leave_a_service_as_it_is(manager: Manager) -> None:
    """A reload says so and looks all the same; it never ends what runs."""
    (manager.folder / "config.yaml").write_text("logLevel: [")
    manager.service.send_signal(signal.SIGHUP)
    assert manager.says() == "look"
    manager.service.send_signal(signal.SIGTERM)
    code, log = manager.ended()
    assert code == 0
    assert "the settings cannot be read, and stay as they are" in log


def test_a_service_that_is_aborted_says_where_it_hung(manager: Manager) -> None:
    """As the watchdog does: the stack of every thread is in the log."""
    manager.service.send_signal(signal.SIGABRT)
    code, log = manager.ended()
    assert code == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in log
    assert re.search(r'File ".*", line \d+ in run$', log, re.MULTILINE)
