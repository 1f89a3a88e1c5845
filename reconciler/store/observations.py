"""What nodes report: the latest of each, and a history row per Pod when what is said of it changes.

Outside the change log. A report that differs from the stored one only in what moves by itself (free disk space, the
agent's memory with its probe times) is stored in full at most every half minute; its times always are.

A report that is older than the stored one is refused: one of an earlier boot, unless the later one has fallen silent
(it was that of a copy of the host), one of the same boot when neither its sequence nor its time is newer (an agent that
lost its counter is still heard).
"""

import hashlib
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, Row, insert, select, update

from reconciler.model.base import Value
from reconciler.model.node_report import ContainerFact, Observation, PodReport
from reconciler.model.observed import NodeState
from reconciler.model.policy import NODE_LEASE_S
from reconciler.store.codec import to_bytes
from reconciler.store.schema import observations, pod_history
from reconciler.store.upsert import upsert_into
from reconciler.store.values import RanPod

_BOOTS_KEPT = 16
_MOVING_S = 30.0
_observation = msgspec.json.Decoder(Observation)
_boots = msgspec.json.Decoder(list[str])


class _Digests(Value):
    """Digest of the stored report without what moves, when it was stored in full, what history noted of each Pod."""

    content: str = ""
    stored_at: float = 0.0
    pods: dict[str, str] = {}


class PodNote(Value):
    """A history row: what was said of one Pod."""

    report: PodReport
    containers: tuple[ContainerFact, ...] = ()


_digests = msgspec.json.Decoder(_Digests)
_note = msgspec.json.Decoder(PodNote)


def record(connection: Connection, observation: Observation, now: float) -> bool:
    """Store a report; False when it is older than the one that is stored."""
    query = select(observations).where(observations.c.node == observation.node).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is not None and _is_older(observation, row, now):
        return False
    before = _Digests() if row is None else _digests.decode(row.digests)
    notes = _notes(observation)
    pods = {uid: _digest(note) for uid, note in notes.items()}
    vanished = [uid for uid in before.pods if uid not in pods] if observation.facts.complete else []
    kept = {uid: digest for uid, digest in before.pods.items() if uid not in pods and uid not in vanished}
    content = _digest(_without_moving(observation))
    is_old = abs(now - before.stored_at) >= _MOVING_S
    values: dict[str, Any] = {
        "heartbeat_at": now,
        "boot_id": observation.boot_id,
        "sequence": observation.sequence,
        "observed_at": observation.observed_at,
        "former_boots": _former_boots(observation, row),
    }
    if before.content != content or observation.events or is_old:
        values["body"] = to_bytes(observation)
        values["digests"] = to_bytes(_Digests(content=content, stored_at=now, pods=pods | kept))
    _upsert(connection, observation.node, values, is_new=row is None)
    changed = [uid for uid, digest in pods.items() if before.pods.get(uid) != digest]
    _write_history(
        connection, observation.node, observation.observed_at, {uid: notes[uid] for uid in changed}, vanished
    )
    return True


def heartbeat(connection: Connection, node: str, at: float) -> None:
    """Note that a node was heard of; an earlier time never replaces a later one."""
    fresh = {
        "node": node,
        "heartbeat_at": at,
        "boot_id": "",
        "sequence": 0,
        "observed_at": 0.0,
        "former_boots": b"[]",
        "digests": to_bytes(_Digests()),
    }
    upsert = upsert_into(connection, observations).values(fresh)
    is_later = (observations.c.heartbeat_at.is_(None)) | (observations.c.heartbeat_at < at)
    connection.execute(upsert.on_conflict_do_update(index_elements=["node"], set_={"heartbeat_at": at}, where=is_later))


def read_nodes(connection: Connection) -> dict[str, NodeState]:
    """Return the latest report of every node."""
    rows = connection.execute(select(observations).order_by(observations.c.node))
    return {row.node: NodeState(name=row.node, heartbeat_at=row.heartbeat_at, observation=_latest(row)) for row in rows}


def what_ran(connection: Connection, node: str, at: float) -> tuple[RanPod, ...]:
    """Return the Pods that were on a node at a time, as they were then."""
    query = (
        select(pod_history)
        .where(pod_history.c.node == node, pod_history.c.written_at <= at)
        .order_by(pod_history.c.written_at, pod_history.c.seq)
    )
    last: dict[str, Row[Any]] = {}
    for row in connection.execute(query):
        last[row.pod_uid] = row
    ran = [(row.written_at, _note.decode(row.body)) for row in last.values() if not row.gone]
    found = (RanPod(since=since, node=node, report=n.report, containers=n.containers) for since, n in ran)
    return tuple(sorted(found, key=lambda pod: (pod.report.namespace, pod.report.name, pod.report.uid)))


def _is_older(observation: Observation, row: Row[Any], now: float) -> bool:
    if not row.boot_id:
        return False
    if observation.boot_id != row.boot_id:
        is_heard = row.heartbeat_at is not None and 0 <= now - row.heartbeat_at <= NODE_LEASE_S
        return is_heard and observation.boot_id in _boots.decode(row.former_boots)
    return bool(observation.sequence <= row.sequence and observation.observed_at <= row.observed_at)


def _former_boots(observation: Observation, row: Row[Any] | None) -> bytes:
    if row is None:
        return b"[]"
    former = [boot for boot in _boots.decode(row.former_boots) if boot != observation.boot_id]
    if row.boot_id and row.boot_id != observation.boot_id:
        former = [*former, row.boot_id][-_BOOTS_KEPT:]
    return to_bytes(former)


def _latest(row: Row[Any]) -> Observation | None:
    """The stored body, with the times of the last report: those alone do not rewrite it."""
    if row.body is None:
        return None
    observation = _observation.decode(row.body)
    return replace(
        observation,
        sequence=row.sequence,
        observed_at=row.observed_at,
        facts=replace(observation.facts, observed_at=row.observed_at),
    )


def _without_moving(observation: Observation) -> Observation:
    facts = observation.facts
    host = replace(facts.host, disk_free_bytes=0)
    return replace(
        observation,
        sequence=0,
        observed_at=0.0,
        facts=replace(facts, observed_at=0.0, host=host),
        memory=msgspec.Raw(b"null"),
        events=(),
    )


def _notes(observation: Observation) -> dict[str, PodNote]:
    containers: dict[str, list[ContainerFact]] = {}
    for fact in observation.facts.containers:
        containers.setdefault(fact.pod_uid, []).append(fact)
    return {
        report.uid: PodNote(
            report=report,
            containers=tuple(sorted(containers.get(report.uid, ()), key=lambda fact: (fact.name, fact.id))),
        )
        for report in observation.pods
        if not report.gone
    }


def _digest(value: Value) -> str:
    return hashlib.sha256(to_bytes(value)).hexdigest()[:32]


def _upsert(connection: Connection, node: str, values: dict[str, Any], *, is_new: bool) -> None:
    if is_new:
        connection.execute(insert(observations).values(node=node, **values))
    else:
        connection.execute(update(observations).where(observations.c.node == node).values(values))


def _write_history(
    connection: Connection, node: str, at: float, changed: dict[str, PodNote], vanished: list[str]
) -> None:
    rows = [
        {"node": node, "pod_uid": uid, "written_at": at, "gone": False, "body": to_bytes(note)}
        for uid, note in changed.items()
    ]
    rows += [{"node": node, "pod_uid": uid, "written_at": at, "gone": True, "body": b"null"} for uid in vanished]
    if rows:
        connection.execute(insert(pod_history), rows)
