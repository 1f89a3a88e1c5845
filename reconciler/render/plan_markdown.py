"""A plan as Markdown, for comments on merge requests. Pure."""

from collections.abc import Iterator

from reconciler.model.plan import Decision
from reconciler.render.documents import PlanDocument
from reconciler.render.plan_text import summary_line
from reconciler.render.words import SYMBOLS, short_commit, why


def plan_markdown(plan: PlanDocument) -> str:
    """Return a heading, one table of objects, one of steps, and what waits."""
    return "\n".join((*_head(plan), *_objects(plan), *_steps(plan), *_waiting(plan))) + "\n"


def _head(plan: PlanDocument) -> Iterator[str]:
    yield f"### {summary_line(plan)}"
    yield ""
    for revision in plan.revisions:
        commit, subject = short_commit(revision.commit), _text(revision.subject)
        yield f"Revision `{commit}` {subject} ({_text(revision.source)})"
    for assumption in plan.assumptions:
        yield f"- assumed: {_text(assumption)}"
    for note in plan.notes:
        yield f"- note: {_text(note)}"
    yield ""


def _objects(plan: PlanDocument) -> Iterator[str]:
    shown = [verdict for verdict in plan.verdicts if verdict.verdict is not Decision.UNCHANGED]
    if not shown:
        return
    yield "| | object | change | where |"
    yield "| --- | --- | --- | --- |"
    for verdict in shown:
        changes = [f"`{_code(c.path)}`: `{_code(c.old)}` → `{_code(c.new)}`" for c in verdict.changes]
        notes = [_text(why(verdict.reason, verdict.message)), *changes]
        place = f"{_text(verdict.file)}:{verdict.line}" if verdict.file else ""
        text = "<br>".join(note for note in notes if note)
        yield f"| `{SYMBOLS[verdict.verdict]}` | `{_code(verdict.object)}` | {text} | {place} |"
    yield ""


def _steps(plan: PlanDocument) -> Iterator[str]:
    if not plan.actions:
        return
    numbers = {action.id: number for number, action in enumerate(plan.actions, start=1)}
    yield f"<details><summary>{len(plan.actions)} steps on hosts</summary>"
    yield ""
    yield "| # | executor | node | verb | object | detail | needs |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for action in plan.actions:
        needs = ", ".join(str(numbers[need]) for need in action.needs if need in numbers)
        cells = (
            str(numbers[action.id]),
            action.executor,
            action.node,
            action.verb,
            f"`{_code(action.object)}`",
        )
        yield f"| {' | '.join(cells)} | {_text(action.detail)} | {needs} |"
    yield ""
    yield "</details>"
    yield ""


def _waiting(plan: PlanDocument) -> Iterator[str]:
    for blocked in plan.blocked:
        yield f"- `!` {blocked.verb} `{_code(blocked.object)}`: {_text(why(blocked.reason, blocked.message))}"
    for hold in plan.holds:
        yield f"- **held** `{hold.id[:12]}`: {len(hold.objects)} deletions of {_text(hold.source)}"
        yield from (f"  - `{_code(ref)}`" for ref in hold.objects)
    for warning in plan.warnings:
        yield f"- warning: {_text(warning)}"


def _text(text: str) -> str:
    for special in "\\`*_[]<>|#":
        text = text.replace(special, f"\\{special}")
    return " ".join(text.split())


def _code(text: str) -> str:
    return " ".join(text.replace("`", "'").replace("|", "\\|").split())
