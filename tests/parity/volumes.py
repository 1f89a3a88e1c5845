"""Rows about volumes and claims as our objects, in a view.

A row spells three things otherwise than we do: a claim that is bound says so by an annotation, here its phase does; a
volume says nothing of where it lies, or names a disk; access modes may be left out. None of them decides a row.
"""

from typing import Any, cast

import msgspec

from reconciler.model.kinds import (
    AnyObject,
    Node,
    ObjectMeta,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    StorageClass,
)
from reconciler.model.observed import ClusterInfo, NodeState, ObservedState, StoredObject
from reconciler.model.policy import Policy
from reconciler.planner.admission.admit import with_named_claims
from reconciler.planner.view import View, ref_for
from tests.parity.rows import NotTranslated

NOW = 1_800_000_000.0
BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
REFUSED_DISKS = ("gcePersistentDisk", "awsElasticBlockStore", "rbd", "iscsi", "csi")
# What rows leave out of claims that Pods bring along.
_BROUGHT = {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {}}}}
_SOURCES = ("local", "hostPath", "nfs")


def view_of(*objects: Any) -> View:
    """Return a view of these objects."""
    stored = {ref_for(one): StoredObject(ref=ref_for(one), object=one, manager="api") for one in objects}
    nodes = {
        one.metadata.name: NodeState(name=one.metadata.name, heartbeat_at=NOW) for one in objects if one.kind == "Node"
    }
    observed = ObservedState(cluster=ClusterInfo(id="test"), objects=stored, nodes=nodes)
    return View(observed, Policy(digest_key="00" * 16), NOW)


def claim_of(row: dict[str, Any]) -> PersistentVolumeClaim:
    """Return a claim; the annotation of upstream that it is bound becomes its phase."""
    metadata, spec, status = _metadata(row), dict(row["spec"]), dict(row.get("status") or {})
    if metadata.get("annotations", {}).get(BIND_COMPLETED) and not status.get("phase"):
        status["phase"] = "Bound"
    if spec.get("volumeAttributesClassName"):
        raise NotTranslated
    spec.pop("volumeAttributesClassName", None)
    spec.setdefault("accessModes", ["ReadWriteOnce"])
    spec.setdefault("resources", {})
    _name_class(spec)
    document = {"kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec, "status": status}
    return msgspec.convert(document, PersistentVolumeClaim)


def volume_of(row: dict[str, Any]) -> PersistentVolume:
    """Return a volume, as a directory where it says nothing of where it lies."""
    spec = {name: value for name, value in row["spec"].items() if name not in _SOURCES}
    if any(name in spec for name in REFUSED_DISKS):
        raise NotTranslated
    spec["local"] = {"path": "/mnt"}
    spec.setdefault("accessModes", ["ReadWriteOnce"])
    spec.setdefault("capacity", {})
    _name_class(spec)
    if "claimRef" in spec:
        spec["claimRef"] = {name: value for name, value in spec["claimRef"].items() if name != "resourceVersion"}
    status = row.get("status") or {}
    document = {"kind": "PersistentVolume", "metadata": _metadata(row), "spec": spec, "status": status}
    return msgspec.convert(document, PersistentVolume)


def pod_of(row: dict[str, Any]) -> Pod:
    """Return a Pod with the claims of a row; other kinds of volumes that we refuse cannot be spelled."""
    volumes = row["spec"].get("volumes") or []
    if any(name in volume for volume in volumes for name in REFUSED_DISKS):
        raise NotTranslated
    named = [
        {
            **volume,
            "name": volume.get("name") or f"v{number}",
            **({"ephemeral": _BROUGHT} if "ephemeral" in volume else {}),
        }
        for number, volume in enumerate(volumes)
    ]
    spec = {"containers": [{"name": "a", "image": "b"}], "volumes": named}
    if row["spec"].get("nodeName"):
        spec["nodeName"] = row["spec"]["nodeName"]
    document = {"kind": "Pod", "metadata": _metadata(row), "spec": spec}
    return with_named_claims(msgspec.convert(document, Pod))


def pod_with(claims: list[PersistentVolumeClaim]) -> Pod:
    """Return a Pod that uses these claims."""
    volumes = [{"persistentVolumeClaim": {"claimName": one.metadata.name}} for one in claims]
    return pod_of({"metadata": {"name": "test-pod", "namespace": "testns"}, "spec": {"volumes": volumes}})


def node_from(row: dict[str, Any]) -> Node:
    """Return a node with its name and labels."""
    metadata = row["metadata"]
    return Node(metadata=ObjectMeta(name=metadata["name"], labels=metadata.get("labels") or {}))


def class_named(name: str, provisioner: str, *, delayed: bool, topology: tuple[str, str] | None = None) -> StorageClass:
    """Return a storage class of upstream's test environment."""
    document: dict[str, Any] = {
        "kind": "StorageClass",
        "metadata": {"name": name.lower()},
        "provisioner": provisioner,
        "volumeBindingMode": "WaitForFirstConsumer" if delayed else "Immediate",
    }
    if topology:
        label = {"key": topology[0], "values": [topology[1]]}
        document["allowedTopologies"] = [{"matchLabelExpressions": [label]}]
    return msgspec.convert(document, StorageClass)


def stored(view: View, object: AnyObject) -> Any:
    """Return an object as it is in the view by now."""
    found = view.get(ref_for(object))
    assert found is not None
    return cast(Any, found.object)


def _name_class(spec: dict[str, Any]) -> None:
    """Names of classes are in small letters, as the API wants them."""
    if "storageClassName" in spec:
        spec["storageClassName"] = spec["storageClassName"].lower()


def _metadata(row: dict[str, Any]) -> dict[str, Any]:
    metadata = {name: value for name, value in row["metadata"].items() if name != "resourceVersion"}
    metadata.setdefault("name", "unnamed")
    return {**metadata, "uid": metadata.get("uid", "")}
