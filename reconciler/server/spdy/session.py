"""One connection that speaks SPDY/3.1: the streams that its client opens. Effect: reads and writes the connection.

What a stream holds is bounded: while one is full, the connection is not read, so that the client's own TCP waits. The
client's windows are kept from the moment at which it speaks of them; those that never do (kubectl's library has no
flow control) are held back by TCP alone.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress

from reconciler.server.spdy.frames import (
    Data,
    Frame,
    FrameError,
    FrameReader,
    FrameWriter,
    GoAway,
    Headers,
    Leaving,
    Ping,
    Refusal,
    RstStream,
    Setting,
    Settings,
    SynReply,
    SynStream,
    WindowUpdate,
)

WINDOW_BYTES = 64 * 1024
_WINDOW_MAX = (1 << 31) - 1
_READ_BYTES = 64 * 1024
_WRITE_BYTES = 16 * 1024
_ANSWERS_MAX = 256 * 1024
_LOOK_S = 1.0
_CONNECTION = 0


class StreamClosed(ConnectionError):
    """The client does not want what is written here any more, or has gone."""


class SpdyStream:
    """One stream: bytes both ways, each way ended by itself."""

    def __init__(self, session: "SpdySession", number: int, headers: Mapping[str, str], window: int) -> None:
        self.number = number
        self.headers = headers
        self.window = window
        self.is_reset = False
        self.has_ended = False
        self.has_finished = False
        self.held = 0
        self._session = session
        self._parts: deque[bytes] = deque()
        self._came = asyncio.Event()

    async def read(self) -> bytes:
        """Return the next bytes; none when the client sends no more."""
        while not self._parts:
            if self.has_ended or self.is_reset:
                return b""
            self._came.clear()
            await self._came.wait()
        part = self._parts.popleft()
        self.held -= len(part)
        self._session.consumed(self, len(part))
        return part

    async def write(self, data: bytes) -> None:
        """Send bytes, as fast as the client takes them; raise StreamClosed when it takes no more."""
        await self._session.write(self, data)

    async def finish(self) -> None:
        """Say that no more bytes follow."""
        if not (self.has_finished or self.is_reset):
            self.has_finished = True
            await self._session.send(Data(self.number, b"", fin=True))

    def push(self, data: bytes, *, fin: bool) -> None:
        """Take what came for this stream."""
        if data:
            self._parts.append(data)
            self.held += len(data)
        self.has_ended = self.has_ended or fin
        self._came.set()

    def reset(self) -> None:
        """Know that this stream is over both ways."""
        self.is_reset = True
        self._came.set()


class SpdySession:
    """The server's end of a connection. `run` reads it to its end; streams come out of `accept`."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        streams_max: int = 8,
        is_gone: Callable[[], bool] = lambda: False,
    ) -> None:
        self._reader = reader
        self._is_gone = is_gone
        self._writer = writer
        self._streams_max = streams_max
        self._frames_in = FrameReader()
        self._frames_out = FrameWriter()
        self._streams: dict[int, SpdyStream] = {}
        self._opened: asyncio.Queue[SpdyStream | None] = asyncio.Queue()
        self._last = 0
        self._window = WINDOW_BYTES
        self._stream_window = WINDOW_BYTES
        self._keeps_windows = False
        self._changed = asyncio.Event()
        self.has_ended = asyncio.Event()

    async def run(self) -> None:
        """Read until the client has gone, or says something that is none of SPDY."""
        try:
            while data := await self._reader.read(_READ_BYTES):
                for frame in self._frames_in.feed(data):
                    self._receive(frame)
                await self._has_answered()
                await self._has_room()
        except FrameError:
            self._leave(Leaving.PROTOCOL_ERROR)
        except OSError:
            pass  # the connection broke, which is an end like any other
        finally:
            self._end()

    async def accept(self) -> SpdyStream | None:
        """Return the next stream that the client opens; None when it has gone."""
        return await self._opened.get()

    async def send(self, frame: Frame) -> None:
        """Send a frame; raise StreamClosed when the client has gone."""
        if self.has_ended.is_set():
            raise StreamClosed("the client has gone")
        self._put(frame)
        try:
            await self._writer.drain()
        except OSError as error:
            raise StreamClosed("the client has gone") from error

    async def write(self, stream: SpdyStream, data: bytes) -> None:
        """Send the bytes of a stream within the client's windows."""
        rest = memoryview(data)
        while rest:
            size = min(len(rest), _WRITE_BYTES, await self._allowed(stream))
            stream.window -= size
            self._window -= size
            await self.send(Data(stream.number, bytes(rest[:size])))
            rest = rest[size:]

    def consumed(self, stream: SpdyStream, size: int) -> None:
        """Let the client send as much again as was taken out of a stream."""
        self._changed.set()
        if self.has_ended.is_set():
            return
        self._put(WindowUpdate(_CONNECTION, size))
        if not stream.has_ended:
            self._put(WindowUpdate(stream.number, size))

    async def close(self, wait_s: float) -> None:
        """Say that this is the end, give the client time to hang up itself, and close the connection."""
        self._leave(Leaving.OK)
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self.has_ended.wait()
        self._writer.close()

    # Helpers

    async def _allowed(self, stream: SpdyStream) -> int:
        """Wait until the client lets more bytes come on a stream; return how many."""
        while True:
            if stream.is_reset or self.has_ended.is_set():
                raise StreamClosed("the client takes no more")
            allowed = min(stream.window, self._window) if self._keeps_windows else _WRITE_BYTES
            if allowed > 0:
                return allowed
            self._changed.clear()
            await self._changed.wait()

    async def _has_answered(self) -> None:
        """Wait until a client that asks much takes the answers; output that waits is counted elsewhere."""
        if self._writer.transport.get_write_buffer_size() > _ANSWERS_MAX:
            await self._writer.drain()

    async def _has_room(self) -> None:
        """Wait until what was read is used; a connection that is not read does not tell that its client has gone."""
        while any(stream.held > WINDOW_BYTES and not stream.is_reset for stream in self._streams.values()):
            if self._is_gone():
                raise ConnectionResetError
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._changed.wait()

    def _receive(self, frame: Frame) -> None:
        match frame:
            case SynStream():
                self._open(frame)
            case Data():
                self._take(frame)
            case RstStream(number):
                self._forget(number)
            case Ping(id) if id % 2:
                self._put(frame)
            case Settings(values):
                self._adjust(values)
            case WindowUpdate(number, delta):
                self._widen(number, delta)
            case Headers(number, fin=True):
                self._take(Data(number, b"", fin=True))
            case GoAway() | SynReply() | Headers() | Ping():
                pass

    def _open(self, frame: SynStream) -> None:
        if frame.stream % 2 == 0 or frame.stream <= self._last:
            raise FrameError(f"stream {frame.stream} follows stream {self._last}")
        self._last = frame.stream
        if len(self._streams) >= self._streams_max:
            self._put(RstStream(frame.stream, Refusal.REFUSED_STREAM))
            return
        stream = SpdyStream(self, frame.stream, frame.headers, self._stream_window)
        self._streams[frame.stream] = stream
        self._put(SynReply(frame.stream))
        if frame.fin:
            stream.push(b"", fin=True)
        self._opened.put_nowait(stream)

    def _take(self, frame: Data) -> None:
        stream = self._streams.get(frame.stream)
        if stream is None or stream.is_reset:
            self._put(RstStream(frame.stream, Refusal.INVALID_STREAM))
        elif stream.has_ended:
            self._put(RstStream(frame.stream, Refusal.STREAM_ALREADY_CLOSED))
        else:
            stream.push(frame.data, fin=frame.fin)

    def _forget(self, number: int) -> None:
        stream = self._streams.get(number)
        if stream is not None:
            stream.reset()
            self._changed.set()

    def _adjust(self, values: Mapping[int, int]) -> None:
        """Follow a new initial window, which also moves those of the open streams."""
        window = values.get(Setting.INITIAL_WINDOW_SIZE)
        if window is None:
            return
        if window > _WINDOW_MAX:
            raise FrameError(f"a window of {window} bytes is too large")
        self._keeps_windows = True
        for stream in self._streams.values():
            stream.window += window - self._stream_window
        self._stream_window = window
        self._changed.set()

    def _widen(self, number: int, delta: int) -> None:
        self._keeps_windows = True
        if number == _CONNECTION:
            self._window += delta
            if self._window > _WINDOW_MAX:
                raise FrameError("the connection's window is too large")
        elif (stream := self._streams.get(number)) is not None:
            stream.window += delta
            if stream.window > _WINDOW_MAX:
                self._put(RstStream(number, Refusal.FLOW_CONTROL_ERROR))
                stream.reset()
        self._changed.set()

    def _put(self, frame: Frame) -> None:
        if not self._writer.is_closing():
            self._writer.write(self._frames_out.encode(frame))

    def _leave(self, status: Leaving) -> None:
        if not self.has_ended.is_set():
            self._put(GoAway(self._last, status))

    def _end(self) -> None:
        self.has_ended.set()
        for stream in self._streams.values():
            stream.reset()
        self._changed.set()
        self._opened.put_nowait(None)
        self._writer.close()
