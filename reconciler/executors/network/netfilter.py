"""The wire format that the netfilter family of netlink shares: messages and attributes.

Pure.
"""

import struct
from collections.abc import Iterator

NETFILTER = 12
HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_NESTED = 0x8000


def message(kind: int, flags: int, family: int, body: bytes = b"") -> bytes:
    """Write one request."""
    payload = struct.pack("=BBH", family, 0, 0) + body
    return HEADER.pack(HEADER.size + len(payload), kind, flags, 1, 0) + payload


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Read a buffer as (type, payload) pairs."""
    offset = 0
    while offset + HEADER.size <= len(data):
        length, kind, _, _, _ = HEADER.unpack_from(data, offset)
        yield kind, data[offset + HEADER.size : offset + length]
        offset += max(HEADER.size, (length + 3) & ~3)


def attribute(kind: int, value: bytes) -> bytes:
    """Write one attribute."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + b"\0" * (-len(value) % 4)


def nested(kind: int, value: bytes) -> bytes:
    """Write one attribute that holds attributes."""
    return attribute(kind | _NESTED, value)


def attributes(data: bytes, limit: int = 64) -> Iterator[tuple[int, bytes]]:
    """Read at most `limit` attributes as (type, value) pairs."""
    offset = 0
    while offset + _ATTRIBUTE.size <= len(data) and limit:
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < _ATTRIBUTE.size:
            return
        yield kind & 0x3FFF, data[offset + _ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3
        limit -= 1
