"""Records of history as JSON documents. Pure."""

from typing import Any

from reconciler.model.base import to_builtins
from reconciler.render import plan_document
from reconciler.store.values import ActionRecord, PlanRecord, RevisionRecord


def revision_document(record: RevisionRecord) -> dict[str, Any]:
    """Return a revision with what became of it. `at` is Unix seconds."""
    revision = record.revision
    return {
        "source": record.source,
        "commit": revision.commit,
        "subject": revision.subject,
        "author": revision.author,
        "committedAt": revision.committed_at,
        "branch": revision.branch,
        "state": str(record.state),
        "at": record.at,
        "problems": to_builtins(record.problems),
    }


def action_document(record: ActionRecord) -> dict[str, Any]:
    """Return an action with what came of it. Times are Unix seconds."""
    action, outcome = record.action, record.outcome
    return {
        "id": action.key,
        "plan": record.plan,
        "at": record.at,
        "executor": str(action.executor),
        "verb": str(action.verb),
        "node": action.node,
        "object": str(action.object),
        "reason": str(action.reason),
        "message": action.message,
        "type": record.type,
        "image": record.image,
        "status": str(outcome.status),
        "outcomeReason": outcome.reason,
        "outcomeMessage": outcome.message,
        "startedAt": outcome.started_at,
        "finishedAt": outcome.finished_at,
    }


def plan_summary(record: PlanRecord) -> dict[str, Any]:
    """Return a plan of the past in brief."""
    shown = plan_document(record.plan)
    summary = to_builtins(shown.summary) | {"unchanged": record.unchanged}
    return {
        "id": record.id,
        "at": record.at,
        "revisions": to_builtins(shown.revisions),
        "summary": summary,
    }
