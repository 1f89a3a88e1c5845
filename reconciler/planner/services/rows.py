"""What Services were given from the cluster's pools: cluster addresses, node ports, addresses of load balancers. Pure.

Every value is one row, written once, and of one pool no value is given twice. A row outlives its Service, so that one
that is made anew gets what it had; where somebody else needs the value by then, the row goes.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Self

from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.planner.view import View

CLUSTER_IP, NODE_PORT, LOAD_BALANCER = "clusterip", "nodeport", "loadbalancer"
_POOLS = (CLUSTER_IP, NODE_PORT, LOAD_BALANCER)


def row_key(pool: str, ref: ObjectRef, name: str = "") -> str:
    """Return the key of a row; `name` tells apart what one Service has several of."""
    return "/".join((pool, ref.namespace, ref.name, *((name,) if name else ())))


class _Stored:
    """The stored rows, by Service and by value; kept from pass to pass, since they are many and seldom others."""

    def __init__(self) -> None:
        self.of: dict[str, dict[str, str]] = {}
        self.holders: dict[tuple[str, str], str] = {}
        self._made_from: Mapping[str, str] | None = None

    def as_in(self, allocations: Mapping[str, str]) -> Self:
        """Return itself, made anew when these are not the rows that it was made from."""
        if self._made_from is not allocations and self._made_from != allocations:
            self.of, self.holders = {}, {}
            for key, value in allocations.items():
                pool = key.partition("/")[0]
                if pool in _POOLS and value:
                    self.of.setdefault(row_key(pool, _ref_of(key)), {})[key] = value
                    self.holders[pool, value] = key
        self._made_from = allocations
        return self


class Rows:
    """The rows of this pass: those that are stored, with what was given and taken since."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._stored = view.memo.kept("stored rows of services", _Stored).as_in(view.observed.allocations)
        # What differs from what is stored: all rows of a Service, and who has a value (None: nobody).
        self._of: dict[str, dict[str, str]] = {}
        self._holders: dict[tuple[str, str], str | None] = {}

    def of(self, pool: str, ref: ObjectRef) -> dict[str, str]:
        """Return the rows of a Service: key → value."""
        name = row_key(pool, ref)
        own = self._of.get(name)
        return dict(self._stored.of.get(name, {}) if own is None else own)

    def holder(self, pool: str, value: str) -> ObjectRef | None:
        """Return the Service that has a value; None when nobody has, or a Service that is gone."""
        key = self._key_with(pool, value)
        ref = None if key is None else _ref_of(key)
        return ref if ref is not None and self._view.get(ref) is not None else None

    def take(self, key: str, value: str) -> None:
        """Give a value; nobody holds it, see `holder`."""
        pool = key.partition("/")[0]
        former = self._key_with(pool, value)
        if former == key:
            return
        if former is not None:
            self.release(former)
        self._forget(key)
        self._note(key, value)
        self._view.allocations[key] = value
        self._view.keep_awake()

    def release(self, key: str) -> None:
        """Take a value back."""
        self._forget(key)
        self._view.allocations[key] = ""
        self._view.keep_awake()

    def release_others(self, pool: str, ref: ObjectRef, kept: Iterable[str]) -> None:
        """Take back what a Service has in a pool and needs no longer."""
        for key in sorted(self.of(pool, ref).keys() - set(kept)):
            self.release(key)

    def first_free(self, pool: str, candidates: Callable[[], Iterable[str]]) -> str:
        """Return the first candidate that nobody was given, else the first of a Service that is gone; or nothing."""
        for value in candidates():
            if self._key_with(pool, value) is None:
                return value
        return next((value for value in candidates() if self.holder(pool, value) is None), "")

    def _key_with(self, pool: str, value: str) -> str | None:
        pair = (pool, value)
        return self._holders[pair] if pair in self._holders else self._stored.holders.get(pair)

    def _note(self, key: str, value: str) -> None:
        pool, own = self._own(key)
        own[key] = value
        self._holders[pool, value] = key

    def _forget(self, key: str) -> None:
        pool, own = self._own(key)
        value = own.pop(key, "")
        if self._key_with(pool, value) == key:
            self._holders[pool, value] = None

    def _own(self, key: str) -> tuple[str, dict[str, str]]:
        """Return the pool of a row, and this pass's own rows of its Service in that pool."""
        pool, ref = key.partition("/")[0], _ref_of(key)
        name = row_key(pool, ref)
        if name not in self._of:
            self._of[name] = self.of(pool, ref)
        return pool, self._of[name]


def probing(key: str, size: int) -> Iterator[int]:
    """Go through all indexes below `size`, from one that follows from a key."""
    start = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
    return ((start + step) % size for step in range(max(size, 0)))


def rows_of(view: View) -> Rows:
    """Return the rows of this pass."""
    rows: Rows = view.kept_for_pass("rows of services", lambda: Rows(view))
    return rows


def has_row(view: View, pool: str, stored: StoredObject, value: str, names: Iterable[str]) -> bool:
    """Whether a Service was given a value under one of these names; asks for no more than these rows."""
    keys = [row_key(pool, stored.ref, name) for name in names]
    return any(view.allocations.get(key, view.observed.allocations.get(key, "")) == value for key in keys)


def _ref_of(key: str) -> ObjectRef:
    _, namespace, name, *_ = key.split("/")
    return ObjectRef(kind="Service", namespace=namespace, name=name)
