"""Requests and limits as the Engine's settings, and how early the kernel kills a container when memory is short.

Pure; the numbers are those of Kubernetes' kubelet.
"""

from typing import Any

from reconciler.executors.downward import effective_requests
from reconciler.model.kinds import Container, PodSpec
from reconciler.model.quantity import bytes_of, cpu_millis

_PERIOD_US = 100_000
_QUOTA_MIN_US = 1_000
_SHARES_MIN = 2
_SHARES_MAX = 262_144
_SANDBOX_SCORE = -998
_GUARANTEED_SCORE = -997
_BEST_EFFORT_SCORE = 1000


def resource_settings(container: Container) -> dict[str, Any]:
    """Return the host configuration's part about CPU and memory."""
    limits = container.resources.limits
    requests = effective_requests(container.resources)
    settings: dict[str, Any] = {"CpuShares": _shares(cpu_millis(requests.get("cpu", 0)))}
    if quota := cpu_millis(limits.get("cpu", 0)):
        settings["CpuPeriod"] = _PERIOD_US
        settings["CpuQuota"] = max(quota * _PERIOD_US // 1000, _QUOTA_MIN_US)
    if memory := bytes_of(limits.get("memory", 0)):
        settings["Memory"] = memory
        # Equal: no swap, so that a limit means what it says.
        settings["MemorySwap"] = memory
    return settings


def sandbox_settings(oom_score_min: int) -> dict[str, Any]:
    """Return the same for a sandbox."""
    return {"CpuShares": _SHARES_MIN, "OomScoreAdj": max(_SANDBOX_SCORE, oom_score_min)}


def oom_score(spec: PodSpec, container: Container, memory_bytes: int) -> int:
    """Return the container's out-of-memory score: by the Pod's class of service and the memory requested."""
    match qos_class(spec):
        case "Guaranteed":
            return _GUARANTEED_SCORE
        case "BestEffort":
            return _BEST_EFFORT_SCORE
    requested = bytes_of(effective_requests(container.resources).get("memory", 0))
    score = 1000 - (1000 * requested) // memory_bytes if memory_bytes else 999
    return min(max(score, 3), 999)


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


def _shares(millis: int) -> int:
    return min(max(millis * 1024 // 1000, _SHARES_MIN), _SHARES_MAX)
