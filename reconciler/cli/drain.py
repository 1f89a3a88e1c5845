"""`reconciler drain`."""

import click

from reconciler.cli.common import client_of, command, note, write_result
from reconciler.cli.durations import Duration


@command("reconciler drain node-2\nreconciler drain node-2 --timeout 5m --delete-emptydir-data")
@click.argument("node")
@click.option("--force", is_flag=True, help="Also end Pods that nothing makes anew elsewhere.")
@click.option("--delete-emptydir-data", is_flag=True, help="Also end Pods with emptyDir volumes: their data is lost.")
@click.option("--timeout", type=Duration(), default="never", help="Give up after this long (never).")
@click.option("--dry-run", is_flag=True, help="Only say which Pods would go.")
def run(
    data_dir: str | None,
    output: str,
    node: str,
    force: bool,
    delete_emptydir_data: bool,
    timeout: float | None,
    dry_run: bool,
) -> None:
    """Place no more Pods on NODE, and have those on it go, as their disruption budgets allow.

    Pods of DaemonSets stay. Pods that nothing makes anew, or that hold data in an emptyDir, stop the drain before
    it has begun, until their option is given. It may be interrupted and run again; `reconciler uncordon` ends it.
    """
    from reconciler.cli.draining import Drain
    from reconciler.render.words import count

    drain = Drain(client_of(data_dir), node, note)
    chosen = drain.choose(force=force, empty_dirs=delete_emptydir_data)
    if not dry_run:
        drain.evict_all(chosen, timeout)
    document = {
        "apiVersion": "reconciler.dev/v1",
        "kind": "Drain",
        "node": node,
        "dryRun": dry_run,
        "pods": [f"{one['metadata']['namespace']}/{one['metadata']['name']}" for one in chosen],
    }
    word = "would go" if dry_run else "gone"
    text = f"node/{node}: {count(len(chosen), 'Pod')} {word}" + (
        "" if dry_run else "; until `reconciler uncordon` none comes"
    )
    write_result(document, text, output)
