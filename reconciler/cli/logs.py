"""`reconciler logs`."""

import sys
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.common import client_of, command, note
from reconciler.cli.targets import log_target

if TYPE_CHECKING:
    from reconciler.client import ApiClient
    from reconciler.model.refs import ObjectRef


@command(
    "reconciler logs shop/web-6d4cf-k2x9p\n"
    "reconciler logs -f deployment/shop/web -c web\n"
    "reconciler logs web-1 -n shop --tail 20",
    outputs=("text",),
)
@click.argument("pod")
@click.option("-n", "--namespace", help="The namespace (default).")
@click.option("-c", "--container", default="", help="The container, where there are several.")
@click.option("-f", "--follow", is_flag=True, help="Go on printing lines as they are written.")
@click.option("-p", "--previous", is_flag=True, help="The log of the container that ran before.")
@click.option("--tail", type=click.IntRange(min=0), help="Only the last lines.")
@click.option("--since", type=click.IntRange(min=1), metavar="SECONDS", help="Only lines of the last seconds.")
@click.option("--timestamps", is_flag=True, help="Begin each line with its time.")
def run(
    data_dir: str | None,
    output: str,
    pod: str,
    namespace: str | None,
    container: str,
    follow: bool,
    previous: bool,
    tail: int | None,
    since: int | None,
    timestamps: bool,
) -> None:
    """Print the log of a container of POD: a name, NAMESPACE/NAME, or deployment/NAME for one of its Pods."""
    from reconciler.client.api import path_of
    from reconciler.model.kinds import KINDS

    client = client_of(data_dir)
    ref = _pod(client, log_target(pod, namespace))
    query: dict[str, Any] = {
        "container": container,
        "follow": follow,
        "previous": previous,
        "tailLines": tail,
        "sinceSeconds": since,
        "timestamps": timestamps,
    }
    for piece in client.stream("GET", f"{path_of(KINDS['Pod'], ref.namespace)}/{ref.name}/log", query):
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


def _pod(client: "ApiClient", ref: "ObjectRef") -> "ObjectRef":
    """Return a Pod of a workload: a ready one before others, the newest of them."""
    if ref.kind == "Pod":
        return ref
    from reconciler.model.errors import TerminalError
    from reconciler.model.kinds import KINDS
    from reconciler.model.refs import ObjectRef

    spec = client.object(KINDS[ref.kind], ref.namespace, ref.name).get("spec", {})
    if "selector" not in spec:
        raise click.UsageError(f"{ref} has no pods")
    pods = client.objects(KINDS["Pod"], ref.namespace, {"labelSelector": selector_text(spec["selector"])})["items"]
    if not pods:
        raise TerminalError(f"{ref} has no pods", hint=f"see why: reconciler explain {ref}")
    chosen = max(pods, key=lambda pod: (_is_ready(pod), pod["metadata"].get("creationTimestamp", "")))
    name = chosen["metadata"]["name"]
    if len(pods) > 1:
        note(f"{len(pods)} pods, showing {name}")
    return ObjectRef.of("Pod", ref.namespace, name)


def selector_text(selector: dict[str, Any]) -> str:
    """Return a selector of a manifest in the form of a query."""
    if "matchLabels" not in selector and "matchExpressions" not in selector:
        return ",".join(f"{key}={value}" for key, value in selector.items())
    parts = [f"{key}={value}" for key, value in selector.get("matchLabels", {}).items()]
    for each in selector.get("matchExpressions", ()):
        key, values = each["key"], ",".join(each.get("values", ()))
        forms = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key}
        parts.append(forms.get(each["operator"], f"!{key}"))
    return ",".join(parts)


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
