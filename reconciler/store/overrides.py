"""What persons override, one row for each object: written by the API, dropped by the leader when it has no object."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from reconciler.model.overrides import Override, OverrideChange, merged
from reconciler.model.refs import ObjectRef
from reconciler.store.codec import key_of, ref_from_key, to_bytes
from reconciler.store.schema import overrides

_override = msgspec.json.Decoder(Override)


def read_overrides(connection: Connection) -> dict[ObjectRef, Override]:
    """Return everything that is overridden."""
    rows = connection.execute(select(overrides.c.key, overrides.c.body).order_by(overrides.c.key))
    return {ref_from_key(key): _override.decode(body) for key, body in rows}


def merge_override(connection: Connection, change: Override) -> bool:
    """Merge a person's change into what is overridden on its object; return whether anything differs."""
    before = _read(connection, change.ref)
    after: Override | None = merged(before, change)
    if after is not None and after.is_empty:
        after = None
    return _write(connection, change.ref, before, after)


def write_override_changes(connection: Connection, changes: Sequence[OverrideChange]) -> bool:
    """Write what became of overrides by themselves, except where a person has changed them meanwhile."""
    written = False
    for change in changes:
        if _read(connection, change.before.ref) == change.before:
            written |= _write(connection, change.before.ref, change.before, change.after)
    return written


def _read(connection: Connection, ref: ObjectRef) -> Override | None:
    query = select(overrides.c.body).where(overrides.c.key == key_of(ref)).with_for_update()
    body = connection.execute(query).scalar_one_or_none()
    return None if body is None else _override.decode(body)


def _write(connection: Connection, ref: ObjectRef, before: Override | None, after: Override | None) -> bool:
    """Write the difference; of two who begin at once one fails with a conflict, and nothing is lost."""
    if before == after:
        return False
    key = key_of(ref)
    if after is None:
        connection.execute(delete(overrides).where(overrides.c.key == key))
    elif before is None:
        connection.execute(insert(overrides).values(key=key, body=to_bytes(after)))
    else:
        connection.execute(update(overrides).where(overrides.c.key == key).values(body=to_bytes(after)))
    return True
