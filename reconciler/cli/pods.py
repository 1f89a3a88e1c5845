"""Which Pod a person means: one by name, or one of a workload's."""

from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.common import note

if TYPE_CHECKING:
    from reconciler.client import ApiClient
    from reconciler.model.refs import ObjectRef

Json = dict[str, Any]


def pod_meant(client: "ApiClient", ref: "ObjectRef") -> "ObjectRef":
    """Return a Pod of a workload: a ready one before others, the newest of them."""
    if ref.kind == "Pod":
        return ref
    from reconciler.model.refs import ObjectRef

    pods = pods_of(client, ref)
    chosen = max(pods, key=lambda pod: (_is_ready(pod), pod["metadata"].get("creationTimestamp", "")))
    name = chosen["metadata"]["name"]
    if len(pods) > 1:
        note(f"{len(pods)} pods, using {name}")
    return ObjectRef.of("Pod", ref.namespace, name)


def pods_of(client: "ApiClient", ref: "ObjectRef") -> list[Json]:
    """Return the Pods of a workload; raise TerminalError when it has none."""
    from reconciler.model.errors import TerminalError
    from reconciler.model.kinds import KINDS

    spec = client.object(KINDS[ref.kind], ref.namespace, ref.name).get("spec", {})
    if "selector" not in spec:
        raise click.UsageError(f"{ref} has no pods")
    pods = selected_pods(client, ref.namespace, selector_text(spec["selector"]))
    if not pods:
        raise TerminalError(f"{ref} has no pods", hint=f"see why: reconciler explain {ref}")
    return pods


def selected_pods(client: "ApiClient", namespace: str, selector: str) -> list[Json]:
    """Return the Pods that a selector chooses."""
    from reconciler.model.kinds import KINDS

    return list(client.objects(KINDS["Pod"], namespace, {"labelSelector": selector})["items"])


def selector_text(selector: Json) -> str:
    """Return a selector of a manifest, a map of labels in the older kinds, in the form of a query."""
    import msgspec

    from reconciler.model.kinds.meta import LabelSelector
    from reconciler.model.labels import query_text, requirements_of

    if "matchLabels" not in selector and "matchExpressions" not in selector:
        selector = {"matchLabels": selector}
    return query_text(requirements_of(msgspec.convert(selector, LabelSelector)))


def _is_ready(pod: Json) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
