"""`reconciler daemon`."""

from functools import partial

import click

from reconciler.cli.common import command


@command("reconciler daemon --data-dir ./data", outputs=("text",))
@click.option("--node", metavar="NAME", help="The name of this host as a node (its host name).")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="What is logged (info).")
def run(data_dir: str | None, output: str, node: str | None, log_level: str | None) -> None:
    """Run the daemon in the foreground.

    SIGTERM ends it; what it has started keeps running. Logs go to stderr.
    """
    from reconciler.config import load_settings
    from reconciler.daemon import run as run_daemon

    run_daemon(partial(load_settings, data_dir, {"node": node, "logLevel": log_level}))
