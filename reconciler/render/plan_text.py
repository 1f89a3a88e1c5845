"""A plan as people read it: objects, numbered steps, what waits, and one last line. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from reconciler.model.plan import Decision, Reason
from reconciler.render.documents import ActionPart, BlockedPart, PlanDocument, RevisionPart, Summary, VerdictPart
from reconciler.render.layout import beside, columns, printable, wrapped
from reconciler.render.words import SYMBOLS, age, duration, hold_line, reason_phrase, short_commit, why

_PLACE_COLUMN = 44
_NOTE_COLUMN = 72
_VALUE_COLUMN = 44
_VALUE_WIDTH = 40


def plan_text(plan: PlanDocument, *, now: float, show_unchanged: bool = False) -> str:
    """Return the whole plan as text, ending in a line that names its id and what it amounts to."""
    shown = [verdict for verdict in plan.verdicts if show_unchanged or _is_shown(verdict)]
    groups: list[list[str]] = [
        list(_header(plan, now)),
        [line for verdict in shown for line in _verdict(verdict, now)],
        [*_actions(plan.actions), *_blocked(plan, now)],
        list(_holds(plan)),
        [line for note in plan.notes for line in wrapped(f"  note: {note}", 8)],
        [line for warning in plan.warnings for line in wrapped(f"  warning: {warning}", 11)],
        [summary_line(plan)],
    ]
    return printable("\n\n".join("\n".join(group) for group in groups if group) + "\n")


def _is_shown(verdict: VerdictPart) -> bool:
    """Whether a verdict has a line of its own; held deletions are listed with their set."""
    return verdict.verdict is not Decision.UNCHANGED and verdict.reason is not Reason.DELETION_HELD


def summary_line(plan: PlanDocument) -> str:
    """Return the last line: `Plan 9b3f02: 2 to create, 1 to update, 14 unchanged. No data is lost.`"""
    summary = plan.summary
    parts = [f"{number} {words}" for number, words in _amounts(summary) if number]
    if summary.is_empty and not (plan.errored or summary.held or summary.blocked):
        parts = ["nothing to do", *parts]
    return f"Plan {plan.id[:6] or '-'}: {', '.join(parts) or 'nothing declared'}. {summary.data}".rstrip()


def _amounts(summary: Summary) -> Sequence[tuple[int, str]]:
    steps = "step on hosts" if summary.actions == 1 else "steps on hosts"
    idle = not (summary.create or summary.update or summary.replace or summary.delete)
    return (
        (summary.create, "to create"),
        (summary.update, "to update"),
        (summary.replace, "to replace"),
        (summary.delete, "to delete"),
        (summary.actions if idle else 0, steps),
        (summary.blocked, "blocked"),
        (summary.held, "held"),
        (summary.unchanged, "unchanged"),
    )


def _header(plan: PlanDocument, now: float) -> Iterator[str]:
    observed = "observed never" if not plan.observed_at else f"observed {age(plan.observed_at, now)}"
    revisions = [_revision(revision, len(plan.revisions) > 1) for revision in plan.revisions] or ["no revision"]
    yield from beside(revisions[0], observed if not plan.assumptions else "offline", len(revisions[0]) + 3, indent=2)
    yield from revisions[1:]
    for assumption in plan.assumptions:
        yield from wrapped(f"  assumed: {assumption}", 11)
    if not plan.complete:
        yield "  incomplete: a source or a node could not be read; nothing is deleted meanwhile"
    if plan.errored:
        yield "  errored: the plan cannot be applied"


def _revision(revision: RevisionPart, name_source: bool) -> str:
    if not revision.commit:
        return revision.subject or "no revision"
    subject = revision.subject if len(revision.subject) <= 50 else revision.subject[:49] + "…"
    title = f' "{subject}"' if subject else ""
    where = f"{revision.source} {revision.branch}".strip() if name_source else revision.branch
    return f"revision {short_commit(revision.commit)}{title}" + (f" ({where})" if where else "")


def _verdict(verdict: VerdictPart, now: float) -> Iterator[str]:
    head = f"{SYMBOLS[verdict.verdict]} {verdict.object}"
    note = why(verdict.reason, verdict.message)
    if verdict.verdict is Decision.BLOCKED and verdict.since is not None:
        note = f"{note} (for {duration(now - verdict.since)})"
    place = f"{verdict.file}:{verdict.line}" if verdict.file else ""
    if place and note:
        yield from beside(f"{head.ljust(_PLACE_COLUMN - 2)}  {place}", note, _NOTE_COLUMN)
    else:
        yield from beside(head, place or note, _PLACE_COLUMN)
    for change in verdict.changes:
        values = f"{_value(change.old)} → {_value(change.new)}"
        yield from beside(f"    {_path(change.path)}", values, _VALUE_COLUMN)


def _value(text: str) -> str:
    if text == "":
        return "(none)"
    return text if len(text) <= _VALUE_WIDTH else text[: _VALUE_WIDTH - 1] + "…"


def _path(path: str) -> str:
    limit = _VALUE_COLUMN - 6
    return path if len(path) <= limit else "…" + path[-(limit - 1) :]


def _actions(actions: Sequence[ActionPart]) -> Iterator[str]:
    numbers = {action.id: number for number, action in enumerate(actions, start=1)}
    digits = len(str(len(actions)))
    rows = [_cells(action.executor, action.node, action.verb, action.object, action.detail) for action in actions]
    for action, line in zip(actions, columns(rows), strict=True):
        number = str(numbers[action.id]).rjust(digits)
        yield from beside(f"  {number}  {line}", _note(action, numbers), _NOTE_COLUMN)


def _cells(executor: str, node: str, verb: str, ref: str, detail: str = "") -> list[str]:
    return [executor, node, verb, f"{_without_kind(ref)}  {detail}".rstrip()]


def _without_kind(ref: str) -> str:
    return ref.partition("/")[2] or ref


def _note(action: ActionPart, numbers: Mapping[str, int]) -> str:
    needed = sorted(numbers[need] for need in action.needs if need in numbers)
    needs = f"needs {', '.join(map(str, needed))}" if needed else ""
    said = action.message if action.message != action.detail else ""
    reason = said or ("" if needs or action.message else reason_phrase(action.reason))
    return "; ".join(part for part in (reason, needs) if part)


def waiting_steps(plan: PlanDocument) -> list[BlockedPart]:
    """Return the steps that wait, but for those of which the line of their object says the same already."""
    said = {(one.object, one.message) for one in plan.verdicts if one.verdict is Decision.BLOCKED}
    return [one for one in plan.blocked if one.until is not None or (one.object, one.message) not in said]


def _blocked(plan: PlanDocument, now: float) -> Iterator[str]:
    waiting = waiting_steps(plan)
    rows = [["! blocked", *_cells(row.executor, row.node, row.verb, row.object)] for row in waiting]
    for blocked, line in zip(waiting, columns(rows), strict=True):
        note = why(blocked.reason, blocked.message)
        if blocked.until is not None and blocked.until > now:
            note = f"{note} (again in {duration(blocked.until - now)})"
        yield from beside(f"  {line}", note, _NOTE_COLUMN)


def _holds(plan: PlanDocument) -> Iterator[str]:
    for hold in plan.holds:
        yield from wrapped(hold_line(hold.id, hold.source, len(hold.objects), hold.message), 4)
        yield from (f"  - {ref}" for ref in hold.objects)
        yield "  release them with: reconciler apply --ack"
