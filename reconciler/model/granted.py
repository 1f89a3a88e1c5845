"""What an Engine is told that a container may use, from its requests and limits. Pure.

The arithmetic is that of Kubernetes' kubelet.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction

from reconciler.model.base import Value
from reconciler.model.kinds import PodSpec, ResourceRequirements
from reconciler.model.podresources import OF_CPU_AND_MEMORY, has_pod_resources, pod_limits, pod_requests, requests_of
from reconciler.model.quantity import QuantityText, bytes_of, cpu_millis, in_units

PERIOD_US = 100_000
SHARES_MIN = 2
_QUOTA_MIN_US = 1_000
SHARES_MAX = 262_144
# The kernel keeps limits of memory in whole pages; the largest that any architecture has.
_PAGE_MAX_BYTES = 65_536
_WEIGHT_MAX = 10_000
_ZERO = Fraction(0)
_NO_LIMITS: Mapping[str, QuantityText] = {}


class Granted(Value):
    """Shares of CPU time, microseconds of it in each 100,000, and bytes of memory; 0: without a limit."""

    cpu_shares: int = SHARES_MIN
    cpu_quota_us: int = 0
    memory_bytes: int = 0


def granted(resources: ResourceRequirements, within: Mapping[str, QuantityText] = _NO_LIMITS) -> Granted:
    """Return what a container with these requests and limits may use, in a Pod with limits of its own.

    What has no limit may use what the Pod may, and nothing may use more.
    """
    quota, memory = _least(cpu_millis, "cpu", resources, within), _least(bytes_of, "memory", resources, within)
    asked = effective_requests(resources)
    return Granted(
        cpu_shares=shares_of(cpu_millis(asked["cpu"]) if "cpu" in asked else quota),
        cpu_quota_us=quota_of(quota),
        memory_bytes=memory,
    )


def granted_to_pod(spec: PodSpec) -> Granted:
    """Return what all containers of a Pod may use together."""
    asked, limits = pod_requests(spec), pod_limits(spec)
    return Granted(
        cpu_shares=shares_of(in_units(asked.get("cpu", requests_of(spec).get("cpu", _ZERO)), -3)),
        cpu_quota_us=quota_of(in_units(limits.get("cpu", _ZERO), -3)),
        memory_bytes=in_units(limits.get("memory", _ZERO), 0),
    )


def weight_of(shares: int) -> int:
    """Return the weight of control groups of version 2 that shares are worth, as OCI runtimes reckon."""
    return 1 + (shares - SHARES_MIN) * (_WEIGHT_MAX - 1) // (SHARES_MAX - SHARES_MIN)


def shares_worth(weight: int) -> int:
    """Return the fewest shares that are worth a weight."""
    return SHARES_MIN - (-(weight - 1) * (SHARES_MAX - SHARES_MIN) // (_WEIGHT_MAX - 1))


def is_alike(shown: Granted, wanted: Granted) -> bool:
    """Whether a group has the limits that it is to have, as exactly as the kernel keeps them; others may be there."""
    return (
        weight_of(shown.cpu_shares) == weight_of(wanted.cpu_shares)
        and wanted.cpu_quota_us in (0, shown.cpu_quota_us)
        and (not wanted.memory_bytes or _pages(shown) == _pages(wanted))
    )


def _pages(given: Granted) -> int:
    return given.memory_bytes // _PAGE_MAX_BYTES


def shares_of(millis: int) -> int:
    """Return the shares of CPU time that thousandths of a processor are worth."""
    return min(max(millis * 1024 // 1000, SHARES_MIN), SHARES_MAX)


def quota_of(millis: int) -> int:
    """Return microseconds in each 100,000; 0: without a limit."""
    return max(millis * PERIOD_US // 1000, _QUOTA_MIN_US) if millis else 0


def _least(
    read: Callable[[QuantityText], int],
    name: str,
    resources: ResourceRequirements,
    within: Mapping[str, QuantityText],
) -> int:
    given = [read(limits[name]) for limits in (resources.limits, within) if name in limits]
    return min((one for one in given if one), default=0)


def effective_requests(resources: ResourceRequirements) -> Mapping[str, QuantityText]:
    """Return the requests: a limit without a request is its own request, as Kubernetes defaults it."""
    return {**resources.limits, **resources.requests}


def qos_class(spec: PodSpec) -> str:
    """Return Guaranteed, Burstable or BestEffort."""
    if has_pod_resources(spec):
        return _class_of_whole(spec)
    guaranteed, best_effort = True, True
    for container in (*spec.init_containers, *spec.containers):
        limits = container.resources.limits
        requests = effective_requests(container.resources)
        for name, amount in (("cpu", cpu_millis), ("memory", bytes_of)):
            limit, request = amount(limits.get(name, 0)), amount(requests.get(name, 0))
            best_effort = best_effort and not limit and not request
            guaranteed = guaranteed and bool(limit) and limit == request
    return "BestEffort" if best_effort else "Guaranteed" if guaranteed else "Burstable"


def _class_of_whole(spec: PodSpec) -> str:
    """Return the class of a Pod with resources of its own: those of its containers say nothing of it."""
    requests, limits = (
        {name: value for name, value in found.items() if value and name in OF_CPU_AND_MEMORY}
        for found in (pod_requests(spec), pod_limits(spec))
    )
    if not requests and not limits:
        return "BestEffort"
    return "Guaranteed" if requests == limits and len(limits) == len(OF_CPU_AND_MEMORY) else "Burstable"
