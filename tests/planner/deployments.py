"""A Deployment and its ReplicaSets as they are stored, and what a view holds of them."""

from typing import Any, cast

from reconciler.model.kinds import Deployment, ReplicaSet, decode_object, ref_of
from reconciler.model.observed import ClusterInfo, ObservedState, StoredObject
from reconciler.model.policy import Policy
from reconciler.model.times import rfc3339
from reconciler.planner.view import View

NOW = 1_800_000_000.0
DK = "deployment.kubernetes.io"


def ago(seconds: float) -> str:
    """Return the time so long ago."""
    return rfc3339(NOW - seconds)


def template(image: str = "a") -> dict[str, Any]:
    """Return a template."""
    return {"metadata": {"labels": {"app": "w"}}, "spec": {"containers": [{"name": "a", "image": image}]}}


def deployment(replicas: int = 4, surge: Any = 1, away: Any = 1, status: Any = None, **spec: Any) -> Deployment:
    """Return the Deployment `w`."""
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": away}}
    whole = {"replicas": replicas, "selector": {"matchLabels": {"app": "w"}}, "template": template()}
    return cast(
        Deployment,
        decode_object(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "w", "namespace": "d", "uid": "w", "generation": 2},
                "spec": {**whole, "strategy": strategy, **spec},
                "status": status or {},
            }
        ),
    )


def rs(
    name: str, size: int = 0, available: int | None = None, *, age_s: float = 0, status: Any = None, **notes: Any
) -> StoredObject:
    """Return a ReplicaSet of the Deployment; `notes` are the Deployment's annotations on it."""
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "w", "uid": "w", "controller": True}
    annotations = {f"{DK}/{key.replace('_', '-')}": str(one) for key, one in notes.items() if key != "image"}
    metadata = {
        "name": name,
        "namespace": "d",
        "uid": name,
        "annotations": annotations,
        "creationTimestamp": ago(age_s),
        "ownerReferences": [owner],
    }
    seen = size if available is None else available
    found = decode_object(
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": metadata,
            "spec": {"replicas": size, "selector": {}, "template": template(notes.get("image", "a"))},
            "status": {"replicas": size, "readyReplicas": seen, "availableReplicas": seen, **(status or {})},
        }
    )
    return StoredObject(ref=ref_of(found), object=found, manager="w")


def stored(of: Deployment) -> StoredObject:
    """Return the Deployment as it is stored."""
    return StoredObject(ref=ref_of(of), object=of, manager="source/main")


def view_of(*objects: StoredObject) -> View:
    """Return a view of these."""
    return View(ObservedState(cluster=ClusterInfo(id="t"), objects={one.ref: one for one in objects}), Policy(), NOW)


def sizes(view: View) -> dict[str, int]:
    """Return how many Pods each ReplicaSet is to have."""
    return {
        ref.name: cast(ReplicaSet, one.object).spec.replicas
        for ref, one in view.objects.items()
        if ref.kind == "ReplicaSet"
    }
