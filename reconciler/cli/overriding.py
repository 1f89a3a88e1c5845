"""What `cordon`, `rollout` and others ask of the API: the same requests that kubectl sends."""

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from reconciler.cli.common import write_result

if TYPE_CHECKING:
    from reconciler.client import ApiClient
    from reconciler.model.refs import ObjectRef

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
REVISION = "deployment.kubernetes.io/revision"
_RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
_HASH_LABEL = "pod-template-hash"
Document = dict[str, Any]


def set_schedulable(client: "ApiClient", node: str, *, schedulable: bool) -> Document:
    """Cordon or uncordon a node; return it as it is then."""
    answer: Document = client.patch(
        f"/api/v1/nodes/{quote(node, safe='')}", {"spec": {"unschedulable": not schedulable}}, MERGE_PATCH
    )
    return answer


def restart(client: "ApiClient", ref: "ObjectRef", at: str) -> Document:
    """Have a workload's Pods be made anew."""
    body = {"spec": {"template": {"metadata": {"annotations": {_RESTARTED_AT: at}}}}}
    answer: Document = client.patch(path_to(ref), body, MERGE_PATCH)
    return answer


def pause_patch(kind: str, *, paused: bool) -> Document:
    """Return the patch that has a rollout wait, or go on."""
    if kind != "Deployment":
        raise click.UsageError(f"{'pause' if paused else 'resume'} is for deployments")
    return {"spec": {"paused": paused or None}}


def pause(client: "ApiClient", ref: "ObjectRef", *, paused: bool) -> Document:
    """Have a Deployment's rollout wait, or go on."""
    answer: Document = client.patch(path_to(ref), pause_patch(ref.kind, paused=paused), MERGE_PATCH)
    return answer


def undo(client: "ApiClient", ref: "ObjectRef", revision: Document) -> Document:
    """Return a Deployment to the template of one of its revisions."""
    template = revision["spec"]["template"]
    labels = {key: text for key, text in template["metadata"]["labels"].items() if key != _HASH_LABEL}
    template = {**template, "metadata": {**template["metadata"], "labels": labels}}
    body = [{"op": "replace", "path": "/spec/template", "value": template}]
    answer: Document = client.patch(path_to(ref), body, JSON_PATCH)
    return answer


def undo_to(client: "ApiClient", ref: "ObjectRef", number: int | None, output: str) -> None:
    """Return a Deployment to a revision, by default the one before, and say so."""
    from reconciler.model.kinds import KINDS

    deployment = client.object(KINDS[ref.kind], ref.namespace, ref.name)
    revisions = revisions_of(client, deployment)
    current = deployment["metadata"].get("annotations", {}).get(REVISION, "")
    if number is None:
        earlier = [pair for pair in revisions if str(pair[0]) != current]
        if not earlier:
            raise click.ClickException(f"{ref} has no earlier revision")
        number, chosen = earlier[-1]
    else:
        found = [one for mine, one in revisions if mine == number]
        if not found:
            known = ", ".join(str(mine) for mine, _ in revisions) or "none"
            raise click.ClickException(f"{ref} has no revision {number}; it has: {known}")
        chosen = found[0]
    text = f"{ref} goes back to revision {number}, which holds until its declaration changes in the repository"
    write_result(undo(client, ref, chosen), text, output)


def revisions_of(client: "ApiClient", deployment: Document) -> list[tuple[int, Document]]:
    """Return the numbers and ReplicaSets of a Deployment's revisions, oldest first."""
    from reconciler.model.kinds import KINDS

    metadata = deployment["metadata"]
    found = client.objects(KINDS["ReplicaSet"], metadata["namespace"])["items"]
    return sorted(
        (
            (_number(one), one)
            for one in found
            if any(owner["uid"] == metadata["uid"] for owner in one["metadata"].get("ownerReferences", ()))
            and _number(one)
        ),
        key=lambda pair: pair[0],
    )


def path_to(ref: "ObjectRef") -> str:
    """Return the path of an object."""
    from reconciler.client.api import path_of
    from reconciler.model.kinds import KINDS

    return f"{path_of(KINDS[ref.kind], ref.namespace)}/{quote(ref.name, safe='')}"


def _number(replica_set: Document) -> int:
    text = replica_set["metadata"].get("annotations", {}).get(REVISION, "")
    return int(text) if text.isdigit() else 0
