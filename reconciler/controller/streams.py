"""Logs and commands of containers on other hosts: ordered from the agent, which dials the stream in. Effect: memory.

The agent says on channel 3 how it went (see `StreamStatus`), on 1 and 2 what a container writes; it is told on channel
0 what is typed, on 4 the terminal's size, on 255 that no more input comes. What waits for a slow end is bounded.
"""

import queue
import secrets
import threading
from collections.abc import Iterator

import msgspec

from reconciler.controller.remote import NodeLinks
from reconciler.model.agents import ERROR, INPUT, INPUT_ENDS, RESIZE, StreamOrder, StreamStatus
from reconciler.model.errors import TransientError
from reconciler.model.ports import ExecRequest, LogRequest

_OPEN_S = 15.0
_TICK_S = 1.0
_PIECES_MAX = 64
_PIECE_MAX = 32 * 1024

Piece = tuple[int, bytes]


class RemoteStream:
    """One stream, between a caller's thread and the agent's connection. Implements StreamEnd."""

    def __init__(self, node: str) -> None:
        self.node = node
        self.attached = threading.Event()
        self._closed = threading.Event()
        self._said: queue.Queue[Piece] = queue.Queue(_PIECES_MAX)
        self._to_say: queue.Queue[Piece] = queue.Queue(_PIECES_MAX)

    # The connection's side

    def feed(self, channel: int, data: bytes) -> bool:
        """Take what the agent says, waiting while the caller is slow; False when nobody listens any more."""
        while not self._closed.is_set():
            try:
                self._said.put((channel, data), timeout=_TICK_S)
            except queue.Full:
                continue
            return True
        return False

    def take(self) -> Piece | None:
        """Return what the agent is to be told; None when nothing was to be told for a second."""
        try:
            return self._to_say.get(timeout=_TICK_S)
        except queue.Empty:
            return None

    @property
    def is_closed(self) -> bool:
        """Whether it has ended, at either end."""
        return self._closed.is_set()

    def close(self) -> None:
        """End it; what the agent has said already can still be read."""
        self._closed.set()

    # The caller's side

    def read(self) -> Piece | None:
        """Return what the agent said; None when that was nothing for a second. Raises when the stream broke."""
        is_closed = self._closed.is_set()
        try:
            return self._said.get_nowait() if is_closed else self._said.get(timeout=_TICK_S)
        except queue.Empty:
            if is_closed:
                raise TransientError(
                    f"the stream from node {self.node} broke", hint="is its agent running? see: reconciler nodes"
                ) from None
            return None

    def say(self, channel: int, data: bytes = b"") -> bool:
        """Tell the agent something; False when it did not take it within a second."""
        if self._closed.is_set():
            return True
        try:
            self._to_say.put((channel, data), timeout=_TICK_S)
        except queue.Full:
            return False
        return True


class RemoteStreams:
    """Orders streams, and brings callers and connections together. Thread-safe."""

    def __init__(self, links: NodeLinks) -> None:
        self._links = links
        self._lock = threading.Lock()
        self._waiting: dict[str, RemoteStream] = {}

    def open(self, node: str, order: StreamOrder) -> RemoteStream:
        """Return a stream that has begun; raise LookupError without the container, TransientError without the agent."""
        stream = RemoteStream(node)
        try:
            self._await_agent(node, order, stream)
            _await_start(stream)
        except BaseException:
            # The agent may have dialled in at the last moment: it would be heard for ever.
            stream.close()
            raise
        return stream

    def _await_agent(self, node: str, order: StreamOrder, stream: RemoteStream) -> None:
        with self._lock:
            self._waiting[order.id] = stream
        try:
            self._links.order(node, order)
            if not stream.attached.wait(_OPEN_S):
                raise TransientError(
                    f"the agent of node {node} does not answer",
                    reason="AgentSilent",
                    hint="see: reconciler nodes; on that host: journalctl -u reconciler-agent",
                )
        finally:
            with self._lock:
                self._waiting.pop(order.id, None)
            self._links.withdraw(node, order.id)

    def attach(self, node: str, id: str) -> RemoteStream | None:
        """Return the stream that an agent dials in for; None when nobody waits for it."""
        with self._lock:
            stream = self._waiting.get(id)
            if stream is None or stream.node != node:
                return None
            del self._waiting[id]
        stream.attached.set()
        return stream


class RemoteHost:
    """The Engine of a node on another host."""

    def __init__(self, node: str, streams: RemoteStreams) -> None:
        self._node = node
        self._streams = streams

    def logs(self, container_id: str, request: LogRequest) -> Iterator[bytes]:
        """Stream a container's log; raise LookupError when there is no such container."""
        order = StreamOrder(id=_new_id(), container_id=container_id, log=request)
        return RemoteLog(self._streams.open(self._node, order))

    def exec(self, container_id: str, request: ExecRequest) -> "RemoteExec":
        """Start a command; raise LookupError when there is no such container that runs."""
        order = StreamOrder(id=_new_id(), container_id=container_id, command=request)
        return RemoteExec(self._streams.open(self._node, order))


class RemoteLog(Iterator[bytes]):
    """Iterates over pieces of a log; empty ones come while nothing is written. `close` may come from any thread."""

    def __init__(self, stream: RemoteStream) -> None:
        self._stream = stream

    def __next__(self) -> bytes:
        piece = self._stream.read()
        if piece is None:
            return b""
        if piece[0] == ERROR:
            self.close()
            _raise_failure(self._stream.node, piece[1])
            raise StopIteration
        return piece[1]

    def close(self) -> None:
        """End the log."""
        self._stream.close()


class RemoteExec:
    """Implements ExecSession on another host."""

    def __init__(self, stream: RemoteStream) -> None:
        self._stream = stream
        self._exit_code: int | None = None

    def write(self, data: bytes) -> int:
        """Give bytes to standard input; see the port."""
        taken = 0
        while taken < len(data):
            piece = data[taken : taken + _PIECE_MAX]
            if not self._stream.say(INPUT, piece):
                break
            taken += len(piece)
        return taken

    def end_input(self) -> None:
        """Close standard input; see the port."""
        self._stream.say(INPUT_ENDS)

    def resize(self, width: int, height: int) -> None:
        """Tell the terminal's size; see the port."""
        self._stream.say(RESIZE, msgspec.json.encode([width, height]))

    def output(self) -> Iterator[Piece]:
        """Yield what is written; see the port."""
        while True:
            piece = self._stream.read()
            if piece is None:
                yield 1, b""
            elif piece[0] == ERROR:
                _raise_failure(self._stream.node, piece[1])
                self._exit_code = msgspec.json.decode(piece[1], type=StreamStatus).exit_code
                return
            else:
                yield piece

    def exit_code(self) -> int:
        """Return the command's exit code; see the port."""
        if self._exit_code is None:
            raise TransientError(f"how the command on node {self._stream.node} ended is not known")
        return self._exit_code

    def close(self) -> None:
        """Let go of the command: the agent ends one that still runs."""
        self._stream.close()


def _await_start(stream: RemoteStream) -> None:
    """Wait for the agent's first word."""
    for _ in range(int(_OPEN_S / _TICK_S)):
        piece = stream.read()
        if piece is not None:
            assert piece[0] == ERROR, "the first word of a stream is its status"
            _raise_failure(stream.node, piece[1])
            return
    raise TransientError(f"node {stream.node} did not open the stream in time")


def _raise_failure(node: str, encoded: bytes) -> None:
    status = msgspec.json.decode(encoded, type=StreamStatus)
    if status.missing:
        raise LookupError(status.missing)
    if status.failed:
        raise TransientError(f"node {node}: {status.failed}")


def _new_id() -> str:
    return secrets.token_hex(16)
