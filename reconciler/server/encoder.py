"""Stored objects as JSON text, each encoded once: lists and all watches share the bytes.

What is kept hangs on the StoredObject itself: a changed object is another one, and the bytes of one that nobody holds
go with it. May be used from any thread.
"""

import threading
import weakref
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from reconciler.model.base import to_builtins
from reconciler.model.conversions import from_kept
from reconciler.model.observed import StoredObject
from reconciler.server.negotiation import Include, Shape, Wanted
from reconciler.server.tables import Row, columns_json, row_of
from reconciler.server.wire import document, encode

T = TypeVar("T", bytes, Row)
KEPT_BYTES = 96 * 1024 * 1024
_OVERHEAD = 200
_KEEPS_VALUES = "Secret"


class _Kept:
    """What was encoded of one object."""

    __slots__ = ("forms", "ref", "size")

    def __init__(self, ref: "weakref.ref[StoredObject]") -> None:
        self.ref = ref
        self.forms: dict[tuple[str, bool], bytes | Row] = {}
        self.size = 0


class Encoder:
    """Encodes objects and remembers how, up to a number of bytes; beyond it the oldest are forgotten first."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept: dict[int, _Kept] = {}
        self._limit = kept_bytes
        self._size = 0
        self._lock = threading.RLock()

    @property
    def kept_bytes(self) -> int:
        """How much is kept by now, about."""
        return self._size

    def shaped(self, stored: StoredObject, wanted: Wanted, *, reveal: bool) -> bytes:
        """Return an object by itself, whole or as metadata only."""
        if wanted.shape is Shape.WHOLE:
            return self.whole(stored, reveal=reveal, api_version=wanted.api_version)
        return self.partial(stored, wanted, reveal=reveal)

    def whole(self, stored: StoredObject, *, reveal: bool, api_version: str = "") -> bytes:
        """Return the object, in another version than the one that is kept where that is asked for."""
        form = f"whole {api_version}"
        return self._once(stored, form, reveal, lambda shown: encode(_in_version(stored, shown, api_version)))

    def partial(self, stored: StoredObject, wanted: Wanted, *, reveal: bool) -> bytes:
        """Return the object's PartialObjectMetadata."""
        return self._once(stored, wanted.meta_version, reveal, lambda shown: _partial(stored, wanted, shown))

    def row(self, stored: StoredObject, wanted: Wanted, now: float, *, reveal: bool) -> bytes:
        """Return the object's row in a table."""
        return b"".join(self.full_row(stored, wanted, reveal=reveal).pieces(now))

    def full_row(self, stored: StoredObject, wanted: Wanted, *, reveal: bool) -> Row:
        """Return the object's row with what stands beside it, its ages still open."""
        form = f"{wanted.include} {wanted.meta_version} {wanted.api_version}"
        return self._once(stored, form, reveal, lambda shown: self._row(stored, wanted, shown))

    def _row(self, stored: StoredObject, wanted: Wanted, reveal: bool) -> Row:
        match wanted.include:
            case Include.NONE:
                beside = b"null"
            case Include.OBJECT:
                beside = encode(_in_version(stored, reveal, wanted.api_version))
            case Include.METADATA:
                beside = _partial(stored, wanted, reveal)
        return row_of(stored.object, beside)

    def _once(self, stored: StoredObject, form: str, reveal: bool, make: Callable[[bool], T]) -> T:
        # Only what can hide a value differs between users; everything else is shared by all.
        shown = reveal or stored.ref.kind != _KEEPS_VALUES
        kept = self._kept.get(id(stored))
        if kept is not None:
            found = kept.forms.get((form, shown))
            if found is not None:
                return cast(T, found)
        made = make(shown)
        self._keep(stored, (form, shown), made)
        return made

    def _keep(self, stored: StoredObject, key: tuple[str, bool], made: bytes | Row) -> None:
        identity, size = id(stored), _size(made)
        with self._lock:
            kept = self._kept.get(identity)
            if kept is None:
                kept = self._kept[identity] = _Kept(weakref.ref(stored, lambda _: self._forget(identity)))
            if key in kept.forms:
                return
            kept.forms[key] = made
            kept.size += size
            self._size += size
            while self._size > self._limit and self._kept:
                self._forget(next(iter(self._kept)))

    def _forget(self, identity: int) -> None:
        with self._lock:
            kept = self._kept.pop(identity, None)
            if kept is not None:
                self._size -= kept.size


def _in_version(stored: StoredObject, reveal: bool, api_version: str) -> Mapping[str, Any]:
    shown = document(stored, reveal=reveal)
    return from_kept(shown, api_version) if api_version else shown


def _size(made: bytes | Row) -> int:
    return _OVERHEAD + (len(made) if isinstance(made, bytes) else sum(map(len, made.texts)))


def _partial(stored: StoredObject, wanted: Wanted, reveal: bool) -> bytes:
    head = b'{"kind":"PartialObjectMetadata","apiVersion":"%s","metadata":' % wanted.meta_version.encode()
    return head + _metadata(stored, reveal) + b"}"


def _metadata(stored: StoredObject, reveal: bool) -> bytes:
    if stored.ref.kind == _KEEPS_VALUES and not reveal:
        return encode(document(stored, reveal=False).get("metadata", {}))
    return encode(to_builtins(stored.object.metadata))


def table_head(kind: str, wanted: Wanted, metadata: bytes, *, columns: bool = True) -> bytes:
    """Return a table up to its first row."""
    head = b'{"kind":"Table","apiVersion":"%s","metadata":' % wanted.meta_version.encode()
    return b"".join(
        (head, metadata, b',"columnDefinitions":', columns_json(kind) if columns else b"null", b',"rows":[')
    )
