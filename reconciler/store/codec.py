"""Objects as bytes and back; Secrets sealed with AES-GCM.

What is sealed is bound to the name of its object, so that it cannot be put in another one's place. No message and no
exception of this module carries a value.
"""

import os
from collections.abc import Callable
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec.structs import replace

from reconciler.model.desired import Provenance
from reconciler.model.errors import ConfigurationError, TerminalError
from reconciler.model.kinds import KINDS, AnyObject
from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef

SEALED_KINDS = frozenset({"Secret"})
_NONCE = 12
_encode: Callable[[Any], bytes] = msgspec.json.Encoder(order="deterministic").encode
_decoders = {kind: msgspec.json.Decoder(spec.type) for kind, spec in KINDS.items()}
_provenance = msgspec.json.Decoder(Provenance)


def key_of(ref: ObjectRef) -> str:
    """Return the key of an object's row; `Kind/namespace/name`, in which none of the parts holds a slash."""
    return f"{ref.kind}/{ref.namespace}/{ref.name}"


def ref_from_key(key: str) -> ObjectRef:
    """Return the reference that a row's key stands for."""
    kind, namespace, name = key.split("/", 2)
    return ObjectRef(kind=kind, namespace=namespace, name=name)


def to_bytes(value: Any) -> bytes:
    """Encode a value as JSON; equal values give equal bytes."""
    return _encode(value)


def without_version(object: AnyObject) -> AnyObject:
    """Return the object as it is stored: its resourceVersion is that of its row."""
    if not object.metadata.resource_version:
        return object
    return replace(object, metadata=replace(object.metadata, resource_version=""))


def with_version(object: AnyObject, resource_version: int) -> AnyObject:
    """Return the object as readers see it."""
    return replace(object, metadata=replace(object.metadata, resource_version=str(resource_version)))


class Codec:
    """Turns objects into what the database holds and back, with one cluster's key."""

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise ConfigurationError(
                f"the key of the database has {len(key)} bytes, not 32",
                hint="use the key file that `reconciler init` made",
            )
        self._cipher = AESGCM(key)

    def seal(self, name: str, clear: bytes) -> bytes:
        """Encrypt bytes that belong to `name`."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, clear, name.encode())

    def unseal(self, name: str, sealed: bytes) -> bytes:
        """Decrypt what `seal` made for the same name; raise ConfigurationError when the key does not fit."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode())
        except InvalidTag:
            raise ConfigurationError(
                f"{name} in the database was not encrypted with this key, or was altered",
                reason="WrongKey",
                hint="restore the key file that belongs to this database",
            ) from None

    def encode_object(self, key: str, object: AnyObject) -> bytes:
        """Return the body of an object's row; raise TerminalError when it could not be read again.

        Values that are built in code are not checked against their types' limits. One that breaks them must fail the
        write that brings it, not every later start.
        """
        clear = _encode(without_version(object))
        try:
            _decoders[object.kind].decode(clear)
        except msgspec.ValidationError as error:
            raise TerminalError(f"{ref_from_key(key)} cannot be stored: {_cause(object.kind, error)}") from None
        return self.seal(key, clear) if object.kind in SEALED_KINDS else clear

    def decode_object(self, key: str, body: bytes, resource_version: int) -> AnyObject:
        """Return the object of a row."""
        kind, _, _ = key.partition("/")
        if kind in SEALED_KINDS:
            body = self.unseal(key, body)
        if kind not in _decoders:
            raise ConfigurationError(f"the database holds {key}, a kind that this version does not know")
        try:
            object: Any = _decoders[kind].decode(body)
        except msgspec.ValidationError as error:
            cause = _cause(kind, error)
            raise TerminalError(f"{ref_from_key(key)} in the database cannot be read: {cause}") from None
        return with_version(object, resource_version)

    def decode_row(self, row: Any) -> StoredObject:
        """Return the stored object of a row of `objects` or `changes`."""
        return StoredObject(
            ref=ref_from_key(row.key),
            object=self.decode_object(row.key, row.body, row.resource_version),
            manager=row.manager,
            provenance=None if row.provenance is None else _provenance.decode(row.provenance),
            digest=row.digest,
            incarnation=row.incarnation,
        )


def _cause(kind: str, error: msgspec.ValidationError) -> str:
    """What a message may say: nothing that could repeat a value of a sealed kind."""
    return "its content does not fit" if kind in SEALED_KINDS else str(error)
