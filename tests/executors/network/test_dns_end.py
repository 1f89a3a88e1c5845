"""The end of the DNS server: whoever has asked by then is answered."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from reconciler.executors.network.dns.server import end_at_signals, serve


@pytest.fixture
def doors() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The server's socket, and a client's."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with ExitStack() as stack:
        udp, client = (stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2))
        for one in (udp, client):
            one.bind(("127.0.0.1", 0))
        client.settimeout(5)
        yield udp, client
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_what_was_asked_before_the_end_is_answered(doors: tuple[socket.socket, socket.socket]) -> None:
    """Also the question that is in hand as the signal comes."""
    udp, client = doors

    def quick(data: bytes) -> bytes:
        if data == b"1":
            os.kill(os.getpid(), signal.SIGTERM)
        return data

    end_at_signals(udp)
    for question in (b"1", b"2", b"3"):
        client.sendto(question, udp.getsockname())
    background: Any = SimpleNamespace(responder=SimpleNamespace(quick=quick))
    serve(udp, background)
    assert [client.recv(10) for _ in range(3)] == [b"1", b"2", b"3"]


def test_a_server_that_waits_ends_at_once(doors: tuple[socket.socket, socket.socket]) -> None:
    """Nothing has come, and nothing is waited for."""
    udp, _ = doors
    end_at_signals(udp)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
    try:
        serve(udp, SimpleNamespace())  # type: ignore[arg-type]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
