"""What the API needs of the store: current objects with their change log, and history. Only protocols.

The store's Index and Store fit; so does a dictionary in a test.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.store.values import ActionRecord, Logged, PlanRecord, RevisionRecord


class Kinds(Protocol):
    """Every object of one moment; never changes."""

    def spaces(self, kind: str) -> Mapping[str, Mapping[str, StoredObject]]:
        """Return the objects of a kind by namespace and name."""
        ...

    def changed(self, states: Iterable[tuple[ObjectRef, StoredObject | None]]) -> "Kinds":
        """Return the objects with these new states; None takes one away."""
        ...


class Moment(Protocol):
    """One moment: whole transactions."""

    @property
    def resource_version(self) -> int:
        """The number of its newest change."""
        ...

    @property
    def objects(self) -> Kinds:
        """The objects as they were."""
        ...


class Objects(Protocol):
    """Current objects in memory; every method may be called from any thread."""

    @property
    def view(self) -> Moment:
        """The present moment, which stays as it is."""
        ...

    @property
    def resource_version(self) -> int:
        """The number of the newest change."""
        ...

    def get(self, ref: ObjectRef) -> StoredObject | None:
        """Return one object, or None."""
        ...

    def by_kind(self, kind: str) -> Iterable[StoredObject]:
        """Return the objects of a kind."""
        ...

    def subscribe(self, callback: Callable[[Sequence[Logged]], None]) -> Callable[[], None]:
        """Call `callback` (from any thread) with the changes of each transaction; return how to stop that."""
        ...

    def since(self, resource_version: int) -> Sequence[Logged]:
        """Return the changes after a number, oldest first; raise `Gone` where the log does not reach back so far."""
        ...


class History(Protocol):
    """What was read, planned and done; newest first."""

    def revisions(self, source: str = "", limit: int = 100) -> Sequence[RevisionRecord]:
        """Return what became of revisions."""
        ...

    def plans(self, limit: int = 100) -> Sequence[PlanRecord]:
        """Return plans."""
        ...

    def plan(self, id: str) -> PlanRecord | None:
        """Return one plan by (the beginning of) its id."""
        ...

    def actions(
        self, *, object: ObjectRef | None = None, node: str = "", plan: str = "", limit: int = 100
    ) -> Sequence[ActionRecord]:
        """Return actions with their outcomes."""
        ...
