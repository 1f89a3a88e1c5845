"""`reconciler token`."""

from typing import Any

import click

from reconciler.cli.common import TEXT, client_of, command, note, now, settings_of, write, write_json, write_result
from reconciler.cli.durations import Duration


@command(
    "reconciler token create\n"
    "reconciler token create --ttl 1h --node node-2\n"
    "reconciler token list\n"
    "reconciler token delete abc123"
)
@click.argument("action", type=click.Choice(["create", "list", "delete"]))
@click.argument("id", required=False)
@click.option("--ttl", type=Duration(), default="24h", help="create: how long it can be used (24h).")
@click.option("--node", metavar="NAME", default="", help="create: good for this name only, also for a node that was.")
def run(data_dir: str | None, output: str, action: str, id: str | None, ttl: float | None, node: str) -> None:
    """Give out, list and delete the tokens with which hosts join.

    create prints the command to run on the new host. A token lets one host in, once; it is not shown again.
    """
    if (action == "delete") != bool(id):
        raise click.UsageError("delete needs the ID of a token" if action == "delete" else f"{action} takes no ID")
    if action == "create":
        _create(data_dir, output, ttl, node)
    elif action == "list":
        _list(data_dir, output)
    else:
        _delete(data_dir, output, id or "")


def _create(data_dir: str | None, output: str, ttl: float | None, node: str) -> None:
    from reconciler.cli.credentials import server_url
    from reconciler.client.api import OWN

    if ttl is None:
        raise click.UsageError("--ttl: a join token always ends")
    document = client_of(data_dir).post(f"{OWN}/tokens", {"node": node, "ttlSeconds": ttl})
    server = server_url(settings_of(data_dir), document["port"], document.get("address", ""))
    words = ["reconciler join", server, "--token", document["token"], "--ca-cert-hash", document["caHash"]]
    line = " ".join([*words, "--node-name", node] if node else words)
    if output != TEXT:
        write_json({**document, "server": server, "command": line})
        return
    note(f"run this on the new host, until {document['expiresAt']}:")
    write(line)


def _list(data_dir: str | None, output: str) -> None:
    from reconciler.client.api import OWN
    from reconciler.render import table_text
    from reconciler.render.nodes import tokens_table

    answer = client_of(data_dir).get(f"{OWN}/tokens")
    if output == TEXT and not answer["items"]:
        note("there are no join tokens")
        return
    write_result(answer, table_text(tokens_table(answer["items"], now=now())), output)


def _delete(data_dir: str | None, output: str, id: str) -> None:
    from urllib.parse import quote

    from reconciler.client.api import OWN

    # People may paste the whole token; its secret is not sent.
    name = id.partition(".")[0]
    answer: dict[str, Any] = client_of(data_dir).delete(f"{OWN}/tokens/{quote(name, safe='')}")
    write_result(answer, f"join token {name} is deleted; a host that has joined with it stays", output)
