"""What happened: revisions, steps and events as tables. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.model.times import unix
from reconciler.render.tables import Table, at
from reconciler.render.words import short_age, short_commit

Document = Mapping[str, Any]
_SUBJECT_WIDTH = 44
_MESSAGE_WIDTH = 60


def history_table(revisions: Sequence[Document], *, now: float) -> Table:
    """Return the revisions that were read, newest first, with what became of each."""
    return Table(
        columns=("REVISION", "SOURCE", "STATE", "AGE", "AUTHOR", "SUBJECT"),
        rows=tuple(
            (
                short_commit(revision.get("commit", "")),
                revision.get("source", ""),
                revision.get("state", ""),
                _age(revision.get("at"), now),
                _cut(revision.get("author", ""), 24),
                _cut(revision.get("subject", ""), _SUBJECT_WIDTH),
            )
            for revision in revisions
        ),
    )


def actions_table(actions: Sequence[Document], *, now: float) -> Table:
    """Return the steps that were carried out, with why and what came of each."""
    return Table(
        columns=("AGE", "PLAN", "NODE", "EXECUTOR", "VERB", "OBJECT", "OUTCOME", "WHY"),
        rows=tuple(
            (
                _age(action.get("at"), now),
                action.get("plan", "")[:6],
                action.get("node", ""),
                action.get("executor", ""),
                action.get("verb", ""),
                action.get("object", ""),
                _outcome(action),
                _cut(action.get("message") or action.get("reason", ""), _MESSAGE_WIDTH),
            )
            for action in actions
        ),
    )


def events_table(events: Sequence[Document], *, now: float) -> Table:
    """Return Kubernetes Event documents, oldest first as they are given."""
    return Table(
        columns=("LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"),
        rows=tuple(event_row(event, now=now) for event in events),
    )


def event_row(event: Document, *, now: float) -> tuple[str, ...]:
    """Return one event as a row: when, type, reason, object, message with its count."""
    seen = unix(event.get("lastTimestamp") or event.get("eventTime") or at(event, "metadata", "creationTimestamp"))
    involved = event.get("involvedObject", {})
    parts = (involved.get("kind", "").lower(), involved.get("namespace", ""), involved.get("name", ""))
    times = event.get("count", 1)
    return (
        "<unknown>" if seen is None else short_age(now - seen),
        event.get("type", "Normal"),
        event.get("reason", ""),
        "/".join(part for part in parts if part),
        event.get("message", "") + (f" (x{times})" if times > 1 else ""),
    )


def _outcome(action: Document) -> str:
    reason = action.get("outcomeReason", "")
    return f"{action.get('status', '')} {reason}".strip()


def _age(seconds: float | None, now: float) -> str:
    return "" if seconds is None else short_age(now - seconds)


def _cut(text: str, width: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"
