"""What an Engine is told that a container may use, from its requests and limits. Pure.

The arithmetic is that of Kubernetes' kubelet.
"""

from collections.abc import Mapping

from reconciler.model.base import Value
from reconciler.model.kinds import PodSpec, ResourceRequirements
from reconciler.model.quantity import QuantityText, bytes_of, cpu_millis

PERIOD_US = 100_000
SHARES_MIN = 2
_QUOTA_MIN_US = 1_000
_SHARES_MAX = 262_144


class Granted(Value):
    """Shares of CPU time, microseconds of it in each 100,000, and bytes of memory; 0: without a limit."""

    cpu_shares: int = SHARES_MIN
    cpu_quota_us: int = 0
    memory_bytes: int = 0


def granted(resources: ResourceRequirements) -> Granted:
    """Return what a container with these requests and limits may use."""
    limits = resources.limits
    shares = cpu_millis(effective_requests(resources).get("cpu", 0)) * 1024 // 1000
    quota = cpu_millis(limits.get("cpu", 0))
    return Granted(
        cpu_shares=min(max(shares, SHARES_MIN), _SHARES_MAX),
        cpu_quota_us=max(quota * PERIOD_US // 1000, _QUOTA_MIN_US) if quota else 0,
        memory_bytes=bytes_of(limits.get("memory", 0)),
    )


def effective_requests(resources: ResourceRequirements) -> Mapping[str, QuantityText]:
    """Return the requests: a limit without a request is its own request, as Kubernetes defaults it."""
    return {**resources.limits, **resources.requests}


def qos_class(spec: PodSpec) -> str:
    """Return Guaranteed, Burstable or BestEffort."""
    guaranteed, best_effort = True, True
    for container in (*spec.init_containers, *spec.containers):
        limits = container.resources.limits
        requests = effective_requests(container.resources)
        for name, amount in (("cpu", cpu_millis), ("memory", bytes_of)):
            limit, request = amount(limits.get(name, 0)), amount(requests.get(name, 0))
            best_effort = best_effort and not limit and not request
            guaranteed = guaranteed and bool(limit) and limit == request
    return "BestEffort" if best_effort else "Guaranteed" if guaranteed else "Burstable"
