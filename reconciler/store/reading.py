"""Reading what was written: one moment of everything, or what followed a number."""

from typing import Any

from sqlalchemy import Connection, Row, select

from reconciler.model.kinds import Event
from reconciler.model.refs import ObjectRef
from reconciler.store.codec import Codec, key_of, ref_from_key
from reconciler.store.errors import Gone
from reconciler.store.observations import read_nodes
from reconciler.store.schema import changes, counters, objects, tombstones
from reconciler.store.side import read_side
from reconciler.store.values import EventType, Logged, Snapshot


def read_versions(connection: Connection) -> tuple[int, int]:
    """Return the newest number of the change log, and how often the small tables changed."""
    row = connection.execute(select(counters.c.resource_version, counters.c.side_version)).one()
    return row.resource_version, row.side_version


def read_snapshot(connection: Connection, codec: Codec, now: float) -> Snapshot:
    """Return everything, inside one reading transaction."""
    version, side_version = read_versions(connection)
    side = read_side(connection, now)
    stored = (codec.decode_row(row) for row in connection.execute(select(objects).order_by(objects.c.key)))
    return Snapshot(
        resource_version=version,
        side_version=side_version,
        objects={one.ref: one for one in stored},
        tombstones=read_tombstones(connection),
        allocations=side.allocations,
        acknowledgements=side.acknowledgements,
        sources=side.sources,
        overrides=side.overrides,
        nodes=read_nodes(connection),
    )


def read_tombstones(connection: Connection) -> dict[ObjectRef, int]:
    """Return the last incarnation of every deleted name."""
    query = select(tombstones.c.key, tombstones.c.incarnation).order_by(tombstones.c.key)
    return {ref_from_key(key): incarnation for key, incarnation in connection.execute(query)}


def read_changes(connection: Connection, codec: Codec, after: int, limit: int) -> tuple[Logged, ...]:
    """Return the entries after a number: at least `limit` if there are as many, never half a commit."""
    newest, floor = connection.execute(select(counters.c.resource_version, counters.c.log_floor)).one()
    if after < floor:
        raise Gone(f"the change log begins after {floor}; list again")
    if after > newest:
        raise Gone(f"the change log ends at {newest}; list again")
    query = select(changes).where(changes.c.resource_version > after).order_by(changes.c.resource_version)
    rows: list[Row[Any]] = list(connection.execute(query.limit(limit)))
    if rows and rows[-1].resource_version < rows[-1].last_version:
        is_rest = changes.c.resource_version.between(rows[-1].resource_version + 1, rows[-1].last_version)
        rows.extend(connection.execute(query.where(is_rest)))
    return tuple(Logged(row.resource_version, EventType(row.type), codec.decode_row(row)) for row in rows)


def read_events(connection: Connection, codec: Codec, about: ObjectRef | None, limit: int) -> tuple[Event, ...]:
    """Return Events, the last written first."""
    query = select(objects).where(objects.c.kind == Event.kind).order_by(objects.c.resource_version.desc())
    if about is not None:
        query = query.where(objects.c.subject == key_of(about))
    found = (codec.decode_row(row).object for row in connection.execute(query.limit(limit)))
    return tuple(event for event in found if isinstance(event, Event))


def old_events(connection: Connection, older_than: float, limit: int) -> list[str]:
    """Return the keys of Events that were last written before a time."""
    query = select(objects.c.key).where(objects.c.kind == Event.kind, objects.c.written_at < older_than)
    return list(connection.execute(query.order_by(objects.c.written_at).limit(limit)).scalars())
