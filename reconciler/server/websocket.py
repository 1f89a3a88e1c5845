"""One connection of a client that speaks WebSocket. Effect: the transport."""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """WebSocket whose handshake may be answered by an ordinary refusal, which is no fault of the application."""

    async def send(self, message: Any) -> None:
        """Send a message; the last one of a refusal completes the handshake."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True
