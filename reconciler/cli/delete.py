"""`reconciler delete`."""

import time
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.common import client_of, command, note, write_result
from reconciler.cli.durations import Seconds
from reconciler.cli.exits import Exit
from reconciler.cli.targets import DEFAULT_NAMESPACE, kind_spec

if TYPE_CHECKING:
    from reconciler.client import ApiClient

_LOOK_S = 0.2


@command("reconciler delete pod web-6d4cf-k2x9p -n shop\nreconciler delete pod shop/web-6d4cf-k2x9p --grace-period 0")
@click.argument("kind")
@click.argument("name")
@click.option("-n", "--namespace", help="The namespace of NAME.")
@click.option("--grace-period", type=click.IntRange(0), metavar="S", help="Seconds it has to end (its own).")
@click.option("--wait/--no-wait", default=True, help="Wait until it has ended (yes).")
@click.option("--timeout", type=Seconds(), default=120.0, help="How long to wait (2m).")
def run(
    data_dir: str | None,
    output: str,
    kind: str,
    name: str,
    namespace: str | None,
    grace_period: int | None,
    wait: bool,
    timeout: float,
) -> None:
    """End a Pod. Its owner brings another, and so does its declaration in the repository.

    Only Pods are deleted here: everything else goes by removing it from the repository.
    """
    from urllib.parse import quote

    from reconciler.client.api import path_of

    spec = kind_spec(kind)
    space, _, short = name.rpartition("/")
    space = space or namespace or DEFAULT_NAMESPACE
    path = f"{path_of(spec, space)}/{quote(short, safe='')}"
    client = client_of(data_dir)
    body = None if grace_period is None else {"gracePeriodSeconds": grace_period}
    answer = client.delete(path, body)
    shown = f"{spec.singular}/{space}/{short}"
    if wait and not _has_gone(client, path, answer, timeout):
        note(f"{shown} has not ended within {timeout:.0f} s")
        raise click.exceptions.Exit(Exit.PENDING)
    write_result(answer, f"{shown} {'is deleted' if wait else 'is ending'}", output)


def _has_gone(client: "ApiClient", path: str, deleted: dict[str, Any], timeout_s: float) -> bool:
    """Wait until the object, of this uid, is no longer there."""
    from reconciler.client import NotFound

    deadline = time.monotonic() + timeout_s
    while True:
        try:
            if client.get(path)["metadata"].get("uid") != deleted["metadata"].get("uid"):
                return True
        except NotFound:
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(_LOOK_S)
