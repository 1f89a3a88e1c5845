"""`reconciler plan`."""

import base64
from typing import Any

import click

from reconciler.cli.answers import MARKDOWN, show_answer, show_problems
from reconciler.cli.common import JSON, TEXT, client_of, command
from reconciler.cli.exits import Exit
from reconciler.cli.manifests import WorkingTree, read_tree


@command(
    "reconciler plan\nreconciler plan . --output json\nreconciler plan --offline examples/repo",
    outputs=(TEXT, JSON, MARKDOWN),
)
@click.argument("path", required=False)
@click.option("--rev", metavar="REV", help="Plan a revision of the source instead of its newest one.")
@click.option("--source", metavar="NAME", default="", help="The source that PATH or REV belongs to.")
@click.option("--offline", is_flag=True, help="Ask no daemon: plan for an empty host (or those of --nodes).")
@click.option("--nodes", metavar="FILE", help="With --offline: the nodes to assume, a list of {name, cpu, memory}.")
def run(
    data_dir: str | None,
    output: str,
    path: str | None,
    rev: str | None,
    source: str,
    offline: bool,
    nodes: str | None,
) -> int:
    """Show what would change: every object, every step on a host, in order, with reasons.

    Without PATH the newest revision is planned, with PATH a working tree. Ends with 0 when there is nothing to
    do, 2 when changes are pending, 3 when the manifests have errors, 5 when deletions are held.
    """
    if path and rev:
        raise click.UsageError("PATH and --rev exclude each other")
    if nodes and not offline:
        raise click.UsageError("--nodes goes with --offline")
    if offline and (rev or not path):
        raise click.UsageError("--offline needs a PATH")
    tree = read_tree(path) if path else None
    if tree is not None and tree.has_errors:
        return _tree_problems(tree, output)
    if offline:
        assert tree is not None
        return show_answer(_offline(tree, nodes), output, tree.root)
    client = client_of(data_dir)
    if tree is not None:
        return show_answer(client.plan_of(_body(tree, source)), output, tree.root)
    return show_answer(client.plan_of({"revision": rev, "source": source}) if rev else client.plan(), output)


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
