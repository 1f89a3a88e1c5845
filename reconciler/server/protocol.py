"""One connection of a client: who is at its other end, and how long it may take to ask. Effect: the transport."""

import asyncio
from asyncio import BaseTransport, Transport
from typing import Any, cast

import h11

from reconciler.server.limits import Limits
from reconciler.server.peer import certificate_of_transport, peer_of_transport
from reconciler.server.upgrade import UpgradingProtocol


class PeerProtocol(UpgradingProtocol):
    """Tells the application who connected, and how to abort a connection whose reader has stopped reading.

    A client that does not finish what it began to send is dropped: the head of a request has one deadline, the whole
    of it another. What an upgraded connection carries is no longer watched here.
    """

    def __init__(self, config: Any, server_state: Any, app_state: dict[str, Any], _loop: Any = None) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits: Limits = config.loaded_app.state.limits
        self._awaited: object = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Note the peer's credentials for every request of this connection."""
        connection = cast(Transport, transport)
        super().connection_made(connection)
        self.app_state = {
            **self.app_state,
            "peer": peer_of_transport(transport),
            "certificate": certificate_of_transport(transport),
            "abort": connection.abort,
        }
        self._await(h11.IDLE, self._limits.header_deadline_s)

    def data_received(self, data: bytes) -> None:
        """Take what came, and note what is missing of the request."""
        super().data_received(data)
        if self.transport.get_protocol() is self:
            self._watch()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection over."""
        self.stop_watching()
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """End with the connection."""
        self.stop_watching()
        super().connection_lost(exc)

    def stop_watching(self) -> None:
        """No longer drop this connection for what its client does not send."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._awaited = self._deadline = None

    def _watch(self) -> None:
        """Keep the deadline of what the client is sending; without any, a connection between requests may rest."""
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            self._await(state, self._limits.request_deadline_s)
        elif state is h11.IDLE and self.conn.trailing_data[0]:
            self._await(state, self._limits.header_deadline_s)
        else:
            self.stop_watching()

    def _await(self, what: object, within_s: float) -> None:
        if self._awaited is what:
            return
        self.stop_watching()
        self._awaited = what
        self._deadline = self.loop.call_later(within_s, self.transport.abort)
