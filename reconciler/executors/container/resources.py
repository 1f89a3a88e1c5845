"""Requests and limits as the Engine's settings, and how early the kernel kills a container when memory is short.

Pure; the numbers are those of Kubernetes' kubelet.
"""

from typing import Any

from reconciler.model.granted import PERIOD_US, SHARES_MIN, effective_requests, granted, qos_class
from reconciler.model.kinds import Container, PodSpec
from reconciler.model.quantity import bytes_of

_SANDBOX_SCORE = -998
_GUARANTEED_SCORE = -997
_BEST_EFFORT_SCORE = 1000


def resource_settings(container: Container) -> dict[str, Any]:
    """Return the host configuration's part about CPU and memory."""
    given = granted(container.resources)
    settings: dict[str, Any] = {"CpuShares": given.cpu_shares}
    if given.cpu_quota_us:
        settings["CpuPeriod"] = PERIOD_US
        settings["CpuQuota"] = given.cpu_quota_us
    if given.memory_bytes:
        settings["Memory"] = given.memory_bytes
        # Equal: no swap, so that a limit means what it says.
        settings["MemorySwap"] = given.memory_bytes
    return settings


def sandbox_settings(oom_score_min: int) -> dict[str, Any]:
    """Return the same for a sandbox."""
    return {"CpuShares": SHARES_MIN, "OomScoreAdj": max(_SANDBOX_SCORE, oom_score_min)}


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
