"""Names a value by its content, for comparing what is on a host with what should be.

Pure. Quicker than the canonical digest and not meant to last: when a later version of the product names the same
content differently, it is only written once more.
"""

import hashlib

import msgspec

_ENCODER = msgspec.json.Encoder(order="deterministic")


def fingerprint(*parts: object) -> str:
    """Return a short digest of `parts`."""
    return hashlib.blake2b(_ENCODER.encode(parts), digest_size=16).hexdigest()
