"""How much may be taken away on purpose, and who comes first: PodDisruptionBudget and PriorityClass."""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, field

from reconciler.model.base import Value
from reconciler.model.kinds.meta import Condition, LabelSelector, Object
from reconciler.model.kinds.scalars import CountOrPercent


class PodDisruptionBudgetSpec(Value):
    """How many Pods must stay, or may be away, when they are taken away on purpose."""

    at_most_one: ClassVar[tuple[str, ...]] = ("min_available", "max_unavailable")

    min_available: CountOrPercent | None = None
    max_unavailable: CountOrPercent | None = None
    selector: LabelSelector | None = None
    unhealthy_pod_eviction_policy: Literal["IfHealthyBudget", "AlwaysAllow"] | None = None

    def stay_of(self, expected: int) -> int:
        """Return how many of so many Pods have to stay; percentages round up, as in Kubernetes."""
        if self.max_unavailable is not None:
            return max(expected - _share(self.max_unavailable, expected), 0)
        return _share(self.min_available, expected) if self.min_available is not None else 0


def _share(value: int | str, whole: int) -> int:
    return value if isinstance(value, int) else math.ceil(int(value.rstrip("%")) * whole / 100)


class PodDisruptionBudgetStatus(Value):
    """How many Pods may be taken away now."""

    observed_generation: int = 0
    disrupted_pods: Mapping[str, str] = field(default_factory=dict)
    disruptions_allowed: int = 0
    current_healthy: int = 0
    desired_healthy: int = 0
    expected_pods: int = 0
    conditions: tuple[Condition, ...] = ()


class PodDisruptionBudget(Object):
    """Bounds how many Pods are taken away on purpose at the same time."""

    kind: ClassVar[str] = "PodDisruptionBudget"
    api_version: str = field(default_factory=lambda: "policy/v1")
    spec: PodDisruptionBudgetSpec = PodDisruptionBudgetSpec()
    status: PodDisruptionBudgetStatus = PodDisruptionBudgetStatus()


class PriorityClass(Object):
    """Gives Pods that name it a priority."""

    kind: ClassVar[str] = "PriorityClass"
    api_version: str = field(default_factory=lambda: "scheduling.k8s.io/v1")
    value: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
    global_default: bool = False
    description: str = ""
    preemption_policy: Literal["PreemptLowerPriority", "Never"] = "PreemptLowerPriority"
