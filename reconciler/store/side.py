"""The small tables beside the objects: allocations, sources, acknowledgements, overrides, recent deletions."""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, delete, insert, select

from reconciler.model.observed import Acknowledgement, SourceState
from reconciler.store.codec import to_bytes
from reconciler.store.overrides import read_overrides
from reconciler.store.schema import acknowledgements, allocations, deletions, sources
from reconciler.store.upsert import upsert_into
from reconciler.store.values import SideState

WINDOW_S = 3600.0
_source = msgspec.json.Decoder(SourceState)
_acknowledgement = msgspec.json.Decoder(Acknowledgement)


def read_side(connection: Connection, now: float) -> SideState:
    """Return the small tables, with the deletions of each source within the last hour."""
    words = connection.execute(select(acknowledgements.c.body).order_by(acknowledgements.c.seq))
    given = connection.execute(select(allocations.c.key, allocations.c.value).order_by(allocations.c.key))
    return SideState(
        allocations=dict(given.all()),
        acknowledgements=tuple(_acknowledgement.decode(body) for (body,) in words),
        sources=_read_sources(connection, now),
        overrides=read_overrides(connection),
    )


def write_allocations(connection: Connection, wanted: Mapping[str, str]) -> bool:
    """Set allocations, and release those with an empty value; return whether any differed.

    Two of one pool never have the same value: that raises a conflict.
    """
    query = select(allocations.c.key, allocations.c.value).where(allocations.c.key.in_(list(wanted)))
    present = dict(connection.execute(query).all()) if wanted else {}
    differing = {key: value for key, value in wanted.items() if present.get(key, "") != value}
    taken_back = [key for key in differing if key in present]
    if taken_back:
        connection.execute(delete(allocations).where(allocations.c.key.in_(taken_back)))
    fresh = [{"key": key, "pool": key.partition("/")[0], "value": value} for key, value in differing.items() if value]
    if fresh:
        connection.execute(insert(allocations), fresh)
    return bool(differing)


def write_sources(connection: Connection, states: Sequence[SourceState], *, with_decisions: bool) -> bool:
    """Store what is known of sources; return whether any differed.

    Whether a source was loaded is a fact of this process, and its deletions are derived: neither is stored. What a
    person decided (`suspended`, `held` and why) stays as stored unless `with_decisions`.
    """
    if not states:
        return False
    query = select(sources.c.name, sources.c.body).with_for_update()
    present = dict(connection.execute(query).all())
    rows = []
    for state in states:
        body = present.get(state.name)
        if body is not None and not with_decisions:
            before = _source.decode(body)
            state = replace(state, suspended=before.suspended, held=before.held, held_because=before.held_because)
        fresh = to_bytes(replace(state, loaded=False, deleted_at=()))
        if fresh != body:
            rows.append({"name": state.name, "body": fresh})
    if rows:
        upsert = upsert_into(connection, sources)
        connection.execute(
            upsert.on_conflict_do_update(index_elements=["name"], set_={"body": upsert.excluded.body}), rows
        )
    return bool(rows)


def read_source(connection: Connection, name: str) -> SourceState:
    """Return what is stored of one source, locked until the transaction ends."""
    query = select(sources.c.body).where(sources.c.name == name).with_for_update()
    body = connection.execute(query).scalar_one_or_none()
    return SourceState(name=name) if body is None else _source.decode(body)


def write_acknowledgements(connection: Connection, words: Sequence[Acknowledgement], now: float) -> bool:
    """Add a person's words; return whether there were any. One without a time gets the present one."""
    dated = [word if word.at else replace(word, at=now) for word in words]
    rows = [{"written_at": word.at, "body": to_bytes(word)} for word in dated]
    if rows:
        connection.execute(insert(acknowledgements), rows)
    return bool(rows)


def _read_sources(connection: Connection, now: float) -> dict[str, SourceState]:
    recent: dict[str, list[float]] = {}
    query = select(deletions.c.source, deletions.c.deleted_at).where(deletions.c.deleted_at > now - WINDOW_S)
    for name, at in connection.execute(query.order_by(deletions.c.deleted_at, deletions.c.seq)):
        recent.setdefault(name, []).append(at)
    states = {name: _source.decode(body) for name, body in connection.execute(select(sources))}
    for name in sorted(recent.keys() - states.keys()):
        states[name] = SourceState(name=name)
    return {name: replace(state, deleted_at=tuple(recent.get(name, ()))) for name, state in states.items()}
