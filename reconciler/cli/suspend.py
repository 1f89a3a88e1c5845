"""`reconciler suspend`."""

import click

from reconciler.cli.common import client_of, command, write_result


@command("reconciler suspend\nreconciler suspend main")
@click.argument("source", required=False, default="")
def run(data_dir: str | None, output: str, source: str) -> None:
    """Stop reconciling: what runs keeps running, nothing is changed until `reconciler resume`.

    Without SOURCE it holds for all sources.
    """
    answer = client_of(data_dir).source(source, "suspend")
    write_result(answer, f"suspended: {source or 'all sources'}", output)
