"""Uids of objects that come without one: written through the API, or Events. Pure.

Everything that is planned has its uid from the planner, by the same rule.
"""

import hashlib
import uuid

from reconciler.model.refs import ObjectRef


def make_uid(cluster_id: str, ref: ObjectRef, incarnation: int) -> str:
    """Return the uid of one incarnation of a name: a UUIDv8 (RFC 9562) of its digest."""
    text = "\0".join(("uid", cluster_id, ref.kind, ref.namespace, ref.name, str(incarnation)))
    raw = bytearray(hashlib.sha256(text.encode()).digest()[:16])
    raw[6] = (raw[6] & 0x0F) | 0x80
    raw[8] = (raw[8] & 0x3F) | 0x80
    return str(uuid.UUID(bytes=bytes(raw)))
