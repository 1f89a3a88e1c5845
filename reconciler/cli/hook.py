"""`reconciler hook`: what Git's hook runs when the daemon is away."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.common import command, settings_of, write
from reconciler.cli.exits import Exit

if TYPE_CHECKING:
    from reconciler.config import Settings, SourceSettings


@command("reconciler hook pre-receive < updates", outputs=("text",), hidden=True)
@click.argument("stage", type=click.Choice(["pre-receive"]))
def run(data_dir: str | None, output: str, stage: str) -> int:
    """Validate what is being pushed, in this process; the updates come on stdin as Git gives them."""
    from reconciler.git.prereceive import parse_updates, read_pushed
    from reconciler.model.problem import Problem, Severity
    from reconciler.render.problems import problems_summary, problems_text
    from reconciler.schema.validate import validate

    settings = settings_of(data_dir)
    source = _received(settings)
    problems: list[Problem] = []
    objects = 0
    for update in parse_updates(sys.stdin):
        if update.is_deletion or update.ref != f"refs/heads/{source.branch}":
            continue
        tree = read_pushed(_repository(), update.new, source.path, os.environ)
        severity = Severity.WARNING if source.unknown_kinds == "warn" else Severity.ERROR
        result = validate(
            tree.files,
            source_path=source.path,
            unknown_kinds=severity,
            legacy_addresses=settings.legacy_addresses,
        )
        problems += [*tree.problems, *result.problems]
        objects += len(result.objects)
    write(problems_text(problems))
    is_refused = any(problem.is_error for problem in problems)
    write(f"{'refused' if is_refused else 'accepted'}: {problems_summary(problems, objects)}")
    return Exit.ERROR if is_refused else Exit.DONE


def _repository() -> Path:
    """Return the repository that is pushed to, as Git tells its hooks."""
    return Path(os.environ.get("GIT_DIR", ".")).absolute()


def _received(settings: "Settings") -> "SourceSettings":
    """Return the source whose repository people push to."""
    from reconciler.config import RECEIVED, SourceSettings

    return next((source for source in settings.sources if source.url == RECEIVED), SourceSettings())
