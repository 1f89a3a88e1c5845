"""What was planned and done: revisions, plans, actions. Bounded by retention.

Only what a person would look up is kept: a plan without what stays unchanged, an action without its detail.
"""

import zlib
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, Table, delete, func, insert, select, update

from reconciler.model.details import image_of, type_of
from reconciler.model.plan import Decision, Plan
from reconciler.store.codec import key_of, to_bytes
from reconciler.store.schema import (
    acknowledgements,
    actions,
    changes,
    counters,
    deletions,
    observations,
    plans,
    pod_history,
    revisions,
    tombstones,
)
from reconciler.store.side import WINDOW_S
from reconciler.store.values import ActionRecord, PlanRecord, RevisionRecord

LOG_KEPT = 20_000
_TRIM_EVERY = 1_000
_plan = msgspec.json.Decoder(PlanRecord)
_action = msgspec.json.Decoder(ActionRecord)
_revision = msgspec.json.Decoder(RevisionRecord)


def write_revisions(connection: Connection, records: Sequence[RevisionRecord], now: float) -> None:
    """Note what became of revisions; saying the same of a source again writes nothing."""
    for record in records:
        query = select(revisions.c.body).where(revisions.c.source == record.source)
        last = connection.execute(query.order_by(revisions.c.seq.desc()).limit(1)).scalar_one_or_none()
        if last is not None and replace(_revision.decode(last), at=0.0) == replace(record, at=0.0):
            continue
        dated = record if record.at else replace(record, at=now)
        connection.execute(insert(revisions).values(source=record.source, body=to_bytes(dated)))


def write_plan(connection: Connection, plan: Plan, now: float) -> None:
    """Keep a plan that changes something; the same one twice in a row is kept once."""
    if plan.is_empty:
        return
    last = connection.execute(select(plans.c.id).order_by(plans.c.seq.desc()).limit(1)).scalar_one_or_none()
    if last == plan.id:
        return
    body = zlib.compress(to_bytes(_shown(plan, now)), 1)
    connection.execute(insert(plans).values(id=plan.id, written_at=now, body=body))


def write_actions(connection: Connection, records: Sequence[ActionRecord], now: float) -> None:
    """Note what came of actions."""
    rows = []
    for record in records:
        at = record.at or record.outcome.finished_at or now
        action, detail = record.action, record.action.detail
        what = (type_of(detail), image_of(detail)) if detail is not None else (record.type, record.image)
        kept = replace(record, at=at, action=replace(action, detail=None), type=what[0], image=what[1])
        rows.append(
            {
                "written_at": at,
                "object": key_of(record.action.object),
                "node": record.action.node,
                "plan": record.plan,
                "body": to_bytes(kept),
            }
        )
    if rows:
        connection.execute(insert(actions), rows)


def read_revisions(connection: Connection, source: str, limit: int) -> tuple[RevisionRecord, ...]:
    """Return what became of revisions, newest first; of one source or (empty) of all."""
    query = select(revisions.c.body).order_by(revisions.c.seq.desc()).limit(limit)
    if source:
        query = query.where(revisions.c.source == source)
    return tuple(_revision.decode(body) for body in connection.execute(query).scalars())


def read_plans(connection: Connection, limit: int) -> tuple[PlanRecord, ...]:
    """Return plans, newest first."""
    query = select(plans.c.body).order_by(plans.c.seq.desc()).limit(limit)
    return tuple(_unpack(body) for body in connection.execute(query).scalars())


def read_plan(connection: Connection, id: str) -> PlanRecord | None:
    """Return the newest plan whose id begins with `id`, or None."""
    prefix = plans.c.id.startswith(id, autoescape=True)
    query = select(plans.c.body).where(prefix).order_by(plans.c.seq.desc()).limit(1)
    body = connection.execute(query).scalar_one_or_none()
    return None if body is None else _unpack(body)


def read_actions(connection: Connection, filters: dict[str, str], limit: int) -> tuple[ActionRecord, ...]:
    """Return actions, newest first, whose columns have these values."""
    query = select(actions.c.body).order_by(actions.c.seq.desc()).limit(limit)
    for name, value in filters.items():
        query = query.where(actions.c[name] == value)
    return tuple(_action.decode(body) for body in connection.execute(query).scalars())


def prune(connection: Connection, older_than: float, now: float) -> None:
    """Drop history from before `older_than` (Unix seconds)."""
    for table in (plans, actions, acknowledgements):
        connection.execute(delete(table).where(table.c.written_at < older_than))
    connection.execute(delete(deletions).where(deletions.c.deleted_at < min(older_than, now - WINDOW_S)))
    _prune_pods(connection, older_than)
    _prune_tombstones(connection, older_than)
    newest = select(func.max(changes.c.resource_version)).where(changes.c.written_at < older_than)
    _drop_log(connection, connection.execute(newest).scalar_one_or_none() or 0)


def trim_log(connection: Connection, newest: int, wrote: int) -> None:
    """Bound the change log by number, now and then: watches resume from minutes ago, not from weeks."""
    if newest // _TRIM_EVERY != (newest - wrote) // _TRIM_EVERY:
        _drop_log(connection, newest - LOG_KEPT)


def _drop_log(connection: Connection, upto: int) -> None:
    floor = connection.execute(select(counters.c.log_floor)).scalar_one()
    if upto > floor:
        connection.execute(delete(changes).where(changes.c.resource_version <= upto))
        connection.execute(update(counters).values(log_floor=upto))


def _prune_pods(connection: Connection, older_than: float) -> None:
    """Drop notes of Pods that ended before, and older notes than the one that held at `older_than`."""
    later = pod_history.alias()
    is_superseded = (
        select(later.c.seq)
        .where(
            later.c.node == pod_history.c.node,
            later.c.pod_uid == pod_history.c.pod_uid,
            later.c.seq > pod_history.c.seq,
            later.c.written_at < older_than,
        )
        .exists()
    )
    is_silent = ~select(observations.c.node).where(observations.c.node == pod_history.c.node).exists()
    old = pod_history.c.written_at < older_than
    connection.execute(delete(pod_history).where(old, pod_history.c.gone | is_superseded | is_silent))


def _prune_tombstones(connection: Connection, older_than: float) -> None:
    """Forget Pods that had an owner: their names were made from its uid and do not come back. All others may."""
    table: Table = tombstones
    by_person = table.c.manager.like("source/%") | (table.c.manager == "api")
    old = table.c.deleted_at < older_than
    connection.execute(delete(table).where(old, table.c.key.like("Pod/%"), ~by_person))


def _shown(plan: Plan, now: float) -> PlanRecord:
    unchanged = Decision.UNCHANGED
    verdicts = tuple([verdict for verdict in plan.verdicts if verdict.decision is not unchanged])
    shown = replace(
        plan,
        verdicts=verdicts,
        actions=tuple(replace(action, detail=None) for action in plan.actions),
        changes=(),
        allocations={},
        happenings=(),
    )
    return PlanRecord(id=plan.id, at=now, unchanged=len(plan.verdicts) - len(verdicts), plan=shown)


def _unpack(body: Any) -> PlanRecord:
    return _plan.decode(zlib.decompress(body))
