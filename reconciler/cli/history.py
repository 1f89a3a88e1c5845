"""`reconciler history`."""

import click

from reconciler.cli.common import TEXT, client_of, command, note, now, write_result
from reconciler.cli.targets import object_ref


@command("reconciler history\nreconciler history deployment/shop/web\nreconciler history pod/shop/web-1 --limit 5")
@click.argument("object", required=False)
@click.option("-n", "--namespace", help="The namespace of OBJECT.")
@click.option("--node", metavar="NAME", default="", help="Only what was done on this node.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, help="How much at most (20).")
def run(data_dir: str | None, output: str, object: str | None, namespace: str | None, node: str, limit: int) -> None:
    """Show the revisions that were read and what became of them, newest first.

    With OBJECT (or --node): what was done to it and to what was made for it, why, and what came of it.
    """
    from reconciler.client.api import OWN
    from reconciler.render import actions_table, history_table, table_text

    client = client_of(data_dir)
    if object or node:
        named = str(object_ref(object, namespace)) if object else ""
        answer = client.get(f"{OWN}/actions", {"object": named, "node": node, "limit": limit})
        table = actions_table(answer["items"], now=now())
    else:
        answer = client.get(f"{OWN}/revisions", {"limit": limit})
        table = history_table(answer["items"], now=now())
    if output == TEXT and not table.rows:
        note("nothing is recorded")
        return
    write_result(answer, table_text(table), output)
