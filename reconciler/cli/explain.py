"""`reconciler explain`."""

import click

from reconciler.cli.common import client_of, command, now, write_result
from reconciler.cli.targets import object_ref


@command("reconciler explain deployment/shop/web\nreconciler explain pod/web-6d4cf-k2x9p -n shop")
@click.argument("object")
@click.option("-n", "--namespace", help="The namespace of OBJECT.")
def run(data_dir: str | None, output: str, object: str, namespace: str | None) -> None:
    """Say why an object is as it is: verdict, reason, what it waits for, commit, file, line, author."""
    from reconciler.client.api import OWN
    from reconciler.render import explain_text

    answer = client_of(data_dir).get(f"{OWN}/explain", {"object": str(object_ref(object, namespace))})
    write_result(answer, explain_text(answer, now=now()), output)
