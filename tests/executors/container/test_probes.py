"""Probes over the network against real listeners; no Engine is needed."""

import http.server
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import pytest

from reconciler.executors.container.grpc import grpc_health
from reconciler.executors.container.network_probes import UnknownPort, http_get, port_number, tcp_connect
from reconciler.executors.container.probes import expanded
from reconciler.model.kinds import Container, EnvVar, EnvVarSource, HTTPGetAction, ObjectFieldSelector
from tests.executors.container import build

HOST = "127.0.0.1"


class _Pages(http.server.BaseHTTPRequestHandler):
    """Pages that answer as their path says."""

    def do_GET(self) -> None:
        match self.path:
            case "/slow":
                for _ in range(20):
                    time.sleep(0.1)
                    self.wfile.write(b"H")
                return
            case "/away":
                self._redirect("http://other.example/")
            case "/loop":
                self._redirect("/loop")
            case "/moved":
                self._redirect("/ok?x=1")
            case "/header":
                good = self.headers["X-Key"] == "k" and self.headers["Host"] == "shop.example"
                self._page(200 if good else 400)
            case path:
                self._page(int(path[1:]) if path[1:].isdecimal() else 200)

    def _redirect(self, to: str) -> None:
        self.send_response(302)
        self.send_header("Location", to)
        self.end_headers()

    def _page(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b"fine")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A web server's port."""
    server = http.server.ThreadingHTTPServer((HOST, 0), _Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


@pytest.mark.parametrize(
    ("path", "ok", "message"),
    [
        ("/ok", True, "fine"),
        ("ok", True, "fine"),
        ("/399", True, "fine"),
        ("/400", False, "HTTP probe failed with statuscode: 400"),
        ("/503", False, "HTTP probe failed with statuscode: 503"),
        ("/moved", True, "fine"),
        ("/away", True, "redirected to another host with status 302"),
        ("/loop", False, "stopped after 10 redirects"),
    ],
)
def test_pages(port: int, path: str, ok: bool, message: str) -> None:
    """A status from 200 to 399 is success, on the same host also behind redirects."""
    assert http_get(HTTPGetAction(port=port, path=path), None, HOST, 2) == (ok, message)


def test_headers_are_sent(port: int) -> None:
    """The host's name can be set as well."""
    headers = [{"name": "x-key", "value": "k"}, {"name": "host", "value": "shop.example"}]
    action = msgspec.convert({"port": port, "path": "/header", "httpHeaders": headers}, HTTPGetAction)
    assert http_get(action, None, HOST, 2) == (True, "fine")


def test_a_slow_page_takes_no_longer_than_it_may(port: int) -> None:
    """P07: a server that sends a byte now and then does not hold a probe."""
    began = time.monotonic()
    ok, _ = http_get(HTTPGetAction(port=port, path="/slow"), None, HOST, 0.5)
    assert not ok and time.monotonic() - began < 1.5


def test_connections(port: int) -> None:
    """Being connected is success; a closed port says why not."""
    assert tcp_connect(HOST, port, 1) == (True, "")
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        closed = unused.getsockname()[1]
        assert tcp_connect(HOST, closed, 1) == (False, f"dial tcp {HOST}:{closed}: connection refused")


def test_ports_by_name() -> None:
    """A port's name is one of the container's."""
    spec = msgspec.convert(build.container(ports=[{"name": "http", "containerPort": 8080}]), Container)
    assert (port_number("http", spec), port_number(81, spec)) == (8080, 81)
    with pytest.raises(UnknownPort):
        port_number("https", spec)


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _serving(status: int) -> bytes:
    message = bytes([8, status]) if status else b""
    data = b"\x00" + len(message).to_bytes(4, "big") + message
    return _frame(4, 0, 0, b"") + _frame(6, 0, 0, b"12345678") + _frame(1, 4, 1, b"\x88") + _frame(0, 0, 1, data)


@contextmanager
def _listener(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    with socket.create_server((HOST, 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(timeout=5)


@pytest.mark.parametrize(
    ("answer", "ok", "words"),
    [
        (_serving(1), True, ""),
        (_serving(2), False, "NOT_SERVING"),
        (_serving(0), False, "UNKNOWN"),
        (_frame(4, 0, 0, b"") + _frame(1, 5, 1, b"\x88"), False, "did not answer"),
        (_frame(7, 0, 0, bytes(8)), False, "did not answer"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", False, "failed to connect"),
        (b"", False, "failed to connect"),
    ],
)
def test_grpc_health(answer: bytes, ok: bool, words: str) -> None:
    """SERVING is success; refusals, other protocols and silence are not."""
    with _listener(lambda connection: connection.sendall(answer)) as port:
        found, message = grpc_health(HOST, port, "shop.Web", 1)
    assert found is ok and words in message


def test_grpc_health_has_a_deadline() -> None:
    """P07: a server that does not answer is a failure in time."""
    with _listener(lambda connection: threading.Event().wait(0.6)) as port:
        began = time.monotonic()
        ok, message = grpc_health(HOST, port, "", 0.3)
        assert (ok, time.monotonic() - began < 1) == (False, True) and message.startswith("timeout")


def test_a_port_that_is_none_is_told() -> None:
    """Numbers outside 1..65535 fail like names that are unknown."""
    for port in (-1, 0, 65536, "0", "65536", ""):
        with pytest.raises(UnknownPort):
            port_number(port, None)


def test_commands_of_probes_take_the_plain_values_of_the_container() -> None:
    """Those that come from elsewhere stay as written, as the kubelet leaves them."""
    elsewhere = EnvVarSource(field_ref=ObjectFieldSelector(field_path="metadata.name"))
    env = (EnvVar(name="A", value="one"), EnvVar(name="B", value_from=elsewhere))
    spec = Container(name="c", image="i", env=env)
    assert expanded(("echo", "$(A) $(B) $(C)"), spec) == ("echo", "one $(B) $(C)")
