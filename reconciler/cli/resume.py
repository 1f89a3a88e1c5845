"""`reconciler resume`."""

import click

from reconciler.cli.common import client_of, command, write_result


@command("reconciler resume\nreconciler resume main")
@click.argument("source", required=False, default="")
def run(data_dir: str | None, output: str, source: str) -> None:
    """Go on reconciling, also after a rollback.

    Without SOURCE it holds for all sources.
    """
    answer = client_of(data_dir).source(source, "resume")
    write_result(answer, f"resumed: {source or 'all sources'}", output)
