"""Manifests of claims, volumes and Pods that use them, for planner tests."""

import json
from typing import Any

from tests.planner.world import Cluster


def claim(name: str = "data", size: str = "1Gi", modes: str = "ReadWriteOnce", **spec: Any) -> str:
    """Return a claim."""
    wanted = {"accessModes": [modes], "resources": {"requests": {"storage": size}}, **spec}
    return _document("v1", "PersistentVolumeClaim", name, spec=wanted)


def volume(name: str, size: str = "1Gi", node: str = "", modes: str = "ReadWriteOnce", **spec: Any) -> str:
    """Return a volume, a directory of a node or one that every node has."""
    wanted: dict[str, Any] = {"accessModes": [modes], "capacity": {"storage": size}, **spec}
    if "nfs" not in wanted:
        wanted["local" if node else "hostPath"] = {"path": f"/mnt/{name}"}
    if node:
        label = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
        wanted["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [label]}]}}
    return _document("v1", "PersistentVolume", name, spec=wanted)


def storage_class(name: str, provisioner: str = "reconciler.dev/local", **fields: Any) -> str:
    """Return a storage class whose claims wait for their first Pod; `default` makes it the default."""
    default = fields.pop("default", False)
    marks = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    wanted = {"volumeBindingMode": "WaitForFirstConsumer", **fields}
    return _document("storage.k8s.io/v1", "StorageClass", name, marks, provisioner=provisioner, **wanted)


def pod(name: str, *claims: str, **spec: Any) -> str:
    """Return a Pod that uses claims."""
    volumes = [{"name": one, "persistentVolumeClaim": {"claimName": one}} for one in claims]
    container = {"name": "a", "image": "a:1"}
    return _document("v1", "Pod", name, spec={"containers": [container], "volumes": volumes, **spec})


def on(node: str) -> dict[str, Any]:
    """Return the part of a Pod's spec that binds it to a node."""
    return {"nodeSelector": {"kubernetes.io/hostname": node}}


def places(cluster: Cluster) -> dict[str, str]:
    """Return the node of every Pod."""
    return {name: one.spec.node_name for name, one in cluster.of("Pod").items()}  # type: ignore[union-attr]


def bindings(cluster: Cluster) -> dict[str, str]:
    """Return the volume of every claim."""
    return {name: one.spec.volume_name for name, one in cluster.of("PersistentVolumeClaim").items()}  # type: ignore[union-attr]


def phases(cluster: Cluster, kind: str = "PersistentVolume") -> dict[str, str]:
    """Return the phase of every volume, or of another kind."""
    return {name: one.status.phase for name, one in cluster.of(kind).items()}  # type: ignore[union-attr]


def why(cluster: Cluster, name: str) -> str:
    """Return why a Pod is not placed."""
    conditions = cluster.of("Pod")[name].status.conditions  # type: ignore[union-attr]
    return next(one.message for one in conditions if one.type == "PodScheduled")


def _document(version: str, kind: str, name: str, annotations: dict[str, str] | None = None, **rest: Any) -> str:
    metadata = {"name": name, "annotations": annotations or {}}
    return json.dumps({"apiVersion": version, "kind": kind, "metadata": metadata, **rest}) + "\n---\n"
