"""ARP for addresses that hosts take over from each other: who has one already, and telling who has it now.

Effect: packets on one link. Nothing authenticates them.
"""

import contextlib
import socket
import struct
import time
from collections.abc import Iterable, Iterator

from reconciler.model.errors import ConfigurationError, TransientError

_BROADCAST, _NOBODY = b"\xff" * 6, b"\0" * 6
_ETHERTYPE_ARP = 0x0806
_ETHERNET, _ARP = struct.Struct("!6s6sH"), struct.Struct("!HHBBH6s4s6s4s")
_REQUEST, _ANSWER = 1, 2
_PROBES, _PAUSE_S = 3, 0.1


@contextlib.contextmanager
def link_door(link: str) -> Iterator[socket.socket]:
    """Give a socket for the ARP of a link; what goes wrong with it is an error in our words."""
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC) as door:
            door.bind((link, _ETHERTYPE_ARP))
            yield door
    except PermissionError as error:
        raise ConfigurationError(
            "addresses of load balancers cannot be announced: sockets of AF_PACKET are not permitted",
            hint="the service needs CAP_NET_RAW and AF_PACKET among RestrictAddressFamilies",
        ) from error
    except OSError as error:
        raise TransientError(f"addresses cannot be announced on {link}: {error}", reason="Announce") from error


def announcements(hardware_address: str, address: str) -> tuple[bytes, bytes]:
    """Return the frames that tell everybody on a link who holds an address: ARP as a request, and as an answer."""
    own, packed = _octets(hardware_address), socket.inet_aton(address)
    return _frame(own, _REQUEST, packed, _NOBODY, packed), _frame(own, _ANSWER, packed, _BROADCAST, packed)


def holders(
    door: socket.socket, hardware_address: str, addresses: Iterable[str], peers: Iterable[str]
) -> dict[str, str]:
    """Return addresses that other hosts answer for, with their hardware address: a probe as by RFC 5227, but shorter.

    Hosts of the cluster, which are asked for by their own addresses, do not count: one of them may not have heard yet
    that it is no longer the one. It takes 0.3 s, and 0.1 s more where anybody answers.
    """
    own = _octets(hardware_address)
    found = _answers(door, own, frozenset(addresses), _PROBES)
    if not found:
        return {}
    ours = {sender for _, sender in _answers(door, own, frozenset(peers), 1)}
    return {address: sender.hex(":") for address, sender in sorted(found) if sender not in ours}


def _answers(door: socket.socket, own: bytes, addresses: frozenset[str], probes: int) -> set[tuple[str, bytes]]:
    found: set[tuple[str, bytes]] = set()
    for _ in range(probes):
        for address in sorted(addresses):
            # Without an address of our own in it nobody's memory is changed by asking.
            door.send(_frame(own, _REQUEST, bytes(4), _NOBODY, socket.inet_aton(address)))
        until = time.monotonic() + _PAUSE_S
        while (left := until - time.monotonic()) > 0:
            door.settimeout(left)
            with contextlib.suppress(TimeoutError):
                address, sender = _sender(door.recv(2048))
                if address in addresses and sender != own:
                    found.add((address, sender))
    door.settimeout(None)
    return found


def _sender(frame: bytes) -> tuple[str, bytes]:
    """Return who says in a frame that they have which address."""
    if len(frame) < _ETHERNET.size + _ARP.size:
        return "", b""
    *_, sender, address, _, _ = _ARP.unpack_from(frame, _ETHERNET.size)
    return socket.inet_ntoa(address), sender


def _frame(own: bytes, operation: int, sender: bytes, target_host: bytes, target: bytes) -> bytes:
    ethernet = _ETHERNET.pack(_BROADCAST, own, _ETHERTYPE_ARP)
    return ethernet + _ARP.pack(1, 0x0800, 6, 4, operation, own, sender, target_host, target)


def _octets(hardware_address: str) -> bytes:
    return bytes.fromhex(hardware_address.replace(":", ""))
