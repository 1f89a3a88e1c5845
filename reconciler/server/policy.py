"""The access policy of this moment, made from the stored roles and bindings whenever one of them changes.

Reading it is reading an attribute: no lock, no SQL. It is made anew in the thread that wrote, so that a change holds
for the first request after it. The built-in roles hold where no object of their name is stored.
"""

import threading
from collections.abc import Callable, Iterator, Sequence

from reconciler.model.kinds import AnyObject, ref_of
from reconciler.planner.access.authorize import AccessPolicy, make_policy
from reconciler.planner.access.roles import DEFAULTS
from reconciler.server.reads import Objects
from reconciler.store.values import Logged

_KINDS = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")


class CurrentPolicy:
    """Follows the roles and bindings of an index."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._lock = threading.Lock()
        self._unsubscribe: Callable[[], None] | None = None
        self.policy: AccessPolicy = make_policy(self._present())

    def open(self) -> None:
        """Start following; opening it twice is opening it once."""
        if self._unsubscribe is None:
            self._unsubscribe = self._objects.subscribe(self._on_changes)
            self._make()

    def close(self) -> None:
        """Stop following; the last policy stays."""
        unsubscribe, self._unsubscribe = self._unsubscribe, None
        if unsubscribe is not None:
            unsubscribe()

    def _on_changes(self, changes: Sequence[Logged]) -> None:
        if any(entry.stored.ref.kind in _KINDS for entry in changes):
            self._make()

    def _make(self) -> None:
        # The lock is only between writers: the one that comes last has seen what is newest.
        with self._lock:
            self.policy = make_policy(self._present())

    def _present(self) -> Iterator[AnyObject]:
        stored = [one.object for kind in _KINDS for one in self._objects.by_kind(kind)]
        taken = {ref_of(one) for one in stored}
        yield from stored
        yield from (one for one in DEFAULTS if ref_of(one) not in taken)
