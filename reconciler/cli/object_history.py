"""The revisions of one Deployment, with the commit that each came from: `reconciler history deployment/NAME`."""

from typing import TYPE_CHECKING, Any

from reconciler.cli.overriding import REVISION, revisions_of

if TYPE_CHECKING:
    from reconciler.client import ApiClient
    from reconciler.model.refs import ObjectRef
    from reconciler.render.tables import Table

_CAUSE = "kubernetes.io/change-cause"
_COLUMNS = ("REVISION", "COMMIT", "AUTHOR", "AGE", "PODS", "IMAGES", "CHANGE-CAUSE")
Document = dict[str, Any]


def object_revisions(client: "ApiClient", ref: "ObjectRef") -> list[Document]:
    """Return the revisions of a Deployment, newest first; none when it does not exist any more."""
    from reconciler.client import NotFound
    from reconciler.model.kinds import KINDS

    try:
        deployment = client.object(KINDS[ref.kind], ref.namespace, ref.name)
    except NotFound:
        return []
    current = deployment["metadata"].get("annotations", {}).get(REVISION, "")
    return [_revision(client, number, one, current) for number, one in reversed(revisions_of(client, deployment))]


def _revision(client: "ApiClient", number: int, replica_set: Document, current: str) -> Document:
    from reconciler.client.api import OWN
    from reconciler.model.refs import ObjectRef

    metadata = replica_set["metadata"]
    ref = ObjectRef.of("ReplicaSet", metadata["namespace"], metadata["name"])
    told = client.get(f"{OWN}/explain", {"object": str(ref)})
    return {
        "revision": number,
        "isCurrent": str(number) == current,
        "replicaSet": metadata["name"],
        "commit": told.get("commit", ""),
        "author": told.get("author", ""),
        "createdAt": metadata.get("creationTimestamp", ""),
        "pods": replica_set.get("status", {}).get("replicas", 0),
        "images": [container.get("image", "") for container in replica_set["spec"]["template"]["spec"]["containers"]],
        "changeCause": metadata.get("annotations", {}).get(_CAUSE, ""),
    }


def revisions_table(revisions: list[Document], *, now: float) -> "Table":
    """Return the revisions as a table; `*` marks the current one."""
    from reconciler.model.times import unix
    from reconciler.render.tables import Table
    from reconciler.render.words import short_age, short_commit

    return Table(
        columns=_COLUMNS,
        rows=tuple(
            (
                f"{one['revision']}{' *' if one['isCurrent'] else ''}",
                short_commit(one["commit"]) if one["commit"] else "",
                one["author"],
                short_age(now - (unix(one["createdAt"]) or now)),
                str(one["pods"]),
                ", ".join(one["images"]),
                one["changeCause"] or "<none>",
            )
            for one in revisions
        ),
    )
