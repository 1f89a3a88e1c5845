"""The second thread of the DNS server: TCP, odd queries, upstream, and new records.

Effect. Nothing here blocks the thread that answers ordinary queries; a new zone takes the old one's place in one
assignment.
"""

import asyncio
import contextlib
import json
import os
import socket
import struct
import threading
from pathlib import Path

from dnslib import DNSError, DNSRecord

from reconciler.executors.network.dns import responder as reply
from reconciler.executors.network.dns.pidfile import CONTROL
from reconciler.executors.network.dns.responder import Elsewhere, Query, Responder
from reconciler.executors.network.dns.upstream import Upstream
from reconciler.executors.network.dns.zone import Zone, encode_record

_TCP_IDLE_S = 10.0
_TCP_CLIENTS_MAX = 128
# Of queries over UDP that are not answered yet.
QUERIES_MAX = 2048


class Background:
    """Everything that is not an ordinary query. `responder` answers from the newest records."""

    def __init__(
        self,
        records: Path,
        domain: str,
        runtime: Path,
        upstream: Upstream,
        udp: socket.socket,
        tcp: socket.socket,
    ) -> None:
        self._records = records
        self._domain = domain
        self._control_path = runtime / CONTROL
        self._upstream = upstream
        self._udp = udp
        self._tcp = tcp
        self._clients = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = threading.BoundedSemaphore(QUERIES_MAX)
        self._loop = asyncio.new_event_loop()
        self.responder = Responder(self._load())

    def start(self) -> None:
        """Run until the process ends."""
        started = threading.Event()
        threading.Thread(target=self._run, args=(started,), name="background", daemon=True).start()
        started.wait(timeout=10)

    def take(self, data: bytes, client: tuple[str, int]) -> None:
        """Answer a query that came over UDP; while too many are, it is dropped, and its client asks again."""
        if self._places.acquire(blocking=False):
            self._loop.call_soon_threadsafe(self._start, data, client)

    def reload_soon(self) -> None:
        """Read the records again."""
        self._loop.call_soon_threadsafe(self._reload)

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        started.set()
        self._loop.run_forever()

    async def _listen(self) -> None:
        await asyncio.start_server(self._serve_tcp, sock=self._tcp)
        control = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        control.setblocking(False)
        self._control_path.unlink(missing_ok=True)
        previous = os.umask(0o177)
        try:
            control.bind(str(self._control_path))
        finally:
            os.umask(previous)
        self._loop.add_reader(control, self._obey, control)

    def _obey(self, control: socket.socket) -> None:
        """Take a nudge: read the records, answer which ones are served now."""
        with contextlib.suppress(BlockingIOError):
            command, client = control.recvfrom(256)
            if command == b"reload":
                self._reload()
            if client:
                with contextlib.suppress(OSError):
                    control.sendto(self.responder.zone.digest.encode(), client)

    def _reload(self) -> None:
        zone = self._load()
        if zone.is_loaded:
            self.responder = Responder(zone)

    def _load(self) -> Zone:
        try:
            return Zone.load(self._records.read_bytes())
        except (OSError, json.JSONDecodeError, KeyError, ValueError):
            return Zone.unknown(self._domain)

    def _start(self, data: bytes, client: tuple[str, int]) -> None:
        task = self._loop.create_task(self._answer_udp(data, client))
        self._tasks.add(task)
        task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._places.release()

    async def _answer_udp(self, data: bytes, client: tuple[str, int]) -> None:
        answer = await self._answer(data, tcp=False)
        if answer is not None:
            with contextlib.suppress(OSError):
                self._udp.sendto(answer, client)

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients += 1
        try:
            while self._clients <= _TCP_CLIENTS_MAX:
                async with asyncio.timeout(_TCP_IDLE_S):
                    (length,) = struct.unpack("!H", await reader.readexactly(2))
                    data = await reader.readexactly(length)
                    answer = await self._answer(data, tcp=True)
                    if answer is None:
                        return
                    writer.write(struct.pack("!H", len(answer)) + answer)
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return
        finally:
            self._clients -= 1
            writer.close()

    async def _answer(self, data: bytes, *, tcp: bool) -> bytes | None:
        answer = self.responder.full(data, tcp=tcp)
        if not isinstance(answer, Elsewhere):
            return answer
        if answer.target:
            return await self._through_alias(answer, tcp=tcp)
        forwarded = await self._upstream.ask(data, tcp=tcp)
        return forwarded if forwarded is not None else reply.failure(answer.query)

    async def _through_alias(self, elsewhere: Elsewhere, *, tcp: bool) -> bytes:
        query = elsewhere.query
        asked = _question(elsewhere.target, query)
        told = await self._upstream.ask(asked, tcp=tcp)
        if told is not None and told[2] & 0x02 and not tcp:
            told = await self._upstream.ask(asked, tcp=True)
        if told is None:
            return reply.failure(query)
        try:
            record = DNSRecord.parse(told)
        except (DNSError, IndexError, struct.error, ValueError):
            return reply.failure(query)
        found = tuple(encode_record(item) for item in record.rr)
        return reply.encode(
            query,
            record.header.rcode,
            (elsewhere.aliases, *found),
            answer_count=elsewhere.alias_count + len(found),
        )


def _question(name: bytes, query: Query) -> bytes:
    return b"\0\0\1\0\0\1\0\0\0\0\0\0" + name + struct.pack("!HH", query.kind, 1)
