"""`reconciler nodes`."""

from reconciler.cli.common import TEXT, client_of, command, note, now, write_result


@command("reconciler nodes")
def run(data_dir: str | None, output: str) -> None:
    """List the nodes: state, version, addresses, when each was heard last, and how wrong its clock is.

    What lasts that a node cannot do is told below, with the reason."""
    from reconciler.client.api import OWN
    from reconciler.model.kinds import KINDS
    from reconciler.render import table_text
    from reconciler.render.nodes import nodes_table, troubles_text

    client = client_of(data_dir)
    nodes = client.objects(KINDS["Node"])["items"]
    agents = {one["metadata"]["name"]: one for one in client.get(f"{OWN}/agents")["items"]}
    if output == TEXT and not nodes:
        note("there are no nodes yet")
        return
    items = [{**node, "agent": agents.get(node["metadata"]["name"], {})} for node in nodes]
    document = {"apiVersion": "reconciler.dev/v1", "kind": "NodeList", "items": items}
    text = table_text(nodes_table(items, now=now()))
    troubles = troubles_text(items, now=now())
    write_result(document, f"{text}\n{troubles}" if troubles else text, output)
