"""HTTPS as strangers and clients meet it: what is negotiated, renewed, and how little a bad neighbour costs."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from secured import Secured, ask, secured

from reconciler.client.connection import UnixConnection
from reconciler.model.errors import ConfigurationError
from reconciler.server.limits import Limits
from reconciler.server.listener import listen
from reconciler.server.restraint import origin_of

QUICK = Limits(
    header_deadline_s=0.6,
    request_deadline_s=1.0,
    handshake_deadline_s=0.6,
    connections_max=12,
    connections_per_address_max=8,
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path, for the socket."""
    with tempfile.TemporaryDirectory(prefix="rc-") as name:
        yield Path(name)


@pytest.fixture
def api(folder: Path) -> Iterator[Secured]:
    """An API with the bounds of a daemon."""
    with secured(folder) as running:
        yield running


@pytest.fixture
def strict(folder: Path) -> Iterator[Secured]:
    """An API with small bounds."""
    with secured(folder, QUICK) as running:
        yield running


def _handshake(api: Secured, **settings: object) -> ssl.SSLSocket:
    context = ssl.create_default_context(cadata=api.authority.certificate_pem.decode())
    for name, value in settings.items():
        setattr(context, name, value)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context.wrap_socket(api.raw(), server_hostname="localhost")


def test_what_is_negotiated(api: Secured) -> None:
    """TLS 1.3 and 1.2, and HTTP/1.1 for clients that would like HTTP/2."""
    with _handshake(api) as connection:
        assert (connection.version(), connection.selected_alpn_protocol()) == ("TLSv1.3", "http/1.1")
    with _handshake(api, maximum_version=ssl.TLSVersion.TLSv1_2) as connection:
        assert connection.version() == "TLSv1.2"


def test_a_renewed_certificate_needs_no_restart(api: Secured) -> None:
    """The next connection is shown the new one; those that are open go on."""
    before = api.connect()
    assert ask(before)[0] == 200
    old = before.sock.getpeercert(binary_form=True)  # type: ignore[union-attr]
    api.names.append("192.0.2.7")
    assert api.certificate.renew_if_due()
    api.listener.reload()
    after = _handshake(api)
    assert after.getpeercert(binary_form=True) != old
    assert ask(before)[0] == 200


def test_plain_http_and_garbage_are_dropped(api: Secured) -> None:
    """Whatever a stranger sends instead of a handshake, others are answered."""
    for said in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096), b"\x16\x03\x01\xff\xff" + bytes(300)):
        with api.raw() as stranger:
            stranger.sendall(said)
            assert _ended(stranger)
    assert ask(api.connect())[0] == 200


def test_a_slow_handshake_is_dropped_and_delays_nobody(strict: Secured) -> None:
    """Others are answered while it lasts, and it does not last."""
    with ExitStack() as stack:
        silent = [stack.enter_context(strict.raw()) for _ in range(4)]
        silent[0].sendall(b"\x16\x03\x01")
        _answers_at_once(strict)
        assert all(_ended(one) for one in silent)


def test_a_slow_header_is_dropped_and_delays_nobody(strict: Secured) -> None:
    """One byte now and then does not keep a connection (slowloris); neither over TLS nor on the socket."""
    for connect in (_handshake, _unix):
        writer = connect(strict)
        writer.sendall(b"GET /whoami HTTP/1.1\r\nHost: x\r\n")
        _answers_at_once(strict)
        assert _dribble(writer, b"X: y\r\n") < 5.0


def test_a_slow_header_on_a_used_connection_is_dropped(strict: Secured) -> None:
    """The first request was good; the second one has the same deadline."""
    connection = strict.connect()
    assert ask(connection)[0] == 200
    connection.sock.sendall(b"GET /who")
    assert _dribble(connection.sock, b"a") < 5.0


def test_a_slow_body_is_dropped(strict: Secured) -> None:
    """A request has to be whole within its deadline."""
    writer = _handshake(strict)
    writer.sendall(b"POST /whoami HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
    assert _dribble(writer, b"x") < 5.0


def test_a_connection_may_rest_between_requests(strict: Secured) -> None:
    """Keep-alive is longer than the deadline of a header that was begun."""
    connection = strict.connect()
    assert ask(connection)[0] == 200
    connection.sock.settimeout(1.2)
    with pytest.raises(TimeoutError):
        connection.sock.recv(1)
    connection.sock.settimeout(10)
    assert ask(connection)[0] == 200


def test_a_stream_is_not_bounded_by_the_deadline_of_its_request(strict: Secured) -> None:
    """A watch lasts longer than its head may take."""
    connection = strict.connect()
    connection.request("GET", "/stream")
    answer = connection.getresponse()
    until = time.monotonic() + 2.0
    while time.monotonic() < until:
        assert answer.readline() == b"tick\n"
    connection.close()


def test_one_address_gets_only_so_many_connections(strict: Secured) -> None:
    """More are closed at once; the Unix socket does not notice, and there is room again once some are gone."""
    with ExitStack() as stack:
        held = [stack.enter_context(_handshake(strict)) for _ in range(8)]
        assert _is_refused(strict, "127.0.0.1")
        assert ask(UnixConnection(strict.socket_path, 10))[1]["name"] == "system:root"
        assert len(held) == 8
    _eventually_answers(strict)


def test_all_addresses_together_get_only_so_many_connections(strict: Secured) -> None:
    """Loopback has more than one address to come from."""
    with ExitStack() as stack:
        for source in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):
            for _ in range(4):
                one = socket.create_connection(("127.0.0.1", strict.port), timeout=10, source_address=(source, 0))
                stack.enter_context(one)
        assert _is_refused(strict, "127.0.0.4")
        assert ask(UnixConnection(strict.socket_path, 10))[1]["name"] == "system:root"
    _eventually_answers(strict)


def test_a_flood_of_connections_leaves_the_unix_socket_alone(api: Secured) -> None:
    """A thousand strangers that come again and again; the host's own commands are answered all the while."""
    stop = threading.Event()

    def flood(source: str) -> None:
        held: list[socket.socket] = []
        while not stop.is_set():
            with suppress(OSError):
                held.append(socket.create_connection(("127.0.0.1", api.port), timeout=1, source_address=(source, 0)))
                held[-1].sendall(b"\x16\x03\x01")
            if len(held) > 250:
                held.pop(0).close()
        for one in held:
            one.close()

    strangers = [threading.Thread(target=flood, args=(f"127.0.0.{number}",)) for number in range(2, 6)]
    for one in strangers:
        one.start()
    try:
        for _ in range(20):
            began = time.monotonic()
            assert ask(UnixConnection(api.socket_path, 10))[0] == 200
            assert time.monotonic() - began < 2.0
    finally:
        stop.set()
        for one in strangers:
            one.join(10)
    _eventually_answers(api)


def test_a_network_of_ipv6_counts_as_one_address() -> None:
    """Whoever has a /64 has as many addresses as they like."""
    assert origin_of("2001:db8::1") == origin_of("2001:db8::ffff:1") != origin_of("2001:db8:0:1::1")
    assert origin_of("::ffff:192.0.2.1") == origin_of("192.0.2.1") == "192.0.2.1"
    assert origin_of("fe80::1%eth0") == "fe80::/64"


def test_a_port_that_is_taken_names_its_holder() -> None:
    """Two daemons on one host do not clash silently."""
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"process {os.getpid()} ") as told:
            listen("127.0.0.1", port)
    assert told.value.reason == "PortInUse"
    assert "apiAddress" in told.value.hint


def test_an_address_of_another_host_is_explained() -> None:
    """The setting is named."""
    with pytest.raises(ConfigurationError, match=r"192\.0\.2\.1:6443") as told:
        listen("192.0.2.1", 6443)
    assert "apiAddress" in told.value.hint


def test_ipv6_serves_both() -> None:
    """One socket for `[::]` takes IPv4 as well."""
    with listen("::", 0) as both, socket.create_connection(("127.0.0.1", both.getsockname()[1]), timeout=5):
        pass


def _unix(api: Secured) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(str(api.socket_path))
    return connection


def _is_refused(api: Secured, source: str) -> bool:
    """Whether a new connection from an address is closed before anything is said."""
    try:
        with socket.create_connection(("127.0.0.1", api.port), timeout=10, source_address=(source, 0)) as extra:
            return _ended(extra)
    except ConnectionResetError:
        return True


def _answers_at_once(api: Secured) -> None:
    began = time.monotonic()
    assert ask(UnixConnection(api.socket_path, 10))[0] == 200
    assert ask(api.connect())[0] == 200
    assert time.monotonic() - began < 0.5


def _eventually_answers(api: Secured) -> None:
    """The server notices closed connections in its own time."""
    for _ in range(100):
        try:
            assert ask(api.connect())[0] == 200
        except (OSError, http.client.HTTPException):
            continue
        return
    pytest.fail("nobody was let in again")


def _ended(connection: socket.socket) -> bool:
    """Whether the server closes a connection; what it still says does not matter."""
    try:
        while connection.recv(4096):
            pass
    except ConnectionError:
        return True
    return True


def _dribble(connection: socket.socket, piece: bytes) -> float:
    """Send a little again and again until the server has had enough; return for how long it listened."""
    began = time.monotonic()
    connection.settimeout(0.1)
    while time.monotonic() - began < 10:
        try:
            connection.sendall(piece)
            if not connection.recv(4096):
                break
        except TimeoutError:
            continue
        except (OSError, ssl.SSLError):
            break
    return time.monotonic() - began
