"""Streams that the daemon has ordered: logs and commands of this host's containers. Effect: a thread for each.

The agent dials in, says whether the container is there, and then passes on what it writes, until either end is done.
"""

import logging
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Protocol
from urllib.parse import quote

import msgspec
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from reconciler.client.api import OWN
from reconciler.model.agents import ERROR, INPUT, INPUT_ENDS, OUTPUT, RESIZE, StreamOrder, StreamStatus
from reconciler.model.errors import ReconcilerError
from reconciler.model.ports import ExecRequest, ExecSession, LogRequest

log = logging.getLogger(__name__)

_OPEN_S = 10.0
_CLOSE_S = 5.0
_STREAMS_MAX = 64
_SIZE_MAX = 1 << 20


class Host(Protocol):
    """What is asked of this host's Engine."""

    def logs(self, container_id: str, request: LogRequest) -> Iterator[bytes]:
        """Stream a container's log; raise LookupError when there is no such container."""
        ...

    def exec(self, container_id: str, request: ExecRequest) -> ExecSession:
        """Start a command; raise LookupError when there is no such container that runs."""
        ...


class AgentStreams:
    """Opens streams of one node to its daemon."""

    def __init__(self, node: str, server: str, context: Callable[[], ssl.SSLContext], host: Host) -> None:
        self._url = f"wss{server.removeprefix('https')}{OWN}/agents/{quote(node, safe='')}/streams"
        self._context = context
        self._host = host
        self._places = threading.BoundedSemaphore(_STREAMS_MAX)

    def open(self, order: StreamOrder) -> None:
        """Open a stream in a thread of its own; one too many is not opened, and the daemon says that nobody came."""
        if not self._places.acquire(blocking=False):
            log.warning("there are too many streams", extra={"open": _STREAMS_MAX})
            return
        threading.Thread(target=self._run, args=(order,), name="agent-stream", daemon=True).start()

    def _run(self, order: StreamOrder) -> None:
        try:
            self._connected(order)
        except (OSError, WebSocketException, ReconcilerError) as error:
            log.warning("a stream broke", extra={"container": order.container_id[:12], "error": str(error)})
        except Exception:
            # A bug in one stream must not take its thread's place for ever without a word.
            log.exception("a stream crashed")
        finally:
            self._places.release()

    def _connected(self, order: StreamOrder) -> None:
        with connect(
            f"{self._url}/{order.id}",
            ssl=self._context(),
            open_timeout=_OPEN_S,
            close_timeout=_CLOSE_S,
            ping_interval=None,
            compression=None,
            max_size=_SIZE_MAX,
        ) as connection:
            try:
                self._serve(connection, order)
            except LookupError as error:
                _say(connection, StreamStatus(missing=str(error.args[0] if error.args else error)))
            except ReconcilerError as error:
                _say(connection, StreamStatus(failed=str(error)))

    def _serve(self, connection: ClientConnection, order: StreamOrder) -> None:
        # Whoever asked may have left: then sending fails, and what was begun is ended.
        with suppress(ConnectionClosed):
            if order.log is not None:
                _send_log(connection, self._host.logs(order.container_id, order.log))
            elif order.command is not None:
                session = self._host.exec(order.container_id, order.command)
                try:
                    _run_command(connection, session)
                finally:
                    session.close()


def _send_log(connection: ClientConnection, pieces: Iterator[bytes]) -> None:
    try:
        _say(connection, StreamStatus())
        for piece in pieces:
            if piece:
                connection.send(bytes((OUTPUT,)) + piece)
            else:
                # Nothing was written; this notices when the other end has gone.
                connection.ping()
        _say(connection, StreamStatus())
    finally:
        getattr(pieces, "close", lambda: None)()


def _run_command(connection: ClientConnection, session: ExecSession) -> None:
    _say(connection, StreamStatus())
    threading.Thread(target=_pass_input, args=(connection, session), name="agent-input", daemon=True).start()
    for channel, data in session.output():
        if data:
            connection.send(bytes((channel,)) + data)
        else:
            connection.ping()
    _say(connection, StreamStatus(exit_code=session.exit_code()))


def _pass_input(connection: ClientConnection, session: ExecSession) -> None:
    """Give the command what is typed, until the other end hangs up; a command that does not read is waited for."""
    with suppress(ConnectionClosed):  # not properly
        for message in connection:
            content = message.encode() if isinstance(message, str) else message
            try:
                _take(connection, session, content[:1], content[1:])
            except ReconcilerError as error:
                # The output says what has become of the command; without it input is of no use.
                log.info("input was not taken", extra={"error": str(error)})


def _take(connection: ClientConnection, session: ExecSession, channel: bytes, data: bytes) -> None:
    match channel:
        case b"\x00":
            _write(session, data, connection)
        case b"\x04":
            width, height = msgspec.json.decode(data, type=tuple[int, int])
            session.resize(width, height)
        case b"\xff":
            session.end_input()
        case _:
            pass


def _write(session: ExecSession, data: bytes, connection: ClientConnection) -> None:
    while data and connection.close_code is None:
        data = data[session.write(data) :]


def _say(connection: ClientConnection, status: StreamStatus) -> None:
    with suppress(ConnectionClosed):
        connection.send(bytes((ERROR,)) + msgspec.json.encode(status))


assert (INPUT, RESIZE, INPUT_ENDS) == (0x00, 0x04, 0xFF), "the channels are matched as bytes"
