"""HAProxy with our script refuses bodies that are too large, also those whose length is not told beforehand."""

from __future__ import annotations

import http.client
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from reconciler.executors.ingress import lua
from reconciler.executors.ingress.process import program
from tests.planner.ingress.test_config import config, lines, route

pytestmark = pytest.mark.real

LIMIT = 100_000
CONFIG = """
global
    lua-load-per-thread {script}
defaults
    mode http
    timeout client 10s
frontend ingress
    bind unix@{door}
    default_backend web
backend web
    {lines}
    server s1 127.0.0.1:{port}
"""


class Web(BaseHTTPRequestHandler):
    """Tells how long the body was."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer once the body is here; one that does not come to its end gets no answer."""
        size = 0
        if length := self.headers.get("Content-Length"):
            size = len(self.rfile.read(int(length)))
        elif self.headers.get("Transfer-Encoding"):
            while part := int(self.rfile.readline() or b"0", 16):
                size += len(self.rfile.read(part))
                self.rfile.readline()
            self.rfile.readline()
        answer = str(size).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *words: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a proxy with one route that takes so much."""
    folder = tmp_path_factory.mktemp("proxy")
    (folder / "script.lua").write_text(lua.BODIES)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    # Connections of refused requests are cut.
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    said = "\n    ".join(lines(config(route(options={"body_size": LIMIT}))))
    place = {"script": folder / "script.lua", "door": folder / "door", "port": server.server_port}
    (folder / "haproxy.cfg").write_text(CONFIG.format(lines=said, **place))
    command = [program(), "-db", "-f", str(folder / "haproxy.cfg")]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as proxy:
        deadline = time.monotonic() + 60
        while not (folder / "door").exists():
            assert proxy.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.01)
        yield folder / "door"
        proxy.kill()
    server.shutdown()


def post(door: Path, size: int, *, chunked: bool) -> tuple[int, str]:
    """Send a body, and return the status and what is answered."""
    connection = http.client.HTTPConnection("web")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(10)
    connection.sock.connect(str(door))
    body = bytes(size)
    try:
        if chunked:
            parts = (body[at : at + 8192] for at in range(0, size, 8192))
            connection.request("POST", "/", parts, {"Transfer-Encoding": "chunked"}, encode_chunked=True)
        else:
            connection.request("POST", "/", body)
    except (BrokenPipeError, ConnectionResetError):
        # Refused while it was still being sent; the answer is there.
        pass
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_is_taken_up_to_its_limit(door: Path, chunked: bool) -> None:
    """Whether its length is told or not."""
    for size in (1, LIMIT - 1, LIMIT):
        assert post(door, size, chunked=chunked) == (200, str(size))
    assert post(door, LIMIT + 1, chunked=chunked)[0] == 413
    assert post(door, 2 * LIMIT, chunked=chunked)[0] == 413
    assert post(door, LIMIT, chunked=chunked) == (200, str(LIMIT))
