"""Forgets connections that the kernel tracks to addresses that no longer serve.

Effect. Without this a UDP client that keeps its port stays bound to a removed endpoint for as long as it keeps sending.
One walk over the kernel's table takes about 10 ms whatever it finds, so one walk serves many addresses. The kernel
filters while it walks (Linux 5.8); what it returns is compared again, so that an older kernel is only slower.
"""

import errno
import logging
import socket
import struct
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from reconciler.executors.network.netfilter import (
    NETFILTER,
    attribute,
    attributes,
    message,
    messages,
    nested,
)
from reconciler.executors.network.netlink import ACK, DUMP, REQUEST, NetlinkError
from reconciler.model.errors import DeadlineError, ReconcilerError

logger = logging.getLogger(__name__)

UDP = 17

_GET, _DELETE = 0x0101, 0x0102
_ERROR, _DONE = 2, 3
_TUPLE_ORIGINAL, _TUPLE_REPLY, _ID, _ZONE, _FILTER = 1, 2, 12, 18, 25
_BY_SOURCE, _BY_PROTOCOL = 1 << 0, 1 << 3
_FEW = 2


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction of a connection."""

    source: str
    destination: str
    protocol: int
    destination_port: int


@dataclass(frozen=True, slots=True)
class Filter:
    """What the kernel itself sorts out: a protocol, and a source in one of the directions."""

    protocol: int = 0
    original_source: str = ""
    reply_source: str = ""


Matches = Callable[[Direction, Direction], bool]


def forget_udp(matches: Matches) -> int:
    """Forget the UDP connections whose (original, reply) directions match; return how many."""
    return _forget(Filter(protocol=UDP), matches)


def forget_addresses(addresses: Collection[str]) -> int:
    """Forget every connection from, to, or led to any of these addresses; return how many."""

    def touches(original: Direction, reply: Direction) -> bool:
        return original.source in addresses or reply.source in addresses or original.destination in addresses

    if len(addresses) > _FEW:
        return _forget(Filter(), touches)
    filters = [
        each for address in addresses for each in (Filter(original_source=address), Filter(reply_source=address))
    ]
    return sum(_forget(each, touches) for each in filters)


class Sweeper:
    """Forgets the connections of addresses in a thread of its own; many addresses share one walk."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._addresses: set[str] = set()
        self._running = False

    def forget(self, address: str) -> None:
        """Forget an address's connections soon."""
        with self._lock:
            self._addresses.add(address)
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._sweep, name="conntrack", daemon=True).start()

    def keep(self, address: str) -> None:
        """Leave an address alone: it belongs to somebody again."""
        with self._lock:
            self._addresses.discard(address)

    def _sweep(self) -> None:
        while True:
            with self._lock:
                taken, self._addresses = self._addresses, set()
                if not taken:
                    self._running = False
                    return
            try:
                forget_addresses(frozenset(taken))
            except (ReconcilerError, OSError) as error:
                logger.warning("tracked connections could not be forgotten: %s", error)
            except Exception:
                # A bug here must not end the sweeping for good.
                logger.exception("forgetting tracked connections crashed")


def _forget(filter_: Filter, matches: Matches) -> int:
    door = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETFILTER)
    with door:
        door.bind((0, 0))
        door.settimeout(5.0)
        try:
            found = [entry for entry in _list(door, filter_) if _is_meant(entry, matches)]
            return sum(_delete(door, entry) for entry in found)
        except TimeoutError as error:
            raise DeadlineError("the kernel did not answer about tracked connections") from error


def _list(door: socket.socket, filter_: Filter) -> Iterator[dict[int, bytes]]:
    _send(door, _GET, DUMP, _encoded(filter_))
    while True:
        data = door.recv(1 << 18)
        for kind, payload in messages(data):
            if kind == _DONE:
                return
            if kind == _ERROR:
                raise NetlinkError("cannot list tracked connections", -struct.unpack_from("=i", payload)[0])
            yield dict(attributes(payload[4:]))


def _is_meant(entry: dict[int, bytes], matches: Matches) -> bool:
    original, reply = _direction(entry.get(_TUPLE_ORIGINAL)), _direction(entry.get(_TUPLE_REPLY))
    return original is not None and reply is not None and matches(original, reply)


def _delete(door: socket.socket, entry: dict[int, bytes]) -> int:
    body = nested(_TUPLE_ORIGINAL, entry[_TUPLE_ORIGINAL])
    for kind in (_ZONE, _ID):
        if kind in entry:
            body += attribute(kind, entry[kind])
    _send(door, _DELETE, ACK, body)
    for kind, payload in messages(door.recv(1 << 16)):
        if kind == _ERROR:
            number = -struct.unpack_from("=i", payload)[0]
            if number in (0, errno.ENOENT):
                return int(number == 0)
            raise NetlinkError("cannot forget a tracked connection", number)
    raise NetlinkError("cannot forget a tracked connection", errno.EIO)


def _send(door: socket.socket, kind: int, flags: int, body: bytes) -> None:
    door.send(message(kind, REQUEST | flags, socket.AF_INET, body))


def _encoded(filter_: Filter) -> bytes:
    original = reply = 0
    body = b""
    addresses = protocol = b""
    if filter_.original_source:
        original |= _BY_SOURCE
        addresses = nested(1, attribute(1, socket.inet_aton(filter_.original_source)))
    if filter_.protocol:
        original |= _BY_PROTOCOL
        protocol = nested(2, attribute(1, bytes([filter_.protocol])))
    if original:
        body += nested(_TUPLE_ORIGINAL, addresses + protocol)
    if filter_.reply_source:
        reply |= _BY_SOURCE
        body += nested(_TUPLE_REPLY, nested(1, attribute(1, socket.inet_aton(filter_.reply_source))))
    if not body:
        return b""
    flags = attribute(1, struct.pack("=I", original)) + attribute(2, struct.pack("=I", reply))
    return nested(_FILTER, flags) + body


def _direction(encoded: bytes | None) -> Direction | None:
    parts = dict(attributes(encoded or b""))
    addresses, protocol = dict(attributes(parts.get(1, b""))), dict(attributes(parts.get(2, b"")))
    if len(addresses.get(1, b"")) != 4 or len(addresses.get(2, b"")) != 4:
        return None
    return Direction(
        source=socket.inet_ntoa(addresses[1]),
        destination=socket.inet_ntoa(addresses[2]),
        protocol=protocol.get(1, b"\0")[0],
        destination_port=int.from_bytes(protocol.get(3, b""), "big"),
    )
