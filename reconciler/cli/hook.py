"""`reconciler hook`: what Git's hook runs when the daemon is away."""

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.common import command, settings_of, write
from reconciler.cli.exits import Exit

if TYPE_CHECKING:
    from reconciler.config import Settings, SourceSettings
    from reconciler.git.prereceive import Update
    from reconciler.git.tree import Tree
    from reconciler.schema.validate import ValidationResult


@command("reconciler hook pre-receive < updates", outputs=("text",), hidden=True)
@click.argument("stage", type=click.Choice(["pre-receive"]))
def run(data_dir: str | None, output: str, stage: str) -> int:
    """Validate what is being pushed, in this process; the updates come on stdin as Git gives them."""
    from reconciler.git.prereceive import parse_updates
    from reconciler.model.problem import Problem
    from reconciler.render.problems import problems_summary, problems_text

    settings = settings_of(data_dir)
    source = _received(settings)
    problems: list[Problem] = []
    objects = 0
    for update in parse_updates(sys.stdin):
        if update.is_deletion or update.ref != f"refs/heads/{source.branch}":
            continue
        tree, result = _judged(settings, source, update)
        problems += [*tree.problems, *result.problems]
        objects += len(result.objects)
    write(problems_text(problems))
    is_refused = any(problem.is_error for problem in problems)
    write(f"{'refused' if is_refused else 'accepted'}: {problems_summary(problems, objects)}")
    return Exit.ERROR if is_refused else Exit.DONE


def _judged(settings: "Settings", source: "SourceSettings", update: "Update") -> "tuple[Tree, ValidationResult]":
    """Validate what is pushed: what is wrong already in what was pushed before is a warning, as with the daemon."""
    from reconciler.git.prereceive import read_pushed
    from reconciler.model.problem import Severity
    from reconciler.schema.validate import validate

    rules = partial(
        validate,
        source_path=source.path,
        unknown_kinds=Severity.WARNING if source.unknown_kinds == "warn" else Severity.ERROR,
        legacy_addresses=settings.legacy_addresses,
    )
    tree = read_pushed(_repository(), update.new, source.path, os.environ)
    result = rules(tree.files)
    if not result.is_valid and update.old.strip("0"):
        before = rules(read_pushed(_repository(), update.old, source.path, os.environ).files)
        result = rules(tree.files, applied={one.ref: one.object for one in before.objects}.get)
    return tree, result


def _repository() -> Path:
    """Return the repository that is pushed to, as Git tells its hooks."""
    return Path(os.environ.get("GIT_DIR", ".")).absolute()


def _received(settings: "Settings") -> "SourceSettings":
    """Return the source whose repository people push to."""
    from reconciler.config import RECEIVED, SourceSettings

    return next((source for source in settings.sources if source.url == RECEIVED), SourceSettings())
