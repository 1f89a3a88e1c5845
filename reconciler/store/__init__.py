"""State that outlives every process: objects with a change log, leases, observations, history; SQLite or PostgreSQL.

`Store` is the database, `Commit` one transaction as a value, `Index` the objects in memory.
"""

from reconciler.store.commit import Commit, Committed
from reconciler.store.errors import Gone
from reconciler.store.index import Index, View
from reconciler.store.objects import Objects
from reconciler.store.store import Store
from reconciler.store.values import (
    LEADER,
    ActionRecord,
    Binding,
    EventType,
    Lease,
    Logged,
    PlanRecord,
    RanPod,
    RevisionRecord,
    RevisionState,
    SideState,
    Snapshot,
)

__all__ = [
    "LEADER",
    "ActionRecord",
    "Binding",
    "Commit",
    "Committed",
    "EventType",
    "Gone",
    "Index",
    "Lease",
    "Logged",
    "Objects",
    "PlanRecord",
    "RanPod",
    "RevisionRecord",
    "RevisionState",
    "SideState",
    "Snapshot",
    "Store",
    "View",
]
