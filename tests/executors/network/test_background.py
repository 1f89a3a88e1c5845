"""The second thread of the DNS server, asked more than it can answer."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import pytest
from dnslib import DNSRecord

from reconciler.executors.network.dns import background
from reconciler.executors.network.dns.background import Background
from reconciler.executors.network.dns.upstream import Upstream


class Slow:
    """Servers that answer nothing until they are told to."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[bytes | None]]] = []

    async def ask(self, query: bytes, *, tcp: bool) -> bytes | None:
        """Wait for the word."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bytes | None] = loop.create_future()
        self.waiting.append((loop, future))
        self.asked.release()
        return await future

    def answer(self) -> None:
        """Say to everybody who waits that nobody knows."""
        for loop, future in self.waiting:
            loop.call_soon_threadsafe(future.set_result, None)


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[tuple[Background, Slow, socket.socket]]:
    """The thread, what it asks, and a client."""
    with ExitStack() as stack:
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        client = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        tcp = stack.enter_context(socket.socket())
        for one in (udp, client, tcp):
            one.bind(("127.0.0.1", 0))
            one.settimeout(5)
        tcp.listen()
        slow = Slow()
        made = Background(tmp_path / "records", "cluster.local", tmp_path, cast(Upstream, slow), udp, tcp)
        made.start()
        yield made, slow, client


def test_a_flood_of_questions_is_not_kept(doors: tuple[Background, Slow, socket.socket]) -> None:
    """What is too much is dropped, as clients of UDP know it; once there is an answer, others are heard again."""
    one, slow, client = doors
    for _ in range(3 * background.QUERIES_MAX):
        one.take(bytes(DNSRecord.question("example.org").pack()), client.getsockname())
    for _ in range(background.QUERIES_MAX):
        assert slow.asked.acquire(timeout=5)
    assert not slow.asked.acquire(timeout=0.2)
    slow.answer()
    for _ in range(10):
        client.recv(512)

    def is_heard() -> bool:
        one.take(bytes(DNSRecord.question("example.com").pack()), client.getsockname())
        return slow.asked.acquire(timeout=0.05)

    assert any(is_heard() for _ in range(100))
