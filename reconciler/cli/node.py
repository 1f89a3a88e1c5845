"""`reconciler node`."""

from typing import Any
from urllib.parse import quote

import click

from reconciler.cli.common import client_of, command, write_result


@command("reconciler node remove node-3")
@click.argument("action", type=click.Choice(["remove"]))
@click.argument("name")
def run(data_dir: str | None, output: str, action: str, name: str) -> None:
    """Declare a node gone for ever.

    Its certificate ends at once, so that it can neither report nor fetch anything; its Pods are replaced elsewhere
    where their kind allows that. Be sure that the host is off: what still runs there goes on running. To take a node
    out of service in good order, `reconciler drain` it first.
    """
    from reconciler.client.api import OWN

    answer: dict[str, Any] = client_of(data_dir).delete(f"{OWN}/agents/{quote(name, safe='')}")
    text = f"node/{name} is removed; to take the host in again: reconciler token create --node {name}"
    write_result(answer, text, output)
