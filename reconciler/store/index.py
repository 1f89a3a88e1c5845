"""The index: the store's objects in memory, kept up to date from its change log, and what followed any recent number.

Thread-safe. Readers take a View, which is one moment and never changes; a commit becomes visible whole. Commits of this
process arrive at once; those of other daemons with `poll`. The numbers of the log have no holes, so a hole says that
somebody else's commit comes first, and it is read from the store.
"""

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.model.kinds import Event
from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.store.commit import Committed
from reconciler.store.errors import Gone
from reconciler.store.objects import Objects
from reconciler.store.store import Store
from reconciler.store.values import EventType, Logged, SideState, Snapshot

RING = 10_000
_PAGE = 2_000
Subscriber = Callable[[tuple[Logged, ...]], None]


@dataclass(frozen=True, slots=True)
class View:
    """One moment of the store: whole commits. The small tables are at least as new as the objects."""

    resource_version: int = 0
    objects: Objects = field(default_factory=Objects)
    tombstones: Mapping[ObjectRef, int] = field(default_factory=dict)
    side: SideState = field(default_factory=SideState)


class Index:
    """A thread-safe view of a store's objects."""

    def __init__(self, store: Store, *, ring: int = RING) -> None:
        self._store = store
        self._ring_size = ring
        self._ring: list[Logged] = []
        self._lock = threading.RLock()
        self._subscribers: dict[int, Subscriber] = {}
        self._next_subscriber = 0
        snapshot = store.snapshot()
        self._side_version = snapshot.side_version
        self._view = _view_of(snapshot)
        self._ring_floor = snapshot.resource_version
        store.on_commit(self._apply_committed)
        self.poll()

    # --- reading: no lock, one attribute is one moment ---

    @property
    def view(self) -> View:
        """The present moment, which stays as it is."""
        return self._view

    @property
    def objects(self) -> Objects:
        """Every object, as a mapping that stays as it is."""
        return self._view.objects

    @property
    def resource_version(self) -> int:
        """The number up to which this index knows the log."""
        return self._view.resource_version

    @property
    def tombstones(self) -> Mapping[ObjectRef, int]:
        """The last incarnation of each deleted name."""
        return self._view.tombstones

    @property
    def side(self) -> SideState:
        """Allocations, acknowledgements, sources and overrides."""
        return self._view.side

    def get(self, ref: ObjectRef) -> StoredObject | None:
        """Return one object, or None."""
        return self._view.objects.get(ref)

    def by_kind(self, kind: str) -> tuple[StoredObject, ...]:
        """Return the objects of a kind."""
        return tuple(self._view.objects.by_kind(kind))

    def by_namespace(self, kind: str, namespace: str) -> tuple[StoredObject, ...]:
        """Return the objects of a kind in one namespace."""
        return tuple(self._view.objects.by_namespace(kind, namespace))

    # --- following ---

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Have every batch of changes given to `callback`, whole commits in order; return how to stop it.

        It is called in the thread that wrote or polled, after the batch is visible. It must be quick and must not
        write to the store.
        """
        with self._lock:
            number = self._next_subscriber
            self._next_subscriber += 1
            self._subscribers[number] = callback

        def unsubscribe() -> None:
            with self._lock:
                self._subscribers.pop(number, None)

        return unsubscribe

    def since(self, resource_version: int) -> tuple[Logged, ...]:
        """Return what followed a number, up to now: from memory, else from the store's log.

        Raises Gone when neither reaches back, or when the number is none of this store's.
        """
        if resource_version > self.resource_version:
            self.poll()
        with self._lock:
            view, floor = self._view, self._ring_floor
            if resource_version > view.resource_version:
                raise Gone(f"version {resource_version} is not known here; list again")
            if resource_version >= floor:
                return tuple(self._ring[resource_version - floor :])
            recent = tuple(self._ring)
        return (*self._older(resource_version, floor), *recent)

    def follow(self, resource_version: int, callback: Subscriber) -> tuple[tuple[Logged, ...], Callable[[], None]]:
        """Return what followed a number and subscribe in one step, so that nothing is missed or told twice."""
        with self._lock:
            return self.since(resource_version), self.subscribe(callback)

    def poll(self) -> bool:
        """Take over what others committed; return whether there was anything."""
        with self._lock:
            version, side_version = self._store.versions()
            is_behind = version != self._view.resource_version
            if is_behind:
                self._catch_up()
            if side_version != self._side_version:
                self._refresh_side(side_version)
                is_behind = True
            return is_behind

    # --- applying ---

    def _apply_committed(self, committed: Committed) -> None:
        with self._lock:
            logged = committed.logged
            if logged and logged[0].resource_version == self._view.resource_version + 1:
                self._apply(logged)
            elif logged and logged[-1].resource_version > self._view.resource_version:
                self._catch_up()
            if committed.side_changed:
                self._refresh_side(self._store.versions()[1])
            if committed.pruned:
                self._view = replace(self._view, tombstones=self._store.tombstones())

    def _catch_up(self) -> None:
        """Read whole commits from the log until there are no more; when it does not reach back, everything."""
        try:
            while logged := self._store.changes_since(self._view.resource_version, limit=_PAGE):
                self._apply(logged)
        except Gone:
            self._reload()

    def _refresh_side(self, side_version: int) -> None:
        self._view = replace(self._view, side=self._store.side_state())
        self._side_version = side_version

    def _apply(self, logged: Sequence[Logged]) -> None:
        """Make a batch visible, remember it, and tell it."""
        before = self._view
        batch = tuple(_with_previous(logged, before.objects))
        states = ((e.stored.ref, None if e.type is EventType.DELETED else e.stored) for e in batch)
        self._view = replace(
            before,
            resource_version=batch[-1].resource_version,
            objects=before.objects.changed(states),
            tombstones=_with_deleted(before.tombstones, batch),
        )
        self._remember(batch)
        for callback in tuple(self._subscribers.values()):
            callback(batch)

    def _remember(self, batch: tuple[Logged, ...]) -> None:
        self._ring.extend(batch)
        # Trimmed rarely and by a half more, so that the cost of moving the rest is spread.
        if len(self._ring) > self._ring_size * 3 // 2:
            excess = len(self._ring) - self._ring_size
            del self._ring[:excess]
            self._ring_floor += excess

    def _reload(self) -> None:
        """Start anew from a snapshot; subscribers get the difference, resuming from before is Gone."""
        snapshot = self._store.snapshot()
        before, after = self._view.objects, Objects(snapshot.objects.values())
        batch = tuple(_difference(before, after, snapshot.resource_version))
        self._view = _view_of(snapshot)
        self._side_version = snapshot.side_version
        self._ring, self._ring_floor = [], snapshot.resource_version
        for callback in tuple(self._subscribers.values()) if batch else ():
            callback(batch)

    def _older(self, resource_version: int, upto: int) -> Iterator[Logged]:
        """Go through the store's log from a number to where the ring begins."""
        while resource_version < upto:
            page = self._store.changes_since(resource_version, limit=_PAGE)
            numbers = [entry.resource_version for entry in page]
            yield from page[: bisect_right(numbers, upto)]
            resource_version = numbers[-1]


def _view_of(snapshot: Snapshot) -> View:
    return View(
        resource_version=snapshot.resource_version,
        objects=Objects(snapshot.objects.values()),
        tombstones=snapshot.tombstones,
        side=SideState(snapshot.allocations, snapshot.acknowledgements, snapshot.sources, snapshot.overrides),
    )


def _with_previous(logged: Sequence[Logged], objects: Objects) -> Iterator[Logged]:
    """Complete entries with the state before, also where one batch changes an object twice."""
    changed: dict[ObjectRef, StoredObject | None] = {}
    for entry in logged:
        ref = entry.stored.ref
        previous = changed[ref] if ref in changed else objects.get(ref)
        changed[ref] = None if entry.type is EventType.DELETED else entry.stored
        yield replace(entry, previous=previous)


def _with_deleted(tombstones: Mapping[ObjectRef, int], batch: Sequence[Logged]) -> Mapping[ObjectRef, int]:
    deleted = {
        entry.stored.ref: entry.stored.incarnation
        for entry in batch
        if entry.type is EventType.DELETED and entry.stored.ref.kind != Event.kind
    }
    return {**tombstones, **deleted} if deleted else tombstones


def _difference(before: Objects, after: Objects, resource_version: int) -> Iterator[Logged]:
    for ref, stored in before.items():
        if ref not in after:
            yield Logged(resource_version, EventType.DELETED, stored, stored)
    for ref, stored in after.items():
        previous = before.get(ref)
        if previous is None:
            yield Logged(resource_version, EventType.ADDED, stored)
        elif previous.object.metadata.resource_version != stored.object.metadata.resource_version:
            yield Logged(resource_version, EventType.MODIFIED, stored, previous)
