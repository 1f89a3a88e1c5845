"""Connections that stop speaking HTTP: the application takes them over, or asks whether their client is still there.

Effect: the transport. An application that was asked for another protocol answers with `take_over(request, ...)`; it
stays inside every layer that judged the request, and the connection is closed when it returns.
"""

import asyncio
import select
from asyncio import BaseTransport, Transport
from collections.abc import Mapping
from typing import cast

import h11
from starlette.requests import HTTPConnection
from uvicorn.protocols.http.h11_impl import H11Protocol

_GONE = select.POLLRDHUP | select.POLLHUP | select.POLLERR | select.POLLNVAL


class UpgradingProtocol(H11Protocol):
    """HTTP/1.1 whose connection the application may take over, for a protocol that the client proposed."""

    def connection_made(self, transport: BaseTransport) -> None:
        """Offer every request of this connection the way out of HTTP."""
        connection = cast(Transport, transport)
        super().connection_made(connection)
        self.app_state = {**self.app_state, "take_over": self._take_over, "is_gone": lambda: _is_gone(connection)}

    def _take_over(
        self, protocol: str, headers: Mapping[str, str]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Answer the present request with 101 and hand the connection over."""
        lines = {"Connection": "Upgrade", "Upgrade": protocol, **headers}
        event = h11.InformationalResponse(status_code=101, headers=list(lines.items()), reason=b"Switching Protocols")
        head = self.conn.send(event)
        # For this server the request is over: nothing else is sent in its name, whatever the application says.
        self.cycle.disconnected = True
        self._unset_keepalive_if_required()
        reader = asyncio.StreamReader()
        taken = _Taken(reader, self)
        self.connections.discard(self)
        self.connections.add(taken)  # type: ignore[arg-type]
        self.transport.set_protocol(taken)
        taken.connection_made(self.transport)
        rest, _ = self.conn.trailing_data
        if rest:
            reader.feed_data(rest)
        self.flow.resume_reading()
        self.transport.write(head or b"")
        return reader, asyncio.StreamWriter(self.transport, taken, reader, self.loop)

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: the application answers what it is asked for."""


class _Taken(asyncio.StreamReaderProtocol):
    """The connection after HTTP; the server ends it when it stops."""

    def __init__(self, reader: asyncio.StreamReader, before: UpgradingProtocol) -> None:
        super().__init__(reader)
        self._before = before

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the server's list."""
        self._before.connections.discard(self)
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """End with the server."""
        self._before.transport.close()


def take_over(
    request: HTTPConnection, protocol: str, headers: Mapping[str, str]
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Answer a request with 101 Switching Protocols; return the connection's two directions."""
    taken: tuple[asyncio.StreamReader, asyncio.StreamWriter] = request.scope["state"]["take_over"](protocol, headers)
    return taken


def is_gone(connection: HTTPConnection) -> bool:
    """Whether the client has hung up, which a connection that is not read does not tell by itself."""
    ask = connection.scope.get("state", {}).get("is_gone")
    return ask is not None and bool(ask())


def _is_gone(transport: Transport) -> bool:
    sock = transport.get_extra_info("socket")
    if transport.is_closing() or sock is None:
        return True
    poller = select.poll()
    poller.register(sock.fileno(), select.POLLRDHUP)
    return any(happened & _GONE for _, happened in poller.poll(0))
