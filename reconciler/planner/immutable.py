"""Which fields of an object nobody may change, as in Kubernetes. Pure."""

from typing import Any

from reconciler.model.base import wire_name


def immutable_difference(old: Any, new: Any) -> str:
    """Return the path of a field that differs although Kubernetes lets nobody change it, or an empty text."""
    for kind, path in _IMMUTABLE:
        if old.kind == kind and _at(old, path) != _at(new, path):
            return ".".join(map(wire_name, path.split(".")))
    if old.kind in ("ConfigMap", "Secret") and old.immutable:
        same = old.data == new.data and getattr(old, "binary_data", None) == getattr(new, "binary_data", None)
        return "" if same and new.immutable else "data"
    return ""


_IMMUTABLE = (
    ("Deployment", "spec.selector"),
    ("ReplicaSet", "spec.selector"),
    ("StatefulSet", "spec.selector"),
    ("StatefulSet", "spec.service_name"),
    ("StatefulSet", "spec.pod_management_policy"),
    ("StatefulSet", "spec.volume_claim_templates"),
    ("DaemonSet", "spec.selector"),
    ("Job", "spec.template"),
    ("Job", "spec.completions"),
    ("Job", "spec.completion_mode"),
    ("Job", "spec.selector"),
    ("Pod", "spec"),
    ("Secret", "type"),
    ("Service", "spec.cluster_ip"),
    ("PersistentVolumeClaim", "spec.access_modes"),
    ("PersistentVolumeClaim", "spec.storage_class_name"),
    ("PersistentVolumeClaim", "spec.volume_name"),
    ("PersistentVolumeClaim", "spec.selector"),
    ("PersistentVolume", "spec.host_path"),
    ("PersistentVolume", "spec.local"),
    ("StorageClass", "provisioner"),
    ("StorageClass", "parameters"),
    ("StorageClass", "reclaim_policy"),
    ("StorageClass", "volume_binding_mode"),
    ("PriorityClass", "value"),
    ("PriorityClass", "preemption_policy"),
    ("RoleBinding", "role_ref"),
    ("ClusterRoleBinding", "role_ref"),
)


def _at(object: Any, path: str) -> Any:
    for name in path.split("."):
        object = getattr(object, name)
    return object
