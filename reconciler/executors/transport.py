"""HTTP over the Engine's Unix socket: kept-alive calls, and streams that can be closed from another thread.

Effect: every call has a deadline; a socket that is silent for longer raises `EngineSilent`.
"""

import contextlib
import http.client
import json
import select
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from reconciler.model.errors import TransientError

_IDLE_MAX = 8
_CHUNK = 65536
_HEADER_MAX = 65536


class EngineSilent(TransientError):
    """The Engine does not answer: refused, hung, or gone in the middle of an answer."""

    reason = "EngineSilent"


class EngineRefused(TransientError):
    """The Engine answered that it did not do it. `status` is its HTTP status."""

    reason = "EngineRefused"

    def __init__(self, status: int, message: str, *, reason: str = "") -> None:
        super().__init__(message, reason=reason)
        self.status = status


class Deadline:
    """A moment by which something must have ended."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    @property
    def left_s(self) -> float:
        """Seconds that are left, never negative."""
        return max(0.0, self._at - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return self.left_s <= 0.0

    def at_most(self, seconds: float) -> "Deadline":
        """Return the earlier of this deadline and one `seconds` from now."""
        return Deadline(min(self.left_s, seconds))


class _Connection(http.client.HTTPConnection):
    """An HTTP connection whose socket is a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("docker")
        self._path = path
        self.used = False

    def connect(self) -> None:
        """Open the socket."""
        self.sock = _open(self._path, self.timeout or 10.0)


def _open(path: str, timeout_s: float) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(timeout_s)
    try:
        sock.connect(path)
    except OSError:
        sock.close()
        raise
    return sock


class Stream:
    """The body of an answer that goes on: read it piece by piece; `close` works from any thread.

    The request is HTTP/1.0, so that the body is plain bytes until the Engine closes.
    """

    def __init__(self, path: str, method: str, target: str, body: Any, deadline: Deadline) -> None:
        payload = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {target} HTTP/1.0\r\nHost: docker\r\nContent-Type: application/json\r\n"
        request = f"{head}Content-Length: {len(payload)}\r\n\r\n".encode() + payload
        try:
            self._sock = _open(path, max(deadline.left_s, 0.001))
        except OSError as error:
            raise EngineSilent(f"cannot reach the Engine at {path}: {error}") from error
        self._closed = threading.Event()
        try:
            self._sock.sendall(request)
            self._rest = self._read_head(deadline)
        except OSError as error:
            self.close()
            raise EngineSilent(f"the Engine did not answer {method} {target.partition('?')[0]}") from error
        except BaseException:
            self.close()
            raise

    def read(self, deadline: Deadline | None = None) -> bytes | None:
        """Return the next bytes, b"" at the end, or None when nothing came within the deadline."""
        if self._rest:
            piece, self._rest = self._rest, b""
            return piece
        try:
            self._sock.settimeout(30.0 if deadline is None else max(deadline.left_s, 0.001))
            return self._sock.recv(_CHUNK)
        except TimeoutError:
            return None
        except OSError:
            return b""

    def write(self, data: bytes, deadline: Deadline) -> int:
        """Send bytes the other way, where the Engine has taken the connection over; return how many it took in time.

        Raises `BrokenPipeError` when it takes no more. Reading goes on in another thread meanwhile.
        """
        taken = 0
        while taken < len(data):
            # The socket's own timeout belongs to the reader.
            if not _is_writable(self._sock, deadline.left_s):
                return taken
            try:
                taken += self._sock.send(memoryview(data)[taken:])
            except (BlockingIOError, TimeoutError):
                continue
            except OSError as error:
                raise BrokenPipeError("the Engine takes no more input") from error
        return taken

    def end_writing(self) -> None:
        """Send the end of input; reading goes on."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """End the stream; a read that waits in another thread returns."""
        self._closed.set()
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed.is_set()

    def _read_head(self, deadline: Deadline) -> bytes:
        seen = b""
        while b"\r\n\r\n" not in seen:
            self._sock.settimeout(max(deadline.left_s, 0.001))
            piece = self._sock.recv(_CHUNK)
            if not piece or len(seen) > _HEADER_MAX:
                raise EngineSilent("the Engine closed the connection instead of answering")
            seen += piece
        head, _, rest = seen.partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        if status >= 400:
            raise EngineRefused(status, _message(self._drain(rest, deadline)))
        return rest

    def _drain(self, rest: bytes, deadline: Deadline) -> bytes:
        while len(rest) < _HEADER_MAX:
            self._sock.settimeout(max(deadline.left_s, 0.001))
            piece = self._sock.recv(_CHUNK)
            if not piece:
                break
            rest += piece
        return rest


def _is_writable(sock: socket.socket, timeout_s: float) -> bool:
    """Whether a socket takes bytes, or has broken, within the time."""
    poller = select.poll()
    try:
        poller.register(sock, select.POLLOUT)
    except ValueError as error:
        raise BrokenPipeError("the connection is closed") from error
    return bool(poller.poll(timeout_s * 1000))


class Transport:
    """Calls over kept-alive connections; safe to use from many threads."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._idle: list[_Connection] = []
        self._lock = threading.Lock()

    def call(
        self, method: str, target: str, query: Mapping[str, Any], body: Any, deadline: Deadline
    ) -> tuple[int, bytes]:
        """Send one request and return status and body."""
        full = f"{target}?{urlencode(query)}" if query else target
        while True:
            connection = self._take()
            again = connection.used
            try:
                return self._exchange(connection, method, full, body, deadline)
            except (http.client.HTTPException, OSError) as error:
                connection.close()
                # The Engine was restarted since the connection was last used: it never saw this request.
                if again and not isinstance(error, TimeoutError):
                    continue
                raise EngineSilent(f"no answer to {method} {target}: {type(error).__name__}") from error

    def stream(self, method: str, target: str, query: Mapping[str, Any], body: Any, deadline: Deadline) -> Stream:
        """Send a request whose answer goes on."""
        return Stream(self.path, method, f"{target}?{urlencode(query)}" if query else target, body, deadline)

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> _Connection:
        with self._lock:
            return self._idle.pop() if self._idle else _Connection(self.path)

    def _exchange(
        self, connection: _Connection, method: str, target: str, body: Any, deadline: Deadline
    ) -> tuple[int, bytes]:
        if deadline.passed:
            raise TimeoutError
        connection.timeout = deadline.left_s
        if connection.sock is not None:
            connection.sock.settimeout(deadline.left_s)
        payload = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if payload is not None else {}
        connection.request(method, target, body=payload, headers=headers)
        response = connection.getresponse()
        pieces: list[bytes] = []
        while not response.isclosed() and (piece := response.read(_CHUNK)):
            pieces.append(piece)
            if connection.sock is not None:
                connection.sock.settimeout(max(deadline.left_s, 0.001))
        if response.length:
            # Read in pieces, a body that ends too early looks like one that is over.
            connection.close()
            raise EngineSilent(f"the answer to {method} {target.partition('?')[0]} was cut off")
        connection.used = True
        self._give_back(connection)
        return response.status, b"".join(pieces)

    def _give_back(self, connection: _Connection) -> None:
        with self._lock:
            if connection.sock is not None and len(self._idle) < _IDLE_MAX:
                self._idle.append(connection)
                return
        connection.close()


def answer(status: int, body: bytes) -> Any:
    """Return the decoded body of a good answer; raise `EngineRefused` for a refusal."""
    if status >= 400:
        raise EngineRefused(status, _message(body))
    try:
        return json.loads(body) if body.strip() else None
    except ValueError as error:
        raise EngineSilent("what answers at the Engine's socket is not the Engine: it is no JSON") from error


def _message(body: bytes) -> str:
    try:
        said = json.loads(body)
    except ValueError:
        return body.decode(errors="replace").strip()[:500]
    return str(said.get("message", "")) if isinstance(said, dict) else ""
