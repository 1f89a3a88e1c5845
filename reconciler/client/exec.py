"""A command in a container, over WebSocket on the Unix socket. Effect: one connection, and a thread that reads it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, unix_connect
from websockets.typing import Subprotocol

from reconciler.client.connection import CONNECT_S, unreachable
from reconciler.client.errors import ApiRefused, DaemonUnreachable, refusal
from reconciler.model.ports import ExecRequest

_PROTOCOL = Subprotocol("v5.channel.k8s.io")
_STDIN, _ERROR, _RESIZE, _CLOSE = 0, 3, 4, 255
_CLOSE_S = 5.0
# A command is started before the handshake is answered.
_START_S = CONNECT_S + 30.0


class RemoteCommand:
    """A command that runs in a container; input may be given from other threads."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._status: Mapping[str, Any] | None = None

    def output(self) -> Iterator[tuple[int, bytes]]:
        """Yield what the command writes, as (1 for stdout or 2 for stderr, bytes), until it ends."""
        with suppress(ConnectionClosed):  # the exit code tells whether that was in order
            while True:
                message = self._connection.recv()
                content = message.encode() if isinstance(message, str) else message
                if not content:
                    continue
                if content[0] == _ERROR and len(content) > 1:
                    self._status = json.loads(content[1:])
                elif content[0] != _ERROR and len(content) > 1:
                    yield content[0], content[1:]

    def exit_code(self) -> int:
        """Return the command's exit code, once the output has ended."""
        status = self._status
        if status is None:
            raise DaemonUnreachable("the connection broke before the command ended")
        if status.get("status") == "Success":
            return 0
        causes = (status.get("details") or {}).get("causes") or ()
        codes = [str(one.get("message")) for one in causes if one.get("reason") == "ExitCode"]
        if codes and codes[0].isdigit():
            return int(codes[0])
        raise ApiRefused(500, str(status.get("message") or "the command failed"), reason=str(status.get("reason", "")))

    def write(self, data: bytes) -> None:
        """Give bytes to standard input, as fast as they are taken; what comes after the end is dropped."""
        self._send(_STDIN, data)

    def end_input(self) -> None:
        """Close standard input."""
        self._send(_CLOSE, bytes((_STDIN,)))

    def resize(self, width: int, height: int) -> None:
        """Tell the terminal's size in characters."""
        self._send(_RESIZE, json.dumps({"Width": width, "Height": height}).encode())

    def _send(self, channel: int, data: bytes) -> None:
        with suppress(ConnectionClosed):
            self._connection.send(bytes((channel,)) + data)


@contextmanager
def run_command(socket_path: Path, wanted: ExecRequest) -> Iterator[RemoteCommand]:
    """Start a command, and end it on leaving when it still runs; raise what the API refuses it with."""
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(_connect(socket_path, wanted))
        except InvalidStatus as error:
            raise refusal(error.response.status_code, _status(error.response.body)) from None
        except InvalidHandshake as error:
            raise DaemonUnreachable(f"{socket_path}: no WebSocket is spoken there: {error}") from error
        except OSError as error:
            raise unreachable(socket_path, error) from error
        yield RemoteCommand(connection)


def _connect(socket_path: Path, wanted: ExecRequest) -> ClientConnection:
    return unix_connect(
        str(socket_path),
        _address(wanted),
        subprotocols=[_PROTOCOL],
        compression=None,
        open_timeout=_START_S,
        close_timeout=_CLOSE_S,
        # A command that does not read its input also keeps the answers to pings.
        ping_interval=None,
    )


def _address(wanted: ExecRequest) -> str:
    flags = {"stdin": wanted.stdin, "stdout": wanted.stdout, "stderr": wanted.stderr, "tty": wanted.tty}
    query = [("container", wanted.container)] if wanted.container else []
    query += [("command", word) for word in wanted.command]
    query += [(name, "true") for name, is_set in flags.items() if is_set]
    where = f"/api/v1/namespaces/{quote(wanted.namespace, safe='')}/pods/{quote(wanted.pod, safe='')}/exec"
    return f"ws://localhost{where}?{urlencode(query)}"


def _status(body: bytes | bytearray | None) -> Mapping[str, Any]:
    try:
        status = json.loads(body or b"")
    except ValueError:
        return {}
    return status if isinstance(status, dict) else {}
