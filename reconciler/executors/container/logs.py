"""A container's log as a stream of bytes, output and error output in order.

Effect.
"""

from collections import deque
from collections.abc import Iterator

from reconciler.executors.container.frames import Demultiplexer
from reconciler.executors.engine import Engine
from reconciler.executors.transport import Deadline, EngineSilent, Stream

_OPEN_S = 10.0
# A log that is followed says at least this often that nothing came, so that who has left is noticed.
_TICK_S = 1.0


class LogStream(Iterator[bytes]):
    """Iterates over pieces of a log; `close` (from any thread) ends it, also while it waits for more.

    While a followed log is silent, empty pieces come.
    """

    def __init__(self, stream: Stream, *, raw: bool, follow: bool, limit_bytes: int | None) -> None:
        self._stream = stream
        self._frames = None if raw else Demultiplexer()
        self._follow = follow
        self._left = limit_bytes
        self._ready: deque[bytes] = deque()

    def __next__(self) -> bytes:
        while not self._ready:
            if self._left == 0:
                self._end()
            piece = self._stream.read(Deadline(_TICK_S if self._follow else _OPEN_S))
            if piece == b"" or (piece is None and self._stream.closed):
                self._end()
            if piece is None:
                return self._silence()
            if piece:
                self._ready.extend([piece] if self._frames is None else self._frames.feed(piece))
        return self._cut(self._ready.popleft())

    def close(self) -> None:
        """End the log."""
        self._stream.close()

    def _cut(self, piece: bytes) -> bytes:
        if self._left is None:
            return piece
        piece = piece[: self._left]
        self._left -= len(piece)
        if self._left == 0:
            self._ready.clear()
        return piece

    def _silence(self) -> bytes:
        """Nothing came: usual while a log is followed; otherwise the Engine hangs, and half a log is not a log."""
        if not self._follow:
            self.close()
            raise EngineSilent(f"the Engine did not go on with a log for {_OPEN_S:.0f} s")
        return b""

    def _end(self) -> None:
        self.close()
        raise StopIteration


def open_log(
    engine: Engine,
    container: str,
    *,
    tty: bool,
    follow: bool = False,
    tail: int | None = None,
    since: float | None = None,
    timestamps: bool = False,
    limit_bytes: int | None = None,
    stream: str = "All",
) -> LogStream:
    """Open a container's log. `since` is in Unix seconds, `tail` counts lines, `stream` is All, Stdout or Stderr."""
    query = {
        "stdout": "0" if stream == "Stderr" else "1",
        "stderr": "0" if stream == "Stdout" else "1",
        "follow": "1" if follow else "0",
        "timestamps": "1" if timestamps else "0",
        "tail": "all" if tail is None else str(tail),
    }
    if since is not None:
        query["since"] = f"{since:.9f}"
    opened = engine.logs(container, query, Deadline(_OPEN_S))
    return LogStream(opened, raw=tty, follow=follow, limit_bytes=limit_bytes)
