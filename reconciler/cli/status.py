"""`reconciler status`."""

import click

from reconciler.cli.common import client_of, command, now, write_result
from reconciler.cli.durations import Seconds
from reconciler.cli.waiting import exit_of_status, read_status, wait_until_healthy


@command("reconciler status\nreconciler status --wait --timeout 120")
@click.option("--wait", is_flag=True, help="Wait until everything is healthy.")
@click.option("--timeout", type=Seconds(), default=300.0, help="With --wait: at most so long (5m).")
@click.option("--all", "show_all", is_flag=True, help="List healthy objects, too.")
def run(data_dir: str | None, output: str, wait: bool, timeout: float, show_all: bool) -> int:
    """Show the state of everything: sources, nodes, objects, holds, ages.

    Ends with 0 when all is healthy, 2 when not, 5 when deletions are held, 1 when the daemon cannot be asked.
    """
    from reconciler.render import status_text

    client = client_of(data_dir)
    document, status = wait_until_healthy(client, timeout) if wait else read_status(client)
    write_result(document, status_text(status, now=now(), show_healthy=show_all), output)
    return exit_of_status(status)
