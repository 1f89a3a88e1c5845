"""Which ports of this host programs listen on. Effect: reads the kernel's tables of sockets."""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

# The state of a TCP socket that listens, and of a UDP socket that is bound and not connected.
_TABLES = (("TCP", "tcp", "0A"), ("TCP", "tcp6", "0A"), ("UDP", "udp", "07"), ("UDP", "udp6", "07"))
_EVERYWHERE = "0" * 32


def listening_ports(proc: Path = Path("/proc")) -> tuple[str, ...]:
    """Return `PROTOCOL/PORT/ADDRESS` of every socket that waits for others; no address: it listens on all of them."""
    found = (one for protocol, file, state in _TABLES for one in _bound(proc / "net" / file, protocol, state))
    return tuple(sorted(set(found)))


def _bound(table: Path, protocol: str, state: str) -> Iterator[str]:
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:
        # A kernel without that family, or one that does not show it.
        return
    for words in (line.split() for line in lines):
        address, _, port = words[1].partition(":")
        if words[3] == state:
            yield f"{protocol}/{int(port, 16)}/{_address(address)}"


def _address(text: str) -> str:
    """Return an address of IPv4 as people write it, nothing for all addresses, and other ones as the kernel does."""
    if text == _EVERYWHERE[: len(text)]:
        return ""
    return socket.inet_ntoa(struct.pack("<I", int(text, 16))) if len(text) == 8 else text
