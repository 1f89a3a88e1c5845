"""What the Engine answers in part is no answer (P20)."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.executors.engine import Engine
from reconciler.executors.transport import EngineSilent

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
VERSION = b'{"ApiVersion": "1.41", "MinAPIVersion": "1.24"}'


@contextmanager
def engine(tmp_path: Path, answer: bytes) -> Iterator[Engine]:
    """An Engine that tells its version, and answers everything else with these bytes before it closes."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "engine"))
    listener.listen()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                asked = connection.recv(65536)
                whole = HEAD + b"Content-Length: %d\r\n\r\n" % len(VERSION) + VERSION
                connection.sendall(whole if b"/version" in asked else answer)

    threading.Thread(target=serve, daemon=True).start()
    one = Engine(f"unix://{tmp_path}/engine", timeout_s=5.0)
    try:
        yield one
    finally:
        one.close()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        HEAD + b"Content-Length: 500\r\n\r\n",
        HEAD + b'Content-Length: 500\r\n\r\n[{"Id": "a"}]',
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n[]",
        HEAD + b"Content-Length: 6\r\n\r\n<html>",
    ],
)
def test_a_list_that_was_cut_off_is_never_an_empty_one(tmp_path: Path, answer: bytes) -> None:
    """P20: the Engine went away in the middle of its answer, or something else answered."""
    with engine(tmp_path, answer) as one, pytest.raises(EngineSilent):
        one.list_containers("a=b")


def test_a_whole_list_is_taken(tmp_path: Path) -> None:
    """It may be empty."""
    with engine(tmp_path, HEAD + b"Content-Length: 2\r\n\r\n[]") as one:
        assert one.list_containers("a=b") == []
