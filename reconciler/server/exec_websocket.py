"""A command's streams over WebSocket: `channel.k8s.io` in its versions. Effect: the connection.

Each message is one channel's: its first byte (in the base64 forms its first digit) is the channel's number.
"""

import base64
import binascii
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from reconciler.model.ports import ExecRequest
from reconciler.server.commands import EndOfInput, Input, Resize
from reconciler.server.upgrade import is_gone
from reconciler.server.websocket import await_listening

STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
_SIZE_MAX = 65535
# client-go, which speaks version 5, drops what comes before it has made its streams, in many a release: kubectl 1.30 to
# 1.33 then lack output, or end with an error (kubernetes/kubernetes#131203). It reads only a moment before that.
_LISTENS_S = 2.0


@dataclass(frozen=True, slots=True)
class Subprotocol:
    """One form of the protocol. Before version 4 a failure is plain text; since version 5 input can be ended."""

    name: str
    version: int = 1
    is_base64: bool = False


SUBPROTOCOLS = (
    Subprotocol("v5.channel.k8s.io", 5),
    Subprotocol("v4.channel.k8s.io", 4),
    Subprotocol("v4.base64.channel.k8s.io", 4, is_base64=True),
    Subprotocol("channel.k8s.io"),
    Subprotocol("base64.channel.k8s.io", is_base64=True),
)


def chosen_subprotocol(offered: list[str]) -> Subprotocol | None:
    """Return the best form that the client offers; who offers none speaks the oldest one."""
    if not offered:
        return Subprotocol("")
    return next((one for one in SUBPROTOCOLS if one.name in offered), None)


class WebSocketRemote:
    """Implements Remote over a WebSocket."""

    def __init__(self, socket: WebSocket, form: Subprotocol, request: ExecRequest) -> None:
        self._socket = socket
        self._form = form
        self._request = request

    async def accept(self) -> None:
        """Answer the handshake, and wait until the client reads.

        An empty message tells clients that wait for a first one that the command runs.
        """
        await self._socket.accept(self._form.name or None)
        if self._form.version >= 5:
            await await_listening(self._socket, _LISTENS_S)
        first = STDOUT if self._request.stdout else STDERR if self._request.stderr else ERROR
        await self._send(first, b"")

    async def receive(self) -> AsyncIterator[Input]:
        """Yield what the client sends; see Remote."""
        while (message := await self._socket.receive())["type"] == "websocket.receive":
            decoded = self._decoded(message)
            if decoded is None:
                continue
            match decoded:
                case (0, data) if self._request.stdin and data:
                    yield data
                case (4, data) if (size := terminal_size(data)) is not None:
                    yield size
                case (255, b"\0") if self._request.stdin and self._form.version >= 5:
                    yield EndOfInput()

    async def write(self, stream: int, data: bytes) -> None:
        """Send output; see Remote."""
        await self._send(stream, data)

    async def finish(self, status: dict[str, Any]) -> None:
        """Tell the ending on the error channel and close; see Remote."""
        if self._form.version >= 4:
            await self._send(ERROR, json.dumps(status).encode())
        elif status["status"] != "Success":
            await self._send(ERROR, status["message"].encode())
        try:
            await self._socket.close()
        except WebSocketDisconnect as error:
            raise ConnectionResetError from error

    def is_gone(self) -> bool:
        """Whether the client has hung up; see Remote."""
        return is_gone(self._socket)

    async def _send(self, channel: int, data: bytes) -> None:
        try:
            if self._form.is_base64:
                await self._socket.send_text(f"{channel}{base64.b64encode(data).decode()}")
            else:
                await self._socket.send_bytes(bytes((channel,)) + data)
        except WebSocketDisconnect as error:
            raise ConnectionResetError from error

    def _decoded(self, message: Any) -> tuple[int, bytes] | None:
        """Return channel and content of a message; None for one that has neither."""
        content, text = message.get("bytes"), message.get("text")
        if self._form.is_base64:
            said: str = text if text is not None else (content or b"").decode("latin-1")
            try:
                return int(said[:1]), base64.b64decode(said[1:], validate=True)
            except (ValueError, binascii.Error):
                return None
        data: bytes = content if content is not None else (text or "").encode()
        return (data[0], data[1:]) if data else None


def terminal_size(data: bytes) -> Resize | None:
    """Return the size that a client tells as JSON; None where it tells none."""
    try:
        said = json.loads(data)
        width, height = int(said["Width"]), int(said["Height"])
    except (ValueError, TypeError, KeyError):
        return None
    return Resize(width, height) if 0 < width <= _SIZE_MAX and 0 < height <= _SIZE_MAX else None
