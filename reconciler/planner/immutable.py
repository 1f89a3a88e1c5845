"""Which fields of an object nobody may change, as in Kubernetes. Pure."""

from typing import Any

import msgspec

from reconciler.model.base import wire_name
from reconciler.model.kinds import Job

replace = msgspec.structs.replace


def immutable_difference(old: Any, new: Any) -> str:
    """Return the path of a field that differs although Kubernetes lets nobody change it, or an empty text."""
    before = _with_what_a_suspended_job_lets_change(old, new) if old.kind == "Job" else old
    for kind, path in _IMMUTABLE:
        if old.kind == kind and _at(before, path) != _at(new, path):
            return ".".join(map(wire_name, path.split(".")))
    if old.kind in ("ConfigMap", "Secret") and old.immutable:
        same = old.data == new.data and getattr(old, "binary_data", None) == getattr(new, "binary_data", None)
        return "" if same and new.immutable else "data"
    return ""


def _with_what_a_suspended_job_lets_change(old: Job, new: Job) -> Job:
    """Return the old Job with those fields of the new one that may change as things are.

    An Indexed Job grows and shrinks as a whole; where one that is suspended will run, and its marks, are open until
    it runs.
    """
    spec, wanted = old.spec, new.spec
    if spec.is_indexed and wanted.is_indexed and wanted.completions == wanted.parallelism:
        spec = replace(spec, completions=wanted.completions)
    if old.spec.suspend and not old.status.active and _has_not_run(old):
        pod, metadata = wanted.template.spec, wanted.template.metadata
        affinity = replace(spec.template.spec.affinity, node_affinity=pod.affinity.node_affinity)
        inner = replace(
            spec.template.spec, node_selector=pod.node_selector, tolerations=pod.tolerations, affinity=affinity
        )
        marks = replace(spec.template.metadata, labels=metadata.labels, annotations=metadata.annotations)
        spec = replace(spec, template=replace(spec.template, spec=inner, metadata=marks))
    return replace(old, spec=spec)


def _has_not_run(job: Job) -> bool:
    """Whether nothing of a suspended Job runs: it has never begun, or its Pods have ended."""
    held = any(one.type == "Suspended" and one.status == "True" for one in job.status.conditions)
    return job.status.start_time is None or (held and not job.status.terminating)


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
    ("Job", "spec.pod_failure_policy"),
    ("Job", "spec.success_policy"),
    ("Job", "spec.backoff_limit_per_index"),
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
