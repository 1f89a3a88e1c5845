"""What Services were given from the cluster's pools: cluster addresses, node ports, addresses of load balancers. Pure.

Every value is one row, written once, and of one pool no value is given twice. A row outlives its Service, so that one
that is made anew gets what it had; where somebody else needs the value by then, the row goes.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator

from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.planner.view import View

CLUSTER_IP, NODE_PORT, LOAD_BALANCER = "clusterip", "nodeport", "loadbalancer"
_POOLS = (CLUSTER_IP, NODE_PORT, LOAD_BALANCER)


def row_key(pool: str, ref: ObjectRef, name: str = "") -> str:
    """Return the key of a row; `name` tells apart what one Service has several of."""
    return "/".join((pool, ref.namespace, ref.name, *((name,) if name else ())))


class Rows:
    """The rows of this pass: those that are stored, with what was given and taken since."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._of: dict[str, dict[str, str]] = {}
        self._holders: dict[tuple[str, str], str] = {}
        for key, value in view.observed.allocations.items():
            self._note(key, value)

    def of(self, pool: str, ref: ObjectRef) -> dict[str, str]:
        """Return the rows of a Service: key → value."""
        return dict(self._of.get(row_key(pool, ref), {}))

    def holder(self, pool: str, value: str) -> ObjectRef | None:
        """Return the Service that has a value; None when nobody has, or a Service that is gone."""
        key = self._holders.get((pool, value))
        ref = None if key is None else _ref_of(key)
        return ref if ref is not None and self._view.get(ref) is not None else None

    def take(self, key: str, value: str) -> None:
        """Give a value; nobody holds it, see `holder`."""
        pool = key.partition("/")[0]
        former = self._holders.get((pool, value))
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
            if (pool, value) not in self._holders:
                return value
        return next((value for value in candidates() if self.holder(pool, value) is None), "")

    def _note(self, key: str, value: str) -> None:
        pool = key.partition("/")[0]
        if pool in _POOLS and value:
            ref = _ref_of(key)
            self._of.setdefault(row_key(pool, ref), {})[key] = value
            self._holders[pool, value] = key

    def _forget(self, key: str) -> None:
        pool = key.partition("/")[0]
        rows = self._of.get(row_key(pool, _ref_of(key)), {})
        value = rows.pop(key, "")
        if self._holders.get((pool, value)) == key:
            del self._holders[pool, value]


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
