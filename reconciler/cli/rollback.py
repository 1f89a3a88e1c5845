"""`reconciler rollback`."""

import click

from reconciler.cli.common import client_of, command, write_result


@command("reconciler rollback 4f2c1e9\nreconciler rollback HEAD~1 --source main")
@click.argument("rev")
@click.option("--source", metavar="NAME", default="", help="The source to roll back (the only one).")
def run(data_dir: str | None, output: str, rev: str, source: str) -> None:
    """Return to an earlier revision, and hold what is newer.

    The held revision is skipped until a newer one is pushed, or until `reconciler resume`.
    """
    answer = client_of(data_dir).source(source, "rollback", {"revision": rev})
    write_result(answer, f"rolled back to {str(answer.get('commit', rev))[:7]}", output)
