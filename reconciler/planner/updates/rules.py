"""Which updates of an object Kubernetes refuses, and why: of declared objects and of what the API writes. Pure.

What is wrong with an object by itself is not judged here, only what it may not become.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any, cast

from reconciler.model.base import wire_name
from reconciler.model.external import needs_health_check
from reconciler.model.kinds import (
    AnyObject,
    Job,
    Node,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    Service,
    ServiceSpec,
)
from reconciler.planner.updates.fault import FORBIDDEN, Fault, fixed
from reconciler.planner.updates.job import with_what_may_change
from reconciler.planner.updates.metadata import metadata_faults
from reconciler.planner.updates.node import node_faults
from reconciler.planner.updates.pod import pod_faults
from reconciler.planner.updates.storage import claim_faults, volume_faults


def update_faults(old: AnyObject, new: AnyObject) -> tuple[Fault, ...]:
    """Return why an object cannot become another one; nothing when it can."""
    return tuple(chain(metadata_faults(old.metadata, new.metadata), _of_kind(old, new)))


def _of_kind(old: Any, new: Any) -> Iterator[Fault]:
    match old:
        case Pod():
            yield from pod_faults(old, cast(Pod, new))
        case Node():
            yield from node_faults(old, cast(Node, new))
        case PersistentVolumeClaim():
            yield from claim_faults(old, cast(PersistentVolumeClaim, new))
        case PersistentVolume():
            yield from volume_faults(old, cast(PersistentVolume, new))
        case Service():
            yield from _address_faults(old.spec, cast(Service, new).spec)
    if old.kind in ("ConfigMap", "Secret") and old.immutable:
        yield from _immutable_faults(old, new)
    before = with_what_may_change(old, cast(Job, new)) if isinstance(old, Job) else old
    for path in _FIXED.get(old.kind, ()):
        field = ".".join(map(wire_name, path.split(".")))
        yield from fixed(field, _at(before, path), _at(new, path))


def _address_faults(before: ServiceSpec, after: ServiceSpec) -> Iterator[Fault]:
    """An address stays as it is; a Service that is, or becomes, a name elsewhere has none.

    So do the class of a load balancer that has one, and its port for health checks.
    """
    if before.cluster_ip and "ExternalName" not in (before.type, after.type):
        yield from fixed("spec.clusterIP", before.cluster_ip, after.cluster_ip)
    if before.type == after.type == "LoadBalancer" and before.load_balancer_class is not None:
        yield from fixed("spec.loadBalancerClass", before.load_balancer_class, after.load_balancer_class)
    if needs_health_check(before) and needs_health_check(after):
        yield from fixed("spec.healthCheckNodePort", before.health_check_node_port, after.health_check_node_port)


def _immutable_faults(old: Any, new: Any) -> Iterator[Fault]:
    if not new.immutable:
        yield Fault("immutable", "cannot be taken back", FORBIDDEN)
    for name in ("data", "binary_data"):
        if getattr(old, name, None) != getattr(new, name, None):
            yield Fault(wire_name(name), "cannot be changed: the object is immutable", FORBIDDEN)


# Fields that are fixed once an object is made, by kind.
_FIXED: dict[str, tuple[str, ...]] = {
    "ClusterRoleBinding": ("role_ref",),
    "ControllerRevision": ("data",),
    "DaemonSet": ("spec.selector",),
    "Deployment": ("spec.selector",),
    "EndpointSlice": ("address_type",),
    "IngressClass": ("spec.controller",),
    "Job": (
        "spec.template",
        "spec.completions",
        "spec.completion_mode",
        "spec.selector",
        "spec.pod_failure_policy",
        "spec.success_policy",
        "spec.backoff_limit_per_index",
        "spec.managed_by",
    ),
    "PriorityClass": ("value", "preemption_policy"),
    "ReplicaSet": ("spec.selector",),
    "ResourceQuota": ("spec.scopes",),
    "RoleBinding": ("role_ref",),
    "Secret": ("type",),
    "StatefulSet": (
        "spec.selector",
        "spec.service_name",
        "spec.pod_management_policy",
        "spec.volume_claim_templates",
    ),
    "StorageClass": ("provisioner", "parameters", "reclaim_policy", "volume_binding_mode"),
}


def _at(object: Any, path: str) -> Any:
    for name in path.split("."):
        object = getattr(object, name)
    return object
