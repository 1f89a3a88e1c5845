"""Problems in manifests as text, as a report for scripts, and as annotations on a code host. Pure."""

from collections.abc import Sequence

from reconciler.model.problem import Problem, Severity
from reconciler.render.documents import ValidationReport
from reconciler.render.layout import printable
from reconciler.render.plan_document import problem_part
from reconciler.render.words import count


def problems_text(problems: Sequence[Problem]) -> str:
    """Return one line per problem (`file:line:column  severity  object  pointer  message`), hint below."""
    lines: list[str] = []
    for problem in in_order(problems):
        parts = (
            place(problem),
            problem.severity,
            problem.object,
            problem.pointer,
            _one_line(problem.message),
        )
        lines.append("  ".join(part for part in parts if part))
        if problem.hint:
            lines.append(f"    hint: {_one_line(problem.hint)}")
    return printable("".join(f"{line}\n" for line in lines))


def problems_summary(problems: Sequence[Problem], objects: int) -> str:
    """Return the last line of a validation: how much was read, and what is wrong."""
    errors = sum(1 for problem in problems if problem.is_error)
    warnings = len(problems) - errors
    found = [count(number, word) for number, word in ((errors, "error"), (warnings, "warning")) if number]
    return f"{count(objects, 'object')}: {', '.join(found) or 'no problems'}"


def validation_report(problems: Sequence[Problem], objects: int) -> ValidationReport:
    """Return the document of a validation."""
    return ValidationReport(objects=objects, problems=tuple(problem_part(problem) for problem in in_order(problems)))


def problems_github(problems: Sequence[Problem]) -> str:
    """Return workflow commands that show each problem at its line of a pull request."""
    return "".join(f"{_annotation(problem)}\n" for problem in in_order(problems))


def in_order(problems: Sequence[Problem]) -> list[Problem]:
    """Sort problems by place, errors first at the same place."""
    severities = list(Severity)
    return sorted(
        problems, key=lambda p: (p.file, p.line, p.column, severities.index(p.severity), p.pointer, p.message)
    )


def place(problem: Problem) -> str:
    """Return `file:line:column`, or the file alone when the whole of it is meant."""
    return f"{problem.file}:{problem.line}:{problem.column}" if problem.line else problem.file


def _annotation(problem: Problem) -> str:
    values = [("file", problem.file), ("title", problem.object)]
    if problem.line:
        values[1:1] = [("line", str(problem.line)), ("col", str(problem.column))]
    properties = ",".join(f"{name}={_escape(value, ',:')}" for name, value in values if value)
    pointer = f"{problem.pointer}: " if problem.pointer else ""
    hint = f" ({problem.hint})" if problem.hint else ""
    return f"::{problem.severity} {properties}::{_escape(pointer + problem.message + hint)}"


def _escape(text: str, also: str = "") -> str:
    for special in "%\r\n" + also:
        text = text.replace(special, f"%{ord(special):02X}")
    return text


def _one_line(text: str) -> str:
    return " ".join(text.split())
