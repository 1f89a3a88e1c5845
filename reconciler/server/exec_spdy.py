"""A command's streams over SPDY/3.1: `channel.k8s.io` as kubectl before 1.30 speaks it. Effect: the connection.

The client opens one stream for each of stdin, stdout, stderr, resize and error, named by the header `streamtype`.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from starlette.requests import Request

from reconciler.model.ports import ExecRequest
from reconciler.server.commands import Command, EndOfInput, Input, Resize, converse
from reconciler.server.exec_websocket import terminal_size
from reconciler.server.spdy.session import SpdySession, SpdyStream
from reconciler.server.upgrade import is_gone, take_over

PROTOCOL = "SPDY/3.1"
VERSION_HEADER = "X-Stream-Protocol-Version"
_OPEN_S = 30.0
_HANG_UP_S = 10.0
_SIZE_BYTES_MAX = 1024
_SENT = {1: "stdout", 2: "stderr"}
# Before version 4 a failure is plain text; before version 3 terminals have no size.
VERSIONS = {"v4.channel.k8s.io": 4, "v3.channel.k8s.io": 3, "v2.channel.k8s.io": 2}


def is_proposed(request: Request) -> bool:
    """Whether a request asks to speak SPDY/3.1 from here on."""
    proposed = [word.strip().lower() for word in request.headers.get("upgrade", "").split(",")]
    agreed = [word.strip().lower() for word in request.headers.get("connection", "").split(",")]
    return PROTOCOL.lower() in proposed and "upgrade" in agreed


def chosen_version(request: Request) -> str:
    """Return the best version that the client offers; empty when there is none."""
    lines = request.headers.getlist(VERSION_HEADER)
    offered = {word.strip() for line in lines for word in line.split(",")}
    return next((name for name in VERSIONS if name in offered), "")


def switch(request: Request, version: str) -> SpdySession:
    """Switch the connection of a request to SPDY."""
    reader, writer = take_over(request, PROTOCOL, {VERSION_HEADER: version})
    return SpdySession(reader, writer, is_gone=lambda: is_gone(request))


async def serve_spdy(session: SpdySession, wanted: ExecRequest, command: Command, version: str, idle_s: float) -> None:
    """Serve a command until one of both sides has ended."""
    reading = asyncio.create_task(session.run())
    try:
        streams = await _streams(session, _expected(wanted, VERSIONS[version]))
        if streams is not None:
            await converse(command, SpdyRemote(session, streams, VERSIONS[version]), idle_s)
    finally:
        command.stop()
        await session.close(_HANG_UP_S)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


class SpdyRemote:
    """Implements Remote over the streams of a session."""

    def __init__(self, session: SpdySession, streams: dict[str, SpdyStream], version: int) -> None:
        self._session = session
        self._streams = streams
        self._version = version

    async def receive(self) -> AsyncIterator[Input]:
        """Yield what the client sends on its streams; see Remote."""
        came: asyncio.Queue[Input | None] = asyncio.Queue(1)
        tasks = [asyncio.create_task(self._until_gone(came))]
        if "stdin" in self._streams:
            tasks.append(asyncio.create_task(_input_of(self._streams["stdin"], came)))
        if "resize" in self._streams:
            tasks.append(asyncio.create_task(_sizes_of(self._streams["resize"], came)))
        try:
            while (given := await came.get()) is not None:
                yield given
        finally:
            for task in tasks:
                task.cancel()

    async def write(self, stream: int, data: bytes) -> None:
        """Send output; see Remote. A stream that the client has closed takes everything."""
        to = self._streams.get(_SENT[stream])
        if to is not None and not (to.is_reset and not self.is_gone()):
            await to.write(data)

    async def finish(self, status: dict[str, Any]) -> None:
        """End the output and tell the ending on the error stream; see Remote."""
        for name in ("stdout", "stderr"):
            if name in self._streams:
                await self._streams[name].finish()
        error = self._streams["error"]
        if self._version >= 4:
            await error.write(json.dumps(status).encode())
        elif status["status"] != "Success":
            await error.write(status["message"].encode())
        await error.finish()

    def is_gone(self) -> bool:
        """Whether the client has hung up; see Remote."""
        return self._session.has_ended.is_set()

    async def _until_gone(self, came: asyncio.Queue[Input | None]) -> None:
        await self._session.has_ended.wait()
        await came.put(None)


def _expected(wanted: ExecRequest, version: int) -> set[str]:
    asked = {
        "error": True,
        "stdin": wanted.stdin,
        "stdout": wanted.stdout,
        "stderr": wanted.stderr and not wanted.tty,
        "resize": wanted.tty and version >= 3,
    }
    return {name for name, is_wanted in asked.items() if is_wanted}


async def _streams(session: SpdySession, expected: set[str]) -> dict[str, SpdyStream] | None:
    """Wait until the client has opened its streams; None when it goes, or takes too long."""
    streams: dict[str, SpdyStream] = {}
    with suppress(TimeoutError):
        async with asyncio.timeout(_OPEN_S):
            while expected - streams.keys():
                stream = await session.accept()
                if stream is None:
                    return None
                streams.setdefault(stream.headers.get("streamtype", "").lower(), stream)
            return streams
    return None


async def _input_of(stream: SpdyStream, came: asyncio.Queue[Input | None]) -> None:
    while data := await stream.read():
        await came.put(data)
    await came.put(EndOfInput())


async def _sizes_of(stream: SpdyStream, came: asyncio.Queue[Input | None]) -> None:
    """Read the sizes, which come as JSON documents one after the other, in pieces of any size."""
    rest = b""
    while (data := await stream.read()) and len(rest) < _SIZE_BYTES_MAX:
        rest += data
        while (end := rest.find(b"}")) >= 0:
            size, rest = terminal_size(rest[: end + 1]), rest[end + 1 :]
            if isinstance(size, Resize):
                await came.put(size)
