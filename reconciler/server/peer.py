"""Who is at the other end of a connection. Effect: reads the socket's credentials.

The daemon's own user and root may do everything; others, let in by the socket's group, read without the values of
Secrets, validate, plan and push.
"""

import os
import socket
import struct
from asyncio import BaseTransport
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from reconciler.server.errors import ApiError

_CREDENTIALS = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Peer:
    """The process that connected, as the kernel vouches for it; None where it is not known."""

    pid: int | None = None
    uid: int | None = None
    gid: int | None = None

    @property
    def is_operator(self) -> bool:
        """Whether this is root or the daemon's own user."""
        return self.uid is not None and self.uid in (0, os.geteuid())


UNKNOWN = Peer()


def peer_of_transport(transport: BaseTransport) -> Peer:
    """Return the peer of a connection; of anything but a Unix socket nothing is known."""
    connection = transport.get_extra_info("socket")
    if connection is None or connection.family != socket.AF_UNIX:
        return UNKNOWN
    return credentials_of(connection)


def certificate_of_transport(transport: BaseTransport) -> bytes | None:
    """Return the client certificate (DER) that the TLS handshake has verified, or None without one."""
    connection = transport.get_extra_info("ssl_object")
    found: bytes | None = None if connection is None else connection.getpeercert(binary_form=True)
    return found


def credentials_of(connection: socket.socket) -> Peer:
    """Return what the kernel says of the process at the other end of a Unix socket."""
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(packed)
    return Peer(pid=pid, uid=uid, gid=gid)


def peer_of(connection: HTTPConnection) -> Peer:
    """Return who sent a request."""
    peer = connection.scope.get("state", {}).get("peer", UNKNOWN)
    assert isinstance(peer, Peer)
    return peer


def name_of(peer: Peer) -> str:
    """Return how history names a person: `uid 1000`."""
    return "unknown" if peer.uid is None else f"uid {peer.uid}"


def require_operator(connection: HTTPConnection, what: str) -> Peer:
    """Return the peer, or refuse: only root and the daemon's own user may do `what`."""
    peer = peer_of(connection)
    if not peer.is_operator:
        raise ApiError(403, f"{name_of(peer)} may not {what}: only root and the daemon's own user may")
    return peer
