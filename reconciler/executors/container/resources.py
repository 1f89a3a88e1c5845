"""Requests and limits as the Engine's settings, and how early the kernel kills a container when memory is short.

Pure; the numbers are those of Kubernetes' kubelet.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from reconciler.model.granted import PERIOD_US, SHARES_MIN, effective_requests, granted, qos_class
from reconciler.model.kinds import Container, PodSpec
from reconciler.model.podresources import aggregate, container_requests, pod_requests
from reconciler.model.quantity import QuantityText, bytes_of, in_units

_SANDBOX_SCORE = -998
_GUARANTEED_SCORE = -997
_BEST_EFFORT_SCORE = 1000


def resource_settings(container: Container, within: Mapping[str, QuantityText]) -> dict[str, Any]:
    """Return the host configuration's part about CPU and memory, `within` the limits of the Pod."""
    given = granted(container.resources, within)
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


def group_setting(group: str) -> dict[str, Any]:
    """Return the same about the control group that a container's own is made in."""
    return {"CgroupParent": group} if group else {}


def oom_score(spec: PodSpec, container: Container, memory_bytes: int) -> int:
    """Return the container's out-of-memory score: by the Pod's class of service and the memory requested.

    What a Pod as a whole asks for beyond its containers counts for each of them alike.
    """
    match qos_class(spec):
        case "Guaranteed":
            return _GUARANTEED_SCORE
        case "BestEffort":
            return _BEST_EFFORT_SCORE
    share = _share_of_whole(spec)
    requested = bytes_of(effective_requests(container.resources).get("memory", 0)) + share
    score = 1000 - (1000 * requested) // memory_bytes if memory_bytes else 999
    return min(max(score, 3), 999)


def _share_of_whole(spec: PodSpec) -> int:
    """Return each container's part of the memory that the Pod asks for and its containers do not."""
    whole = pod_requests(spec).get("memory")
    if not whole:
        return 0
    together = aggregate(spec, container_requests).get("memory", Fraction(0))
    return in_units(whole - together, 0) // (len(spec.containers) + len(spec.init_containers))
