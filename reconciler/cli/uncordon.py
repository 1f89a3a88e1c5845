"""`reconciler uncordon`."""

import click

from reconciler.cli.common import client_of, command, write_result
from reconciler.cli.overriding import set_schedulable


@command("reconciler uncordon node-1")
@click.argument("node")
def run(data_dir: str | None, output: str, node: str) -> None:
    """Place Pods on NODE again."""
    answer = set_schedulable(client_of(data_dir), node, schedulable=True)
    write_result(answer, f"node/{node} takes Pods again", output)
