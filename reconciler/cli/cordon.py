"""`reconciler cordon`."""

import click

from reconciler.cli.common import client_of, command, write_result
from reconciler.cli.overriding import set_schedulable


@command("reconciler cordon node-1")
@click.argument("node")
def run(data_dir: str | None, output: str, node: str) -> None:
    """Place no more Pods on NODE; those that run there stay, until `reconciler uncordon`."""
    answer = set_schedulable(client_of(data_dir), node, schedulable=False)
    write_result(answer, f"node/{node} is cordoned: no Pod is placed on it until `reconciler uncordon {node}`", output)
