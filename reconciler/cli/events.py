"""`reconciler events`."""

from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.common import JSON, client_of, command, note, now, write, write_json
from reconciler.cli.targets import object_ref

if TYPE_CHECKING:
    from reconciler.client import ApiClient
    from reconciler.model.refs import ObjectRef


_FOLLOWED = "{0:9}  {1:7}  {2:18}  {3:40}  {4}"


@command("reconciler events\nreconciler events -f deployment/shop/web")
@click.argument("object", required=False)
@click.option("-n", "--namespace", help="The namespace of OBJECT.")
@click.option("-f", "--follow", is_flag=True, help="Go on showing events as they happen.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, help="How many of the past at most (100).")
def run(data_dir: str | None, output: str, object: str | None, namespace: str | None, follow: bool, limit: int) -> None:
    """Show what happened, newest last; to everything, or to one OBJECT and what was made for it."""
    client = client_of(data_dir)
    ref = object_ref(object, namespace) if object else None
    listed = read_events(client, ref, limit)
    if output == JSON and not follow:
        write_json(listed)
        return
    _show(listed["items"], output)
    if follow:
        _follow(client, ref, listed["metadata"]["resourceVersion"], output)


def read_events(client: "ApiClient", ref: "ObjectRef | None", limit: int) -> dict[str, Any]:
    """Return the events about an object and what was made for it, oldest first."""
    from reconciler.client.api import OWN

    answer: dict[str, Any] = client.get(f"{OWN}/events", {"object": str(ref) if ref else "", "limit": limit})
    return answer


def _follow(client: "ApiClient", ref: "ObjectRef | None", position: str, output: str) -> None:
    """Show events as they come; a watch that ends is taken up again where it was, or begins anew."""
    from reconciler.client import WatchExpired
    from reconciler.client.api import path_of
    from reconciler.model.kinds import KINDS

    path = path_of(KINDS["Event"], ref.namespace if ref else "")
    while True:
        try:
            for change in client.watch(path, {"resourceVersion": position, "allowWatchBookmarks": True}):
                position = change["object"]["metadata"].get("resourceVersion", position)
                if change["type"] in ("ADDED", "MODIFIED") and _is_about(change["object"], ref):
                    _show([change["object"]], output, heading=False)
        except WatchExpired:
            note("some events were missed")
            position = read_events(client, ref, 1)["metadata"]["resourceVersion"]


def _is_about(event: dict[str, Any], ref: "ObjectRef | None") -> bool:
    from reconciler.model.refs import ObjectRef
    from reconciler.server.descent import descent_of

    about = event.get("involvedObject", {})
    other = ObjectRef.of(about.get("kind", ""), about.get("namespace", ""), about.get("name", ""))
    return ref is None or descent_of(ref)(other)


def _show(events: list[dict[str, Any]], output: str, *, heading: bool = True) -> None:
    from reconciler.render import events_table, table_text
    from reconciler.render.history import event_row
    from reconciler.render.layout import printable

    if output == JSON:
        for event in events:
            write_json(event)
    elif heading:
        write(table_text(events_table(events, now=now())))
    else:
        rows = [event_row(event, now=now()) for event in events]
        write("\n".join(printable(_FOLLOWED.format(*row).replace("\n", " ")) for row in rows))
