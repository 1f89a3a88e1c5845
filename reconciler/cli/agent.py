"""`reconciler agent`."""

from functools import partial

import click

from reconciler.cli.common import command


@command("reconciler agent", outputs=("text",))
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="What is logged (info).")
def run(data_dir: str | None, output: str, log_level: str | None) -> None:
    """Run the agent of a host that has joined, in the foreground.

    SIGTERM ends it; what it has started keeps running. While the daemon is away it looks after the host by itself.
    """
    from reconciler.agent.process import run as run_agent
    from reconciler.config import load_settings

    run_agent(partial(load_settings, data_dir, {"logLevel": log_level}))
