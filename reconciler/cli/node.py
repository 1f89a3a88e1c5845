"""`reconciler node`."""

from typing import Any
from urllib.parse import quote

import click

from reconciler.cli.common import client_of, command, write_result
from reconciler.model.errors import TerminalError


@command("reconciler node remove node-3")
@click.argument("action", type=click.Choice(["remove"]))
@click.argument("name")
@click.option("--leave-data", is_flag=True, help="Also when claims have their data on this node alone.")
def run(data_dir: str | None, output: str, action: str, name: str, leave_data: bool) -> None:
    """Declare a node gone for ever.

    Its certificate ends at once, so that it can neither report nor fetch anything; its Pods are replaced elsewhere
    where their kind allows that. Be sure that the host is off: what still runs there goes on running. To take a node
    out of service in good order, `reconciler drain` it first. Claims whose data is on its disks alone stop this until
    --leave-data is given: Pods that use them will find no node.
    """
    from reconciler.cli.stranded import claims_only_on, listed
    from reconciler.client.api import OWN

    client = client_of(data_dir)
    if not leave_data and (kept := claims_only_on(client, name)):
        raise TerminalError(
            f"node/{name} alone has the data of {listed(kept)}",
            hint="copy it to another volume first, or remove the node all the same: --leave-data",
        )
    answer: dict[str, Any] = client.delete(f"{OWN}/agents/{quote(name, safe='')}")
    text = f"node/{name} is removed; to take the host in again: reconciler token create --node {name}"
    write_result(answer, text, output)
