"""`reconciler describe`."""

import click

from reconciler.cli.common import client_of, command, now, write, write_result
from reconciler.cli.events import read_events
from reconciler.cli.get import yaml_text
from reconciler.cli.targets import object_ref

_EVENTS = 30
_NOISE = ("resourceVersion", "uid", "generation", "managedFields")


@command("reconciler describe deployment/shop/web\nreconciler describe node/node-1")
@click.argument("object")
@click.argument("name", required=False)
@click.option("-n", "--namespace", help="The namespace of OBJECT.")
def run(data_dir: str | None, output: str, object: str, name: str | None, namespace: str | None) -> None:
    """Show one object with its state, and the events about it.

    OBJECT is kind/namespace/name or kind/name, or its kind alone with NAME after it.
    """
    from reconciler.model.kinds import KINDS
    from reconciler.render import events_table, table_text

    client, ref = client_of(data_dir), object_ref(f"{object}/{name}" if name else object, namespace)
    document = client.object(KINDS[ref.kind], ref.namespace, ref.name)
    events = read_events(client, ref, _EVENTS)["items"]
    shown = {key: value for key, value in document.items() if key not in ("data", "stringData")}
    shown["metadata"] = {key: value for key, value in document["metadata"].items() if key not in _NOISE}
    for name in ("data", "stringData"):
        if name in document:
            shown[name] = dict.fromkeys(document[name], "...") if ref.kind == "Secret" else document[name]
    text = yaml_text(shown)
    write_result({**document, "events": events}, text, output)
    if output == "text":
        write("\n" + table_text(events_table(events, now=now())) if events else "\nno events")
