"""The client: what a person is told when the daemon cannot be reached, or answers nonsense."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.client import ApiClient, ApiRefused, DaemonUnreachable, api
from reconciler.client.api import path_of
from reconciler.model.errors import Retry
from reconciler.model.kinds import KINDS


@pytest.fixture
def path() -> Iterator[Path]:
    """A short path for a Unix socket."""
    with tempfile.TemporaryDirectory(prefix="rc-") as folder:
        yield Path(folder) / "api.sock"


def answering(path: Path, answer: bytes) -> threading.Thread:
    """Serve one connection with these bytes."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1)

    def serve() -> None:
        connection, _ = listener.accept()
        connection.recv(65536)
        connection.sendall(answer)
        connection.close()
        listener.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


def test_an_absent_daemon_is_transient_and_says_how_to_start_it(path: Path) -> None:
    """No socket: the daemon is not running."""
    with pytest.raises(DaemonUnreachable, match="not running") as failed:
        ApiClient(path).status()
    assert failed.value.retry is Retry.TRANSIENT
    assert "systemctl start reconciler" in failed.value.hint


def test_the_socket_of_a_dead_daemon_is_told_alike(path: Path) -> None:
    """A refused connection: the daemon is not running."""
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    with pytest.raises(DaemonUnreachable, match="not running"):
        ApiClient(path).status()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_a_missing_permission_names_the_group(path: Path) -> None:
    """Not in the group: say which one."""
    answering(path, b"")
    path.chmod(0)
    with pytest.raises(DaemonUnreachable, match="permission") as failed:
        ApiClient(path).status()
    assert "usermod" in failed.value.hint


def test_a_daemon_that_does_not_answer_is_given_up(path: Path) -> None:
    """P07: every wait has an end."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1)
    with pytest.raises(DaemonUnreachable, match="does not answer"):
        ApiClient(path, answer_s=0.1).status()
    listener.close()


def test_what_is_there_is_not_waited_for_as_what_is_worked_out(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a daemon that hangs a person hears in half a minute, while a forecast may take its time."""
    monkeypatch.setattr(api, "READ_S", 0.1)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        with pytest.raises(DaemonUnreachable, match="does not answer"):
            ApiClient(path, answer_s=60).status()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{x}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_a_broken_answer_is_one_failure_of_ours(path: Path, answer: bytes) -> None:
    """Whatever breaks, callers see one kind of failure."""
    thread = answering(path, answer)
    with pytest.raises(DaemonUnreachable):
        ApiClient(path, answer_s=5).status()
    thread.join(5)


def test_a_refusal_without_a_status_keeps_its_code(path: Path) -> None:
    """An error page that is no Status is shown as it is."""
    thread = answering(path, b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy")
    with pytest.raises(ApiRefused, match="busy") as refused:
        ApiClient(path, answer_s=5).status()
    assert refused.value.code == 503
    thread.join(5)


def test_paths_of_kinds() -> None:
    """Groups, namespaces and cluster scope have their places in a path."""
    assert path_of(KINDS["Pod"], "shop") == "/api/v1/namespaces/shop/pods"
    assert path_of(KINDS["Deployment"], "") == "/apis/apps/v1/deployments"
    assert path_of(KINDS["Node"], "shop") == "/api/v1/nodes"
    assert path_of(KINDS["Pod"], "a/../b") == "/api/v1/namespaces/a%2F..%2Fb/pods"
