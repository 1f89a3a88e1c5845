"""What one object counts for a quota, by the names that quotas have for it. Pure."""

from collections.abc import Iterable
from fractions import Fraction
from typing import cast

from reconciler.model.kinds import KINDS, Object, PersistentVolumeClaim, Pod, PodSpec, Service
from reconciler.model.podresources import (
    Amounts,
    amounts,
    container_limits,
    container_requests,
    has_pod_resources,
    limits_of,
    requests_of,
)
from reconciler.model.quantity import amount_text
from reconciler.model.times import unix

_ONE = Fraction(1)
# Core kinds that quotas also know by their plain names.
_PLAIN = frozenset(
    ("configmaps", "persistentvolumeclaims", "replicationcontrollers", "resourcequotas", "secrets", "services")
)
_OF_PODS = ("cpu", "memory", "ephemeral-storage")
_IN_BYTES = ("memory", "storage")


def usage_of(object: Object, storage_class: str = "") -> Amounts:
    """Return what an object counts; a claim that names no class counts for `storage_class`."""
    counted = {count_name(object.kind): _ONE}
    if (plain := KINDS[object.kind].plural) in _PLAIN:
        counted[plain] = _ONE
    match object.kind:
        case "Pod":
            counted |= compute_usage(cast(Pod, object).spec)
        case "Service":
            counted |= _of_service(cast(Service, object))
        case "PersistentVolumeClaim":
            counted |= _of_claim(cast(PersistentVolumeClaim, object), storage_class)
    return counted


def count_name(kind: str) -> str:
    """Return the name under which quotas count the objects of a kind: `count/deployments.apps`."""
    spec = KINDS[kind]
    return f"count/{spec.plural}.{spec.group}" if spec.group else f"count/{spec.plural}"


def is_at_an_end(pod: Pod, now: float) -> bool:
    """Whether a Pod counts as nothing but an object: it has ended, or should have long ago."""
    if pod.status.phase in ("Succeeded", "Failed"):
        return True
    until = overdue_at(pod)
    return until is not None and now > until


def overdue_at(pod: Pod) -> float | None:
    """Return from when on a Pod that was told to end should be gone: twice its time to end."""
    grace, since = pod.metadata.deletion_grace_period_seconds, unix(pod.metadata.deletion_timestamp)
    return None if grace is None or since is None else since + 2 * grace


def shown(name: str, value: Fraction) -> str:
    """Return an amount as quotas show it: bytes in Ki and Mi where that is shorter, all else in decimal."""
    return amount_text(value, binary=name.endswith(_IN_BYTES))


def listed(amounts: Amounts) -> str:
    """Return amounts in one line, sorted by name: `cpu=2,pods=3`."""
    return ",".join(f"{name}={shown(name, amounts[name])}" for name in sorted(amounts))


# Pods


def compute_usage(spec: PodSpec) -> dict[str, Fraction]:
    """Return what a Pod that runs counts."""
    return {"pods": _ONE, **_named(requests_of(spec), limits_of(spec))}


def unspecified(spec: PodSpec, wanted: Iterable[str]) -> dict[str, list[str]]:
    """Return the containers that do not say how much they need, by the name of what is wanted.

    They need not where the Pod says it as a whole.
    """
    missing: dict[str, list[str]] = {}
    if has_pod_resources(spec):
        return missing
    for container in (*spec.containers, *spec.init_containers):
        said = _named(container_requests(container), container_limits(container))
        for name in wanted:
            if name not in said:
                missing.setdefault(name, []).append(container.name)
    return {name: sorted(containers) for name, containers in sorted(missing.items())}


def _named(requests: Amounts, limits: Amounts) -> dict[str, Fraction]:
    found: dict[str, Fraction] = {}
    for name, value in requests.items():
        if name in _OF_PODS or name.startswith("hugepages-"):
            found[name] = value
        if name in _OF_PODS or name.startswith("hugepages-") or "/" in name:
            found[f"requests.{name}"] = value
    for name in _OF_PODS:
        if name in limits:
            found[f"limits.{name}"] = limits[name]
    return found


# Other kinds


def _of_service(service: Service) -> dict[str, Fraction]:
    ports = Fraction(len(service.spec.ports))
    match str(service.spec.type):
        case "NodePort":
            return {"services.nodeports": ports}
        case "LoadBalancer":
            if service.spec.allocate_load_balancer_node_ports is False:
                ports = Fraction(sum(1 for one in service.spec.ports if one.node_port))
            return {"services.nodeports": ports, "services.loadbalancers": _ONE}
    return {}


def _of_claim(claim: PersistentVolumeClaim, storage_class: str) -> dict[str, Fraction]:
    name = storage_class if claim.spec.storage_class_name is None else claim.spec.storage_class_name
    asked = amounts(claim.spec.resources.requests).get("storage")
    counted = {} if asked is None else {"requests.storage": asked}
    if name:
        prefix = f"{name}.storageclass.storage.k8s.io"
        counted |= {f"{prefix}/{one}": value for one, value in counted.items()}
        counted[f"{prefix}/persistentvolumeclaims"] = _ONE
    return counted
