"""The state of everything: one honest word first, then what it rests on. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.model.base import to_builtins
from reconciler.model.status import Health, LoopStatus, NodeStatus, ObjectHealth, SourceStatus, Status
from reconciler.render.documents import DOCUMENT_VERSION
from reconciler.render.layout import beside, columns, printable, wrapped
from reconciler.render.problems import problems_text
from reconciler.render.words import age, count, duration, hold_line, short_commit, trouble_word

_HELD_SHOWN = 20
_AGE_COLUMN = 56


def status_document(status: Status) -> dict[str, Any]:
    """Return the document that scripts read."""
    return {"apiVersion": DOCUMENT_VERSION, "kind": "Status", **to_builtins(status)}


def status_text(status: Status, *, now: float, show_healthy: bool = False) -> str:
    """Return the state as text; objects that are healthy are only counted unless asked for."""
    groups = [
        list(_header(status, now)),
        list(_sources(status.sources, now)),
        list(_nodes(status.nodes, now)),
        list(_objects(status.objects, now, show_healthy)),
        list(_holds(status)),
        [line for step in status.running for line in wrapped(f"  running: {step}", 11)],
        list(_loops(status.loops, now)),
        [line for note in status.notes for line in wrapped(f"  note: {note}", 8)],
        [line for warning in status.warnings for line in wrapped(f"  warning: {warning}", 11)],
    ]
    return printable("\n\n".join("\n".join(group) for group in groups if group) + "\n")


def _header(status: Status, now: float) -> Iterator[str]:
    healthy = sum(1 for object in status.objects if object.health is Health.HEALTHY)
    parts = [status.health.upper(), f"{healthy} of {count(len(status.objects), 'object')} healthy"]
    ticks = [loop.ran_at for loop in status.loops if loop.ran_at is not None]
    if ticks:
        parts.append(f"last tick {age(max(ticks), now)}")
    yield "   ".join([*parts, f"cluster {status.cluster_id[:8] or '-'}, version {status.version}"])


def _sources(sources: Sequence[SourceStatus], now: float) -> Iterator[str]:
    rows = [["source", source.name, source.health.value] for source in sources]
    for source, line in zip(sources, columns(rows), strict=True):
        yield from beside(line, f"polled {age(source.last_good_poll_at, now)}", _AGE_COLUMN)
        yield from wrapped(f"    {_revisions(source)}")
        if source.suspended:
            yield "    suspended: nothing is changed until `reconciler resume`"
        if source.held:
            commit = short_commit(source.held)
            yield f"    commit {commit} is held by a rollback until a newer one or `reconciler resume`"
            if source.held_because:
                yield from wrapped(f"    because {source.held_because}")
        if source.error:
            yield from wrapped(f"    error: {source.error}")
        if source.problems:
            yield from (f"    {line}" for line in problems_text(source.problems).splitlines())


def _revisions(source: SourceStatus) -> str:
    if source.newest is None:
        return f"nothing read yet from {source.url} {source.branch}".rstrip()
    newest = f'{short_commit(source.newest.commit)} "{source.newest.subject}" ({source.branch})'
    if source.applied is None:
        return f"{newest} not applied"
    if source.applied.commit != source.newest.commit:
        return f"{newest} not applied; applied is {short_commit(source.applied.commit)}"
    return f"{newest} applied"


def _nodes(nodes: Sequence[NodeStatus], now: float) -> Iterator[str]:
    rows = [
        [
            "node",
            node.name,
            _state_of(node),
            f"{node.pods_ready} of {count(node.pods, 'pod')} ready",
        ]
        for node in nodes
    ]
    for node, line in zip(nodes, columns(rows), strict=True):
        yield from beside(line, f"reported {age(node.reported_at, now)}", _AGE_COLUMN)
        if node.message:
            yield from wrapped(f"    {node.message}")
        for one in node.troubles:
            since = f" (for {duration(now - one.since)})" if one.since is not None else ""
            yield from wrapped(f"    {one.reason}: {one.message}{since}")
        if not node.live_restore:
            yield "    live-restore is off: a restart of Docker restarts every container"
            yield "    turn it on with: reconciler init --enable-live-restore"


def _state_of(node: NodeStatus) -> str:
    if not node.ready:
        return "not ready"
    return trouble_word(node.troubles[0].condition) if node.troubles else "ready"


def _objects(objects: Sequence[ObjectHealth], now: float, show_healthy: bool) -> Iterator[str]:
    worst_first = list(Health)[::-1]
    shown = sorted(
        (object for object in objects if show_healthy or object.health is not Health.HEALTHY),
        key=lambda object: (worst_first.index(object.health), object.object),
    )
    rows = [[f"  {object.object}", object.health.value, object.ready] for object in shown]
    for object, line in zip(shown, columns(rows), strict=True):
        note = ": ".join(part for part in (object.reason, object.message) if part)
        since = f" (for {duration(now - object.since)})" if object.since is not None and note else ""
        yield from beside(line, note + since, 56)


def _loops(loops: Sequence[LoopStatus], now: float) -> Iterator[str]:
    for loop, line in zip(loops, columns([["loop", loop.name, _how_it_runs(loop)] for loop in loops]), strict=True):
        yield from beside(line, "" if loop.ran_at is None else f"ran {age(loop.ran_at, now)}", _AGE_COLUMN)
        if loop.error:
            yield from wrapped(f"    error: {loop.error}")


def _how_it_runs(loop: LoopStatus) -> str:
    if loop.ended:
        return "has ended"
    return "has not run yet" if loop.ran_at is None else f"took {loop.took_s * 1000:.0f} ms"


def _holds(status: Status) -> Iterator[str]:
    for hold in status.holds:
        yield from wrapped(hold_line(hold.id, hold.source, len(hold.objects), hold.message), 4)
        yield from (f"  - {ref}" for ref in hold.objects[:_HELD_SHOWN])
        if len(hold.objects) > _HELD_SHOWN:
            yield f"  … and {len(hold.objects) - _HELD_SHOWN} more"
        yield "  release them with: reconciler apply --ack"
