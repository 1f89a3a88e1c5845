"""Which objects a pass has to look at: those that it finds otherwise than when they were last in order. Pure.

While a step looks at an object, what it reads besides is noted. An object that nothing was to be done about, that waits
for no time, and whose reading has not changed since, sleeps: the same steps would find the same. Whatever changes wakes
those who read it, in the midst of a pass too. Then what the steps before had noted of the sleeper holds again.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from reconciler.model.observed import StoredObject
from reconciler.model.plan import Verdict
from reconciler.model.refs import ObjectRef
from reconciler.planner.order import InOrder
from reconciler.planner.picture import is_unmanaged, labels_of

# Steps look at objects of other kinds in every pass: they depend on more than on objects. Classes, cluster roles,
# limits and namespaces are looked at in every pass too; but what is said of one that stays as it is stays the same.
MAY_SLEEP = frozenset(
    {
        "ClusterRole",
        "ClusterRoleBinding",
        "ConfigMap",
        "ControllerRevision",
        "Deployment",
        "EndpointSlice",
        "Endpoints",
        "Event",
        "IngressClass",
        "LimitRange",
        "Namespace",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "Pod",
        "PriorityClass",
        "ReplicaSet",
        "ReplicationController",
        "Role",
        "RoleBinding",
        "Secret",
        "Service",
        "ServiceAccount",
        "StatefulSet",
        "StorageClass",
    }
)


class _Note(NamedTuple):
    """What a step noted of an object, and which step it was."""

    phase: int
    book: str
    value: Any


class _Sleep(NamedTuple):
    reads: frozenset[Hashable]
    notes: tuple[_Note, ...]


class _Verdicts:
    """The verdicts of every object in order, of which each pass knows those that are awake."""

    def __init__(self) -> None:
        self._known: dict[ObjectRef, Verdict] = {}
        self._in_order: InOrder[Verdict] = InOrder()
        self._all: tuple[Verdict, ...] = ()

    def brought_to(self, fresh: Mapping[ObjectRef, Verdict], awake: Iterable[ObjectRef]) -> tuple[Verdict, ...]:
        """Return all verdicts: these, and of those that are not awake what they had."""
        known = self._known
        gone = [ref for ref in awake if ref in known and ref not in fresh]
        changed = {ref: one for ref, one in fresh.items() if known.get(ref) != one}
        if gone or changed:
            for ref in gone:
                del known[ref]
            known.update(changed)
            self._in_order.change(changed, gone)
            self._all = self._in_order.values()
        return self._all


class Attention:
    """Who sleeps, who watches what, and what is noted of whom. Kept from pass to pass."""

    def __init__(self) -> None:
        self.awake: dict[str, set[ObjectRef]] = defaultdict(set)
        self.woken: list[ObjectRef] = []
        self._kinds: frozenset[str] | None = None
        self._in_order: dict[str, list[ObjectRef]] = {}
        self.verdicts = _Verdicts()
        self._asleep: dict[ObjectRef, _Sleep] = {}
        self._watchers: dict[Hashable, set[ObjectRef]] = {}
        self._phase = 0
        # For which object it is that something is read from now on; None: for none.
        self.visited: ObjectRef | None = None
        # Of this pass: what was read at each object, what was noted, what changed, and who cannot sleep.
        self._reads: dict[ObjectRef, set[Hashable]] = defaultdict(set)
        self._notes: dict[ObjectRef, list[_Note]] = defaultdict(list)
        self._books: dict[str, dict[ObjectRef, Any]] = {}
        self._changed: set[Hashable] = set()
        self._restless: set[ObjectRef] = set()

    def begin(self, books: Mapping[str, dict[ObjectRef, Any]]) -> None:
        """Begin a pass whose notes go to these books."""
        self._books = dict(books)
        self._phase, self.visited = 0, None
        self.woken.clear()
        self._reads.clear()
        self._notes.clear()
        self._changed.clear()
        self._restless.clear()

    def attend_to(self, kinds: frozenset[str]) -> None:
        """Let only objects of these kinds wake, in all passes: for who goes through no others."""
        self._kinds = kinds

    # Looking

    def next_phase(self) -> None:
        """Begin the next step, or pass over one that has nothing to look at."""
        self._phase += 1

    def in_order(self, kind: str) -> list[ObjectRef]:
        """Return what of a kind is awake, in the order of names."""
        known = self._in_order.get(kind)
        if known is None:
            known = self._in_order[kind] = sorted(self.awake[kind])
        return known

    def read(self, key: Hashable) -> None:
        """Note that something is read."""
        if self.visited is not None:
            self._reads[self.visited].add(key)

    def note(self, book: str, ref: ObjectRef, value: Any) -> None:
        """Note something of an object, for later steps of this pass."""
        self.wake(ref)
        self._books[book][ref] = value
        self._notes[ref].append(_Note(self._phase, book, value))

    def keep_awake(self, ref: ObjectRef | None = None) -> None:
        """An object, or the one that is visited, is to be looked at in the next pass too."""
        ref = ref or self.visited
        if ref is not None:
            self._restless.add(ref)

    # Waking

    def change(self, ref: ObjectRef, old: StoredObject | None, new: StoredObject | None) -> None:
        """Wake an object that changes, and who has read of it."""
        self.wake(ref)
        found = _keys(ref, old, new)
        if self._phase:
            self._changed.update(found)
        for key in found:
            if watchers := self._watchers.get(key):
                for watcher in sorted(watchers):
                    self.wake(watcher)

    def wake(self, ref: ObjectRef) -> None:
        """Have an object looked at from now on; notes of the steps that are over hold."""
        if self._kinds is not None and ref.kind not in self._kinds:
            return
        sleep, awake = self._asleep.pop(ref, None), self.awake[ref.kind]
        if ref not in awake:
            awake.add(ref)
            self._in_order.pop(ref.kind, None)
        if sleep is None:
            return
        self.woken.append(ref)
        for key in sleep.reads:
            self._watchers[key].discard(ref)
            if not self._watchers[key]:
                del self._watchers[key]
        if self._phase:
            # The steps before have read it, and do not come to it again.
            self._reads[ref] |= sleep.reads
        # A step that goes through this kind comes to the object yet, or has passed it: see `View.due`.
        for note in sleep.notes:
            if note.phase <= self._phase:
                self._books[note.book][ref] = note.value
                self._notes[ref].append(note)

    def forget_phase(self, ref: ObjectRef) -> None:
        """An object is come to in this very step: what the step noted of it last time does not count."""
        notes = self._notes.get(ref)
        if not notes or notes[-1].phase < self._phase:
            return
        kept = [note for note in notes if note.phase < self._phase]
        self._notes[ref] = kept
        for book in self._books.values():
            book.pop(ref, None)
        for note in kept:
            self._books[note.book][ref] = note.value

    def wake_all(self) -> None:
        """Something changed that anything may depend on."""
        for ref in sorted(self._asleep):
            self.wake(ref)

    # Sleeping

    def settle(self, is_calm: Callable[[ObjectRef], bool], is_kept: Callable[[ObjectRef], bool]) -> None:
        """End a pass: let sleep what may, and forget what is not kept."""
        self._in_order.clear()
        for kind, refs in self.awake.items():
            if gone := [ref for ref in refs if not is_kept(ref)]:
                refs.difference_update(gone)
            if refs and kind in MAY_SLEEP:
                calm = [ref for ref in refs if ref not in self._restless and is_calm(ref)]
                refs.difference_update([ref for ref in calm if self._lay_down(ref)])

    def _lay_down(self, ref: ObjectRef) -> bool:
        reads = self._reads.get(ref, set())
        reads.add(ref)
        if not self._changed.isdisjoint(reads):
            return False
        for key in reads:
            self._watchers.setdefault(key, set()).add(ref)
        self._asleep[ref] = _Sleep(frozenset(reads), tuple(self._notes.get(ref, ())))
        return True

    def all_awake(self) -> Iterator[ObjectRef]:
        """Go through what is awake, in no order that means anything."""
        for refs in self.awake.values():
            yield from refs


def presence(ref: ObjectRef) -> Hashable:
    """Return the key under which it is read whether an object is there, and which one of its name."""
    return ("presence", ref)


def children(uid: str) -> Hashable:
    """Return the key under which it is read what an object owns."""
    return ("children", uid)


def kind_of(kind: str) -> Hashable:
    """Return the key under which it is read what there is of a kind."""
    return ("kind", kind)


def bare(namespace: str) -> Hashable:
    """Return the key under which Pods without an owner are read."""
    return ("bare", namespace)


def unmanaged(kind: str, namespace: str) -> Hashable:
    """Return the key under which it is read what is there to be taken in."""
    return ("unmanaged", kind, namespace)


def _keys(ref: ObjectRef, old: StoredObject | None, new: StoredObject | None) -> list[Hashable]:
    found: list[Hashable] = [ref, kind_of(ref.kind)]
    if _uid(old) != _uid(new):
        found.append(presence(ref))
    if old is not None:
        _add_keys_of(ref, old, found)
    if new is not None and not _is_found_alike(old, new):
        _add_keys_of(ref, new, found)
    if not _is_found_alike(old, new) and _offered(ref, old) != _offered(ref, new):
        found.append(unmanaged(ref.kind, ref.namespace))
    return found


def _is_found_alike(old: StoredObject | None, new: StoredObject | None) -> bool:
    """Whether an object has its metadata and its manager still, by which all others find it."""
    if old is None or new is None:
        return old is new
    return old.object.metadata is new.object.metadata and old.manager == new.manager


def _add_keys_of(ref: ObjectRef, stored: StoredObject, found: list[Hashable]) -> None:
    is_owned = False
    for owner in stored.object.metadata.owner_references:
        if owner.controller:
            is_owned = True
            found.append(children(owner.uid))
    if ref.kind == "Pod":
        found.extend(labels_of(ref, stored))
        if not is_owned:
            found.append(bare(ref.namespace))


def _uid(stored: StoredObject | None) -> str | None:
    return None if stored is None else stored.object.metadata.uid


def _offered(ref: ObjectRef, stored: StoredObject | None) -> Iterable[object] | None:
    """Return by what an object that nobody manages can be found."""
    return list(labels_of(ref, stored)) if stored is not None and is_unmanaged(stored) else None
