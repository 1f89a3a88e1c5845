"""What commands do with the answer to a plan: show it, and say by the exit code what it means."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reconciler.cli.common import JSON, note, now, write, write_json
from reconciler.cli.exits import Exit, strongest
from reconciler.cli.manifests import where_a_person_opens_them

if TYPE_CHECKING:
    from reconciler.render.documents import PlanDocument

MARKDOWN = "markdown"


def show_answer(document: Mapping[str, Any], output: str, root: str = "") -> Exit:
    """Show a Plan, or the ValidationReport of what prevents one; return the exit code.

    `root` is the directory that was planned, for the names of files in problems.
    """
    if document.get("kind") == "ValidationReport":
        return show_problems(document, output, root)
    plan = plan_of(document)
    if output == JSON:
        write_json(document)
    else:
        _show_plan(plan, output, root)
    return exit_of_plan(plan)


def show_problems(document: Mapping[str, Any], output: str, root: str = "") -> Exit:
    """Show the problems that prevent a plan."""
    from reconciler.render.problems import problems_summary, problems_text

    problems = _placed(document.get("problems", ()), root)
    if output == JSON:
        write_json(document)
    else:
        write(problems_text(problems))
        note(f"no plan: {problems_summary(problems, int(document.get('objects', 0)))}")
    return Exit.PROBLEMS


def exit_of_plan(plan: "PlanDocument") -> Exit:
    """Return what a plan means for a script."""
    codes = [Exit.ERROR] * plan.errored + [Exit.HELD] * bool(plan.holds)
    return strongest([*codes, *[Exit.PENDING] * (not plan.summary.is_empty)])


def plan_of(document: Mapping[str, Any]) -> "PlanDocument":
    """Return the plan in a document of the API."""
    import msgspec

    from reconciler.render.documents import PlanDocument

    return msgspec.convert(document, PlanDocument)


def _show_plan(plan: "PlanDocument", output: str, root: str) -> None:
    from reconciler.render import plan_markdown, plan_text

    note_problems(plan.problems, root)
    write(plan_markdown(plan) if output == MARKDOWN else plan_text(plan, now=now()))


def note_problems(problems: Any, root: str) -> None:
    """Tell the warnings about the manifests, beside a result."""
    from reconciler.model.base import to_builtins
    from reconciler.render import problems_text

    if problems:
        note(problems_text(_placed(to_builtins(problems), root)).rstrip("\n"))


def _placed(problems: Any, root: str) -> list[Any]:
    import msgspec

    from reconciler.model.problem import Problem

    found = [msgspec.convert(problem, Problem) for problem in problems]
    return where_a_person_opens_them(found, root) if root else found
