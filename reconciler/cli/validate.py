"""`reconciler validate`."""

import click

from reconciler.cli.common import JSON, TEXT, command, note, write, write_json
from reconciler.cli.exits import Exit
from reconciler.cli.manifests import read_paths

GITHUB = "github"


@command("reconciler validate examples/repo\nreconciler validate --output github .", outputs=(TEXT, JSON, GITHUB))
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option(
    "--unknown-kinds",
    type=click.Choice(["error", "warn"]),
    default="error",
    help="How kinds that we do not implement are judged (error).",
)
@click.option(
    "--legacy-addresses",
    is_flag=True,
    help="Take addresses such as 010.0.0.1 as Kubernetes did before 1.36, with a warning.",
)
def run(
    data_dir: str | None, output: str, paths: tuple[str, ...], unknown_kinds: str, *, legacy_addresses: bool
) -> int:
    """Judge manifests without a daemon: every problem at once, with file, line and column.

    Ends with 3 when there are errors; warnings alone end with 0.
    """
    from reconciler.model.base import to_builtins
    from reconciler.model.problem import Severity
    from reconciler.render.problems import problems_github, problems_summary, problems_text, validation_report
    from reconciler.schema.validate import validate

    files, found = read_paths(paths)
    severity = Severity.ERROR if unknown_kinds == "error" else Severity.WARNING
    result = validate(files, unknown_kinds=severity, legacy_addresses=legacy_addresses)
    problems = [*found, *result.problems]
    if output == JSON:
        write_json(to_builtins(validation_report(problems, objects=len(result.objects))))
    elif output == GITHUB:
        write(problems_github(problems))
    else:
        write(problems_text(problems))
        note(problems_summary(problems, len(result.objects)))
    return Exit.PROBLEMS if any(problem.is_error for problem in problems) else Exit.DONE
