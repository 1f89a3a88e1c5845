"""`reconciler plan`."""

import base64
from typing import Any

import click

from reconciler.cli.answers import MARKDOWN, show_answer, show_problems
from reconciler.cli.common import JSON, TEXT, client_of, command
from reconciler.cli.exits import Exit
from reconciler.cli.manifests import WorkingTree, read_tree
from reconciler.cli.outlooks import (
    CAPACITY,
    FORECAST,
    offline_capacity,
    offline_forecast,
    show_capacity,
    show_forecast,
)


@command(
    "reconciler plan\nreconciler plan . --output json\nreconciler plan --offline examples/repo\n"
    "reconciler plan . --forecast\nreconciler plan --capacity",
    outputs=(TEXT, JSON, MARKDOWN),
)
@click.argument("path", required=False)
@click.option("--rev", metavar="REV", help="Plan a revision of the source instead of its newest one.")
@click.option("--source", metavar="NAME", default="", help="The source that PATH or REV belongs to.")
@click.option("--offline", is_flag=True, help="Ask no daemon: plan for an empty host (or those of --nodes).")
@click.option("--nodes", metavar="FILE", help="With --offline: the nodes to assume, a list of {name, cpu, memory}.")
@click.option("--forecast", is_flag=True, help="Forecast the whole rollout: its steps, times, and what is ready.")
@click.option(
    "--capacity", is_flag=True, help="Show what fits on the nodes instead: requests, free room, nodes needed."
)
def run(
    data_dir: str | None,
    output: str,
    path: str | None,
    rev: str | None,
    source: str,
    offline: bool,
    nodes: str | None,
    forecast: bool,
    capacity: bool,
) -> int:
    """Show what would change: every object, every step on a host, in order, with reasons.

    Without PATH the newest revision is planned, with PATH a working tree. Ends with 0 when there is nothing to
    do, 2 when changes are pending, 3 when the manifests have errors, 5 when deletions are held.

    With --forecast the rollout is simulated from the present state until nothing changes: every step in order, with
    times learnt from earlier ones, how few replicas are ready meanwhile, and what to know before. It ends with 1 when
    the forecast had to be cut. With --capacity it ends with 2 when something does not fit.
    """
    if forecast and capacity:
        raise click.UsageError("--forecast and --capacity exclude each other")
    if capacity and output == MARKDOWN:
        raise click.UsageError("--capacity is shown as text or json")
    if path and rev:
        raise click.UsageError("PATH and --rev exclude each other")
    if nodes and not offline:
        raise click.UsageError("--nodes goes with --offline")
    if offline and (rev or not path):
        raise click.UsageError("--offline needs a PATH")
    tree = read_tree(path) if path else None
    if tree is not None and tree.has_errors:
        return _tree_problems(tree, output)
    if forecast or capacity:
        return _outlook(data_dir, tree, rev, source, output, offline, nodes, FORECAST if forecast else CAPACITY)
    if offline:
        assert tree is not None
        return show_answer(_offline(tree, nodes), output, tree.root)
    client = client_of(data_dir)
    if tree is not None:
        return show_answer(client.plan_of(_body(tree, source)), output, tree.root)
    return show_answer(client.plan_of({"revision": rev, "source": source}) if rev else client.plan(), output)


def _outlook(
    data_dir: str | None,
    tree: WorkingTree | None,
    rev: str | None,
    source: str,
    output: str,
    offline: bool,
    nodes: str | None,
    what: str,
) -> Exit:
    """Show a forecast or the capacity, worked out by the daemon or (offline) here."""
    root = tree.root if tree is not None else ""
    if offline:
        assert tree is not None
        found = offline_forecast(tree, nodes) if what == FORECAST else offline_capacity(tree, nodes)
    else:
        client = client_of(data_dir)
        body = _body(tree, source) if tree is not None else {"revision": rev or "", "source": source}
        found = client.forecast(body) if what == FORECAST else client.capacity(body)
    return show_forecast(found, output, root) if what == FORECAST else show_capacity(found, output, root)


def _body(tree: WorkingTree, source: str) -> dict[str, Any]:
    files = [
        {"path": file.path, "blobId": file.blob_id, "content": base64.b64encode(file.content).decode()}
        for file in tree.files
    ]
    return {"files": files, "source": source}


def _offline(tree: WorkingTree, nodes: str | None) -> dict[str, Any]:
    """Plan against assumed nodes, in this process."""
    from pathlib import Path

    from reconciler.controller.offline import plan_offline, read_nodes
    from reconciler.model.base import to_builtins
    from reconciler.render import plan_document, validation_report

    answer = plan_offline(tree.files, read_nodes(Path(nodes)) if nodes else (), problems=tree.problems)
    if answer.plan is None:
        document: dict[str, Any] = to_builtins(validation_report(answer.problems, objects=0))
    else:
        document = to_builtins(plan_document(answer.plan, answer.problems))
    return document


def _tree_problems(tree: WorkingTree, output: str) -> Exit:
    from reconciler.model.base import to_builtins
    from reconciler.render import validation_report

    return show_problems(to_builtins(validation_report(tree.problems, objects=0)), output)
