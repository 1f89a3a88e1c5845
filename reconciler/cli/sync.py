"""`reconciler sync`."""

import click

from reconciler.cli.common import client_of, command, write_result


@command("reconciler sync\nreconciler sync main")
@click.argument("source", required=False, default="")
def run(data_dir: str | None, output: str, source: str) -> None:
    """Look at the repositories now, without waiting for the next poll.

    Without SOURCE it holds for all sources.
    """
    answer = client_of(data_dir).source(source, "sync")
    write_result(answer, f"asked to look: {source or 'all sources'}", output)
