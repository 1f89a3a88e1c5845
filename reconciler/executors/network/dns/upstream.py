"""Asks the servers of the host's resolv.conf what is not ours.

Effect. Every question goes out on a socket of its own (a fresh port, and only the asked server can answer). The same
question asked again while it is out joins the first: so many clients cost one question, and a forwarder that sends a
question back to us ends in silence instead of a storm.
"""

import asyncio
import contextlib
import os
import secrets
import struct
from pathlib import Path

PORT = 53
TIMEOUT_S = 1.5
SERVERS_MAX = 3
IN_FLIGHT_MAX = 512


class Upstream:
    """The servers to ask. `own` are addresses that are ourselves and are never asked."""

    def __init__(self, resolv_conf: Path, own: frozenset[str], port: int = PORT) -> None:
        self._path = resolv_conf
        self._own = own
        self._port = port
        self._read_at: float | None = None
        self._servers: tuple[str, ...] = ()
        self._in_flight: dict[tuple[bytes, bool], asyncio.Future[bytes | None]] = {}

    async def ask(self, query: bytes, *, tcp: bool) -> bytes | None:
        """Return the reply to a query, with the query's id; None when no server gave one."""
        key = (query[2:], tcp)
        pending = self._in_flight.get(key)
        if pending is None:
            if len(self._in_flight) >= IN_FLIGHT_MAX:
                return None
            pending = asyncio.ensure_future(self._ask_all(query, tcp=tcp))
            self._in_flight[key] = pending
            pending.add_done_callback(lambda _: self._in_flight.pop(key, None))
        reply = await asyncio.shield(pending)
        return query[:2] + reply[2:] if reply is not None else None

    async def _ask_all(self, query: bytes, *, tcp: bool) -> bytes | None:
        fallback = None
        for server in self.servers():
            asked = secrets.token_bytes(2) + query[2:]
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    reply = await (self._over_tcp if tcp else self._over_udp)(server, asked)
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                continue
            if reply[3] & 0xF in (2, 5):  # it failed or refused: the next may know
                fallback = reply
                continue
            return reply
        return fallback

    async def _over_udp(self, server: str, query: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        transport, answer = await loop.create_datagram_endpoint(
            lambda: _Answer(query), remote_addr=(server, self._port)
        )
        try:
            transport.sendto(query)
            return await answer.reply
        finally:
            transport.close()

    async def _over_tcp(self, server: str, query: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(server, self._port)
        try:
            writer.write(struct.pack("!H", len(query)) + query)
            await writer.drain()
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            reply = await reader.readexactly(length)
        finally:
            writer.close()
        if not _belongs(reply, query):
            raise OSError("a reply to another question")
        return reply

    def servers(self) -> tuple[str, ...]:
        """Return the servers to ask, read again when the file has changed."""
        try:
            changed_at = os.stat(self._path).st_mtime  # noqa: PTH116
        except OSError:
            return self._servers
        if changed_at != self._read_at:
            with contextlib.suppress(OSError):
                self._servers = self._parse(self._path.read_text(errors="replace"))
                self._read_at = changed_at
        return self._servers

    def _parse(self, text: str) -> tuple[str, ...]:
        words = [line.split() for line in text.splitlines()]
        named = [word[1] for word in words if len(word) > 1 and word[0] == "nameserver"]
        return tuple(server for server in dict.fromkeys(named) if server not in self._own)[:SERVERS_MAX]


class _Answer(asyncio.DatagramProtocol):
    """Waits for the reply to one query."""

    def __init__(self, query: bytes) -> None:
        self._query = query
        self.reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Take the reply; ignore whatever is not one to our question."""
        if not self.reply.done() and _belongs(data, self._query):
            self.reply.set_result(data)

    def error_received(self, exc: Exception) -> None:
        """Give up at once when nobody listens there."""
        if not self.reply.done():
            self.reply.set_exception(exc)


def _belongs(reply: bytes, query: bytes) -> bool:
    if len(reply) < 12 or reply[:2] != query[:2] or not reply[2] & 0x80:
        return False
    end = query.find(b"\0", 12) + 5
    # Servers that refuse may leave the question out.
    return reply[4:6] == b"\0\0" or reply[12:end].lower() == query[12:end].lower()
