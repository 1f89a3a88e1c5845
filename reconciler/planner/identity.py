"""Names and uids that follow from content, so that the same input gives the same names for ever. Pure."""

import hashlib
import uuid

# Letters that upstream uses for generated names: no vowels and no look-alikes, so that no words arise.
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def object_uid(cluster: str, kind: str, namespace: str, name: str, incarnation: int) -> str:
    """Return the uid of one incarnation of a name: a UUIDv8 (RFC 9562) of its digest."""
    raw = bytearray(_hash("uid", cluster, kind, namespace, name, str(incarnation))[:16])
    raw[6] = (raw[6] & 0x0F) | 0x80
    raw[8] = (raw[8] & 0x3F) | 0x80
    return str(uuid.UUID(bytes=bytes(raw)))


def suffix(owner_uid: str, counter: int, length: int = 5) -> str:
    """Return the letters that end the name of an owner's n-th child."""
    return _letters(_hash("suffix", owner_uid, str(counter)), length)


def short_hash(text: str, collision: int = 0, length: int = 10) -> str:
    """Return letters that name a content, such as a Pod template; `collision` gives another name for the same text."""
    return _letters(_hash("short", text, str(collision)), length)


def _hash(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()


def _letters(raw: bytes, length: int) -> str:
    number = int.from_bytes(raw, "big")
    letters = []
    for _ in range(length):
        number, index = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[index])
    return "".join(letters)
