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

    With OBJECT (or --node): what was done to it and to what was made for it, why, and what came of it; of a Deployment
    first its revisions, each with the commit that it came from.
    """
    from reconciler.cli.object_history import object_revisions, revisions_table
    from reconciler.client.api import OWN
    from reconciler.render import actions_table, history_table, table_text

    client = client_of(data_dir)
    revisions = ""
    if object or node:
        ref = object_ref(object, namespace) if object else None
        named = str(ref) if ref else ""
        answer = client.get(f"{OWN}/actions", {"object": named, "node": node, "limit": limit})
        table = actions_table(answer["items"], now=now())
        if ref is not None and ref.kind == "Deployment" and (found := object_revisions(client, ref)):
            answer = {**answer, "revisions": found}
            revisions = table_text(revisions_table(found, now=now()))
    else:
        answer = client.get(f"{OWN}/revisions", {"limit": limit})
        table = history_table(answer["items"], now=now())
    if output == TEXT and not table.rows and not revisions:
        note("nothing is recorded")
        return
    parts = [revisions, table_text(table) if table.rows else ""]
    write_result(answer, "\n".join(part for part in parts if part), output)
