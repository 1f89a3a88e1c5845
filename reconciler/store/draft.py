"""The objects of one transaction: what is there, what becomes of it, and how it is written.

A Draft reads every row it needs at once (locked, in key order), applies changes to it in memory, and writes only what
differs, each difference with a number of its own. Numbers come from a counter that is taken last, so that the order of
commits is the order of numbers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from reconciler.model.errors import StaleError, TerminalError
from reconciler.model.kinds import AnyObject, Event, Pod
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Change
from reconciler.store.codec import Codec, key_of, to_bytes, with_version, without_version
from reconciler.store.schema import changes, counters, deletions, objects, tombstones
from reconciler.store.times import rfc3339
from reconciler.store.uids import make_uid
from reconciler.store.upsert import upsert_into
from reconciler.store.values import Binding, EventType, Logged

_CHUNK = 5_000
_SOURCE = "source/"


@dataclass(slots=True)
class _Entry:
    """A difference to be logged; several changes of one object in one transaction are one."""

    key: str
    type: EventType
    stored: StoredObject


class Draft:
    """The working set of one transaction; used by one thread and thrown away."""

    def __init__(self, connection: Connection, codec: Codec, cluster_id: str, now: float) -> None:
        self._connection = connection
        self._codec = codec
        self._cluster_id = cluster_id
        self._now = now
        self._rows: dict[str, Row[Any]] = {}
        self._current: dict[str, StoredObject | None] = {}
        self._entries: list[_Entry] = []
        self._latest: dict[str, _Entry] = {}

    def read(self, keys: Iterable[str]) -> None:
        """Load and lock the rows of these keys; only they may be changed afterwards."""
        wanted = sorted(set(keys))
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK]
            query = select(objects).where(objects.c.key.in_(chunk)).order_by(objects.c.key).with_for_update()
            self._rows.update((row.key, row) for row in self._connection.execute(query))

    def get(self, key: str) -> StoredObject | None:
        """Return the object as this transaction has it by now."""
        if key not in self._current:
            row = self._rows.get(key)
            self._current[key] = None if row is None else self._codec.decode_row(row)
        return self._current[key]

    def apply(self, change: Change) -> None:
        """Carry one change out in memory; raise StaleError when it was planned from something else."""
        key = key_of(change.ref)
        stored = self.get(key)
        _require_expected(change, stored)
        match change.verb:
            case "create":
                self.put(key, self._created(change))
            case "update":
                assert stored is not None
                self.put(key, _updated(change, stored))
            case "status":
                assert stored is not None
                self.put(key, replace(stored, object=_with_status(stored.object, change.object)))
            case "delete":
                self.remove(key)
            case verb:
                raise TerminalError(f"{change.ref}: unknown verb {verb}")

    def bind(self, binding: Binding) -> None:
        """Place a Pod on a node, once."""
        pod, uid, node = binding
        key = key_of(pod)
        stored = self.get(key)
        if stored is None or not isinstance(stored.object, Pod) or stored.object.metadata.uid != uid:
            raise StaleError(f"{pod} is no longer the one that was placed")
        bound_to = stored.object.spec.node_name
        if bound_to and bound_to != node:
            raise StaleError(f"{pod} is on {bound_to} already")
        spec = replace(stored.object.spec, node_name=node)
        self.put(key, replace(stored, object=replace(stored.object, spec=spec)))

    def put(self, key: str, stored: StoredObject) -> None:
        """Take over a new state, unless it says the same as the present one."""
        before = self.get(key)
        if before is not None and self._says_the_same(before, stored):
            return
        self._current[key] = stored
        latest = self._latest.get(key)
        if latest is not None and latest.type is not EventType.DELETED:
            latest.stored = stored
            return
        self._log(key, EventType.ADDED if before is None else EventType.MODIFIED, stored)

    def remove(self, key: str) -> None:
        """Take an object away."""
        stored = self.get(key)
        if stored is not None:
            self._current[key] = None
            self._log(key, EventType.DELETED, stored)

    def write(self) -> tuple[int, tuple[Logged, ...]]:
        """Write what differs; return the newest number and the entries of the change log."""
        if not self._entries:
            return current_version(self._connection), ()
        last = take_numbers(self._connection, len(self._entries))
        first = last - len(self._entries) + 1
        logged = tuple(
            Logged(number, entry.type, _numbered(entry.stored, number))
            for number, entry in enumerate(self._entries, start=first)
        )
        rows = [self._row(entry, number, last) for number, entry in enumerate(self._entries, start=first)]
        self._connection.execute(insert(changes), rows)
        self._write_objects({row["key"]: row for row in rows})
        self._write_traces(entry for entry in self._entries if entry.type is EventType.DELETED)
        return last, logged

    def _log(self, key: str, type_: EventType, stored: StoredObject) -> None:
        entry = _Entry(key, type_, stored)
        self._entries.append(entry)
        self._latest[key] = entry

    def _created(self, change: Change) -> StoredObject:
        meta = change.object.metadata
        incarnation = change.incarnation
        uid = meta.uid
        if not uid:
            incarnation = max(incarnation, self._last_incarnation(key_of(change.ref)) + 1)
            uid = make_uid(self._cluster_id, change.ref, incarnation)
        born = meta.creation_timestamp or rfc3339(self._now)
        meta = replace(meta, uid=uid, creation_timestamp=born, generation=1, resource_version="")
        return StoredObject(
            ref=change.ref,
            object=replace(change.object, metadata=meta),
            manager=change.manager,
            provenance=change.provenance,
            digest=change.digest,
            incarnation=incarnation,
        )

    def _last_incarnation(self, key: str) -> int:
        query = select(tombstones.c.incarnation).where(tombstones.c.key == key)
        return self._connection.execute(query).scalar_one_or_none() or 0

    def _says_the_same(self, before: StoredObject, after: StoredObject) -> bool:
        if (before.manager, before.digest, before.incarnation) != (after.manager, after.digest, after.incarnation):
            return False
        if before.provenance != after.provenance:
            return False
        old, new = without_version(before.object), without_version(after.object)
        # Equal values are the common case; bytes settle what was built with other sequence or number types.
        return old == new or to_bytes(old) == to_bytes(new)

    def _row(self, entry: _Entry, number: int, last: int) -> dict[str, Any]:
        stored = entry.stored
        return {
            "key": entry.key,
            "kind": stored.ref.kind,
            "resource_version": number,
            "last_version": last,
            "written_at": self._now,
            "type": entry.type.value,
            "manager": stored.manager,
            "digest": stored.digest,
            "incarnation": stored.incarnation,
            "subject": _subject(stored.object),
            "provenance": None if stored.provenance is None else to_bytes(stored.provenance),
            "body": self._codec.encode_object(entry.key, stored.object),
        }

    def _write_objects(self, final: dict[str, dict[str, Any]]) -> None:
        """Bring the rows of the objects to their last entries. `final` holds the last row of each key."""
        kept = {key: row for key, row in final.items() if row["type"] != EventType.DELETED.value}
        # A plain insert fails when somebody else created the same name meanwhile.
        fresh = [row for key, row in kept.items() if key not in self._rows]
        again = [{f"b_{name}": value for name, value in row.items()} for key, row in kept.items() if key in self._rows]
        gone = [{"b_key": key} for key in final if key not in kept and key in self._rows]
        if fresh:
            self._connection.execute(insert(objects), fresh)
        if again:
            self._connection.execute(_UPDATE, again)
        if gone:
            self._connection.execute(_DELETE, gone)

    def _write_traces(self, deleted: Iterable[_Entry]) -> None:
        """Remember the incarnations of deleted names, and for the circuit breaker what a source deleted."""
        gone = {entry.key: entry.stored for entry in deleted if entry.stored.ref.kind != Event.kind}
        if not gone:
            return
        upsert = upsert_into(self._connection, tombstones)
        columns = {name: upsert.excluded[name] for name in ("incarnation", "manager", "deleted_at")}
        self._connection.execute(
            upsert.on_conflict_do_update(index_elements=["key"], set_=columns),
            [
                {"key": key, "incarnation": stored.incarnation, "manager": stored.manager, "deleted_at": self._now}
                for key, stored in gone.items()
            ],
        )
        by_source = [
            {"source": stored.manager.removeprefix(_SOURCE), "key": key, "deleted_at": self._now}
            for key, stored in gone.items()
            if stored.manager.startswith(_SOURCE)
        ]
        if by_source:
            self._connection.execute(insert(deletions), by_source)

    @property
    def deletes_of_sources(self) -> bool:
        """Whether an object of a source is deleted."""
        return any(
            entry.type is EventType.DELETED and entry.stored.manager.startswith(_SOURCE) for entry in self._entries
        )


_COLUMNS = ("resource_version", "written_at", "manager", "digest", "incarnation", "subject", "provenance", "body")
_UPDATE = (
    update(objects)
    .where(objects.c.key == bindparam("b_key"))
    .values({name: bindparam(f"b_{name}") for name in _COLUMNS})
)
_DELETE = delete(objects).where(objects.c.key == bindparam("b_key"))


def current_version(connection: Connection) -> int:
    """Return the newest number given."""
    return int(connection.execute(select(counters.c.resource_version)).scalar_one())


def take_numbers(connection: Connection, count: int) -> int:
    """Take `count` numbers and return the last; until the transaction ends nobody else gets any."""
    query = update(counters).values(resource_version=counters.c.resource_version + count)
    return int(connection.execute(query.returning(counters.c.resource_version)).scalar_one())


def bump_side_version(connection: Connection) -> None:
    """Tell other processes that a small table changed."""
    connection.execute(update(counters).values(side_version=counters.c.side_version + 1))


def _require_expected(change: Change, stored: StoredObject | None) -> None:
    """Raise StaleError unless the change fits what is stored."""
    if change.verb == "create":
        if stored is not None:
            raise StaleError(f"{change.ref} exists already", reason="AlreadyExists")
        return
    if stored is None:
        raise StaleError(f"{change.ref} does not exist any more", reason="NotFound")
    present = stored.object.metadata
    if change.object.metadata.uid and change.object.metadata.uid != present.uid:
        raise StaleError(f"{change.ref} was deleted and made again", reason="Conflict")
    expected = change.expected_resource_version
    if expected and expected != present.resource_version:
        raise StaleError(
            f"{change.ref} has been modified: expected version {expected}, found {present.resource_version}",
            reason="Conflict",
        )


def _updated(change: Change, stored: StoredObject) -> StoredObject:
    """Everything but the status as the change says; what a name keeps for its life stays."""
    old, new = stored.object, _with_status(change.object, stored.object)
    if isinstance(old, Pod) and isinstance(new, Pod) and not new.spec.node_name:
        new = replace(new, spec=replace(new.spec, node_name=old.spec.node_name))  # a Pod never moves
    differs = _spec(old) != _spec(new) and to_bytes(_spec(old)) != to_bytes(_spec(new))
    meta = replace(
        new.metadata,
        uid=old.metadata.uid,
        creation_timestamp=old.metadata.creation_timestamp,
        generation=old.metadata.generation + differs,
        resource_version="",
    )
    return StoredObject(
        ref=stored.ref,
        object=replace(new, metadata=meta),
        manager=change.manager,
        provenance=change.provenance,
        digest=change.digest,
        incarnation=stored.incarnation,
    )


def _with_status(object: AnyObject, other: AnyObject) -> AnyObject:
    """Return `object` with the status of `other`; kinds without one stay as they are."""
    if not hasattr(other, "status") or object.status == other.status:  # type: ignore[union-attr]
        return object
    return replace(object, status=other.status)


def _spec(object: AnyObject) -> dict[str, Any]:
    """Everything that a generation counts: all but metadata and status."""
    return {name: getattr(object, name) for name in object.__struct_fields__ if name not in ("metadata", "status")}


def _subject(object: AnyObject) -> str | None:
    if not isinstance(object, Event):
        return None
    about = object.involved_object
    return f"{about.kind}/{about.namespace}/{about.name}"


def _numbered(stored: StoredObject, number: int) -> StoredObject:
    return replace(stored, object=with_version(stored.object, number))
