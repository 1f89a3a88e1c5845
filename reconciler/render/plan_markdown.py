"""A plan as Markdown, for comments on merge requests. Pure."""

from collections.abc import Iterator

from reconciler.model.plan import Decision
from reconciler.render.documents import PlanDocument
from reconciler.render.plan_text import summary_line, waiting_steps
from reconciler.render.words import SYMBOLS, short_commit, why


def plan_markdown(plan: PlanDocument) -> str:
    """Return a heading, one table of objects, one of steps, and what waits."""
    return "\n".join((*_head(plan), *_objects(plan), *_steps(plan), *_waiting(plan))) + "\n"


def _head(plan: PlanDocument) -> Iterator[str]:
    yield f"### {summary_line(plan)}"
    yield ""
    for revision in plan.revisions:
        commit, subject = short_commit(revision.commit), plain(revision.subject)
        yield f"Revision `{commit}` {subject} ({plain(revision.source)})"
    for assumption in plan.assumptions:
        yield f"- assumed: {plain(assumption)}"
    for note in plan.notes:
        yield f"- note: {plain(note)}"
    yield ""


def _objects(plan: PlanDocument) -> Iterator[str]:
    shown = [verdict for verdict in plan.verdicts if verdict.verdict is not Decision.UNCHANGED]
    if not shown:
        return
    yield "| | object | change | where |"
    yield "| --- | --- | --- | --- |"
    for verdict in shown:
        changes = [f"`{code(c.path)}`: `{code(c.old)}` → `{code(c.new)}`" for c in verdict.changes]
        notes = [plain(why(verdict.reason, verdict.message)), *changes]
        place = f"{plain(verdict.file)}:{verdict.line}" if verdict.file else ""
        text = "<br>".join(note for note in notes if note)
        yield f"| `{SYMBOLS[verdict.verdict]}` | `{code(verdict.object)}` | {text} | {place} |"
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
            f"`{code(action.object)}`",
        )
        yield f"| {' | '.join(cells)} | {plain(action.detail)} | {needs} |"
    yield ""
    yield "</details>"
    yield ""


def _waiting(plan: PlanDocument) -> Iterator[str]:
    for blocked in waiting_steps(plan):
        yield f"- `!` {blocked.verb} `{code(blocked.object)}`: {plain(why(blocked.reason, blocked.message))}"
    for hold in plan.holds:
        yield f"- **held** `{hold.id[:12]}`: {len(hold.objects)} deletions of {plain(hold.source)}"
        yield from (f"  - `{code(ref)}`" for ref in hold.objects)
    for warning in plan.warnings:
        yield f"- warning: {plain(warning)}"


def plain(text: str) -> str:
    """Return text in which nothing is markup."""
    for special in "\\`*_[]<>|#":
        text = text.replace(special, f"\\{special}")
    return " ".join(text.split())


def code(text: str) -> str:
    """Return text that can stand between backquotes in a table."""
    return " ".join(text.replace("`", "'").replace("|", "\\|").split())
