"""Rules on PodDisruptionBudgets and PriorityClasses."""

from collections.abc import Iterator, Mapping

from reconciler.model.kinds import PodDisruptionBudget, PriorityClass
from reconciler.schema.rules.finding import Finding, error
from reconciler.schema.rules.selectors import selector_findings

# The classes that every cluster has; nobody else's may be called system-..., or be as high.
SYSTEM_CLASSES: Mapping[str, int] = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
_PRIORITY_MAX = 1_000_000_000


def budget_findings(budget: PodDisruptionBudget) -> Iterator[Finding]:
    """Yield what is wrong with a PodDisruptionBudget."""
    spec = budget.spec
    for field, limit in (("minAvailable", spec.min_available), ("maxUnavailable", spec.max_unavailable)):
        if isinstance(limit, str) and int(limit.rstrip("%")) > 100:
            yield error(f"/spec/{field}", f"{field}: must be at most 100%")
    yield from selector_findings("/spec/selector", spec.selector)


def priority_findings(priority: PriorityClass) -> Iterator[Finding]:
    """Yield what is wrong with a PriorityClass."""
    name = priority.metadata.name
    if name in SYSTEM_CLASSES:
        if priority.value != SYSTEM_CLASSES[name] or priority.global_default:
            yield error("/value", f"{name} is a class of the cluster itself; its value is {SYSTEM_CLASSES[name]}")
    elif name.startswith("system-"):
        yield error("/metadata/name", "names that begin with system- are the cluster's own", code="bad-name")
    elif priority.value > _PRIORITY_MAX:
        yield error("/value", f"value: must be at most {_PRIORITY_MAX}; what is above is the cluster's own")
