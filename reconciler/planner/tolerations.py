"""What Pods bear of a node's taints, for how long, and what they bear unless they say otherwise. Pure.

Semantics of Kubernetes' admission plugin DefaultTolerationSeconds and of its taint eviction controller.
"""

from collections.abc import Iterable

from reconciler.model.kinds import PodSpec, Taint, Toleration
from reconciler.planner.scheduling.fit import tolerates
from reconciler.planner.view import replace

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
FOREVER = float("inf")


def with_default_tolerations(spec: PodSpec, not_ready_s: int, unreachable_s: int) -> PodSpec:
    """Return a Pod's spec that bears a node which is not ready, or not reached, for a while, unless it says itself."""
    added = tuple(
        Toleration(key=key, operator="Exists", effect="NoExecute", toleration_seconds=seconds)
        for key, seconds in ((NOT_READY, not_ready_s), (UNREACHABLE, unreachable_s))
        if not any(_is_about(one, key) for one in spec.tolerations)
    )
    return replace(spec, tolerations=(*spec.tolerations, *added)) if added else spec


def _is_about(toleration: Toleration, key: str) -> bool:
    return toleration.key in (key, "") and toleration.effect in ("NoExecute", "")


def borne_s(tolerations: Iterable[Toleration], taint: Taint) -> float:
    """Return for how many seconds a taint is borne: 0 where it is not, FOREVER where no time is set.

    The first toleration that matches counts; a time below zero is none.
    """
    for one in tolerations:
        if tolerates(one, taint):
            return FOREVER if one.toleration_seconds is None else max(float(one.toleration_seconds), 0.0)
    return 0.0
