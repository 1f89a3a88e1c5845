"""`reconciler rollout`."""

import time
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.common import client_of, command, note, now, write, write_json, write_result
from reconciler.cli.durations import Seconds
from reconciler.cli.exits import Exit
from reconciler.cli.overriding import pause, restart, revisions_of, undo_to
from reconciler.cli.progress import KINDS as FOLLOWED_KINDS
from reconciler.cli.progress import progress_of
from reconciler.cli.targets import object_ref

if TYPE_CHECKING:
    from reconciler.client import ApiClient
    from reconciler.model.refs import ObjectRef

_LOOK_S = 0.3
_CAUSE = "kubernetes.io/change-cause"
Document = dict[str, Any]


@command(
    "reconciler rollout restart deployment/shop/web\n"
    "reconciler rollout undo deployment/web -n shop --to-revision 3\n"
    "reconciler rollout pause deployment/shop/web\n"
    "reconciler rollout status deployment/shop/web --timeout 60\n"
    "reconciler rollout history deployment/shop/web"
)
@click.argument("action", type=click.Choice(["restart", "undo", "pause", "resume", "status", "history"]))
@click.argument("workload")
@click.option("-n", "--namespace", help="The namespace of WORKLOAD.")
@click.option("--to-revision", type=click.IntRange(1), metavar="N", help="undo: the revision (the one before).")
@click.option("--timeout", type=Seconds(), default=120.0, help="status: how long to wait (2m).")
def run(
    data_dir: str | None,
    output: str,
    action: str,
    workload: str,
    namespace: str | None,
    to_revision: int | None,
    timeout: float,
) -> None:
    """Restart a workload, return it to an earlier template, have its rollout wait, or see how far it is.

    undo holds until the declaration of the workload changes in the repository; undo once more to return to what is
    declared. To return a whole source to an earlier commit use `reconciler rollback`.
    """
    client, ref = client_of(data_dir), object_ref(workload, namespace)
    if to_revision is not None and action != "undo":
        raise click.UsageError("--to-revision goes with undo")
    if action == "restart":
        write_result(restart(client, ref, _timestamp()), f"{ref} is restarting", output)
        return
    if action in ("pause", "resume"):
        answer = pause(client, ref, paused=action == "pause")
        write_result(answer, f"{ref} is {action}d", output)
        return
    if action == "status":
        if ref.kind not in FOLLOWED_KINDS:
            raise click.UsageError("status is for deployments, daemon sets and stateful sets")
        _status(client, ref, timeout, output)
        return
    if ref.kind != "Deployment":
        raise click.UsageError(f"{action} is for deployments")
    if action == "undo":
        undo_to(client, ref, to_revision, output)
    else:
        _history(client, ref, output)


def _timestamp() -> str:
    from reconciler.model.times import rfc3339

    return rfc3339(now())


def _history(client: "ApiClient", ref: "ObjectRef", output: str) -> None:
    from reconciler.render import table_text
    from reconciler.render.tables import Table

    deployment = _get(client, ref)
    revisions = revisions_of(client, deployment)
    if output != "text":
        items = [{"revision": number, "replicaSet": one["metadata"]["name"]} for number, one in revisions]
        write_json({"apiVersion": "reconciler.dev/v1", "kind": "RolloutHistory", "items": items})
        return
    if not revisions:
        note("nothing is recorded")
        return
    rows = tuple(
        (
            str(number),
            one["metadata"]["name"],
            f"{one.get('status', {}).get('replicas', 0)}",
            ", ".join(container.get("image", "") for container in one["spec"]["template"]["spec"]["containers"]),
            one["metadata"].get("annotations", {}).get(_CAUSE, "<none>"),
        )
        for number, one in revisions
    )
    write(table_text(Table(columns=("REVISION", "REPLICASET", "PODS", "IMAGES", "CHANGE-CAUSE"), rows=rows)))


def _status(client: "ApiClient", ref: "ObjectRef", timeout_s: float, output: str) -> None:
    """Wait until a rollout is over, saying what it waits for; exit 2 when it is not in time, 1 when it failed."""
    deadline, told = time.monotonic() + timeout_s, ""
    while True:
        workload = _get(client, ref)
        progress = progress_of(ref.kind, workload)
        if progress.is_done:
            write_result(workload, progress.text, output)
            return
        if progress.has_failed:
            raise click.ClickException(f"{ref}: {progress.text}")
        if time.monotonic() >= deadline:
            note(f"{ref} is not rolled out within {timeout_s:.0f} s: {progress.text}")
            raise click.exceptions.Exit(Exit.PENDING)
        if progress.text != told:
            note(progress.text)
            told = progress.text
        time.sleep(_LOOK_S)


def _get(client: "ApiClient", ref: "ObjectRef") -> Document:
    from reconciler.model.kinds import KINDS

    return client.object(KINDS[ref.kind], ref.namespace, ref.name)
