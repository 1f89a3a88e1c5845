"""One connection of a client that speaks WebSocket. Effect: the transport."""

import asyncio
from asyncio import BaseTransport
from contextlib import suppress
from typing import Any

from starlette.requests import HTTPConnection
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_PING = b"listening?"


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """WebSocket whose handshake may be answered by an ordinary refusal, which is no fault of the application.

    The application may wait until the client listens, which a finished handshake does not tell (`await_listening`).
    """

    def connection_made(self, transport: BaseTransport) -> None:
        """Let the application ask whether the client listens."""
        self._listens = asyncio.Event()
        self.app_state = {**self.app_state, "await_listening": self._await_listening}
        super().connection_made(transport)

    async def send(self, message: Any) -> None:
        """Send a message; the last one of a refusal completes the handshake."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True

    def handle_pong(self, event: Any) -> None:
        """Take an answer to a ping."""
        self._listens.set()
        super().handle_pong(event)

    def send_receive_event_to_app(self) -> None:
        """Hand a message over; who sends one listens."""
        self._listens.set()
        super().send_receive_event_to_app()

    def connection_lost(self, exc: Exception | None) -> None:
        """End with the connection."""
        self._listens.set()
        super().connection_lost(exc)

    async def _await_listening(self, at_most_s: float) -> None:
        if not self.transport.is_closing():
            self.conn.send_ping(_PING)
            self.transport.write(b"".join(self.conn.data_to_send()))
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._listens.wait()


async def await_listening(connection: HTTPConnection, at_most_s: float) -> None:
    """Wait until a client reads what is sent to it, as its answer to a ping or a message of its own tells."""
    await connection.scope["state"]["await_listening"](at_most_s)
