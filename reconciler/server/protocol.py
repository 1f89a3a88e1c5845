"""One connection of a client: tells the application who is at its other end. Effect: reads the transport."""

from asyncio import BaseTransport, Transport
from typing import cast

from uvicorn.protocols.http.h11_impl import H11Protocol

from reconciler.server.peer import peer_of_transport


class PeerProtocol(H11Protocol):
    """Tells the application who connected, and how to abort a connection whose reader has stopped reading."""

    def connection_made(self, transport: BaseTransport) -> None:
        """Note the peer's credentials for every request of this connection."""
        connection = cast(Transport, transport)
        super().connection_made(connection)
        self.app_state = {**self.app_state, "peer": peer_of_transport(transport), "abort": connection.abort}
