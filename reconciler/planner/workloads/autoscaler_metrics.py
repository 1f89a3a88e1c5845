"""How many Pods a metric asks for, from what the Pods use. Pure; semantics of Kubernetes' controller.

Amounts are in thousandths: of a core, or of a byte. Arithmetic is exact, so that a share of exactly the tolerance is
within it whatever the numbers.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from reconciler.model.kinds import Container, Pod
from reconciler.model.metrics import PodUsage
from reconciler.model.podresources import pod_requests
from reconciler.model.quantity import QuantityText, parse_quantity
from reconciler.model.times import seconds, unix
from reconciler.planner.health import condition
from reconciler.planner.workloads.autoscaler_rules import Rules

INITIAL_READINESS_DELAY_S = 30
CPU_INITIALIZATION_PERIOD_S = 300
_MILLI = 1000
_NANOS_OF_MILLI = 1_000_000


class NotMeasurable(Exception):
    """A metric says nothing now; the text says why."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one Pod used, when (Unix seconds), and over which time before."""

    amount: int
    at: float
    window_s: float


@dataclass(frozen=True, slots=True)
class Groups:
    """How Pods count: their names. Ignored ones are ending or have failed."""

    ready: frozenset[str]
    unready: frozenset[str]
    missing: frozenset[str]
    ignored: frozenset[str]


@dataclass(frozen=True, slots=True)
class Answer:
    """How many Pods a metric asks for, and what it found: a percentage where it is one, and the average amount."""

    replicas: int
    average: int
    utilization: int | None = None


def readings_of(
    usage: Mapping[str, PodUsage], pods: Iterable[Pod], resource: str, container: str = ""
) -> dict[str, Reading]:
    """Return what Pods use of a resource, by name; of one container only where it is named."""
    found: dict[str, Reading] = {}
    for pod in pods:
        used = usage.get(pod.metadata.uid)
        parts = [one for one in used.containers if container in ("", one.name)] if used is not None else []
        if used is not None and parts:
            nanos = sum(one.cpu_nanos for one in parts)
            amount = -(-nanos // _NANOS_OF_MILLI) if resource == "cpu" else sum(p.memory_bytes for p in parts) * _MILLI
            found[pod.metadata.name] = Reading(amount, used.at, used.window_s)
    return found


def requests_of(pods: Iterable[Pod], resource: str, container: str = "") -> dict[str, int]:
    """Return what Pods ask for of a resource, by name: as a whole, else all their containers.

    Raises NotMeasurable where a container asks for nothing.
    """
    found: dict[str, int] = {}
    for pod in pods:
        parts = [one for one in _lasting(pod) if container in ("", one.name)]
        if container and not parts:
            raise NotMeasurable(f"Pod {pod.metadata.name} has no container {container}")
        whole = None if container else pod_requests(pod.spec).get(resource)
        together = (_request(pod, one, resource) for one in parts)
        found[pod.metadata.name] = sum(together) if whole is None else ceil(whole * _MILLI)
    return found


def _lasting(pod: Pod) -> Iterable[Container]:
    """Return the containers that run as long as the Pod does."""
    sidecars = (one for one in pod.spec.init_containers if one.restart_policy == "Always")
    return (*pod.spec.containers, *sidecars)


def _request(pod: Pod, container: Container, resource: str) -> int:
    given: QuantityText | None = container.resources.requests.get(resource, container.resources.limits.get(resource))
    if given is None:
        raise NotMeasurable(f"missing request for {resource} in container {container.name} of Pod {pod.metadata.name}")
    return ceil(parse_quantity(given) * _MILLI)


def group_pods(pods: Iterable[Pod], readings: Mapping[str, Reading], resource: str, now: float) -> Groups:
    """Sort Pods by how they count."""
    groups: dict[str, set[str]] = {"ready": set(), "unready": set(), "missing": set(), "ignored": set()}
    for pod in pods:
        groups[_group(pod, readings.get(pod.metadata.name), resource, now)].add(pod.metadata.name)
    return Groups(**{name: frozenset(members) for name, members in groups.items()})


def _group(pod: Pod, reading: Reading | None, resource: str, now: float) -> str:
    if pod.metadata.deletion_timestamp is not None or pod.status.phase == "Failed":
        return "ignored"
    if pod.status.phase == "Pending":
        return "unready"
    if reading is None:
        return "missing"
    return "unready" if resource == "cpu" and _is_starting(pod, reading, now) else "ready"


def _is_starting(pod: Pod, reading: Reading, now: float) -> bool:
    """Whether what a Pod uses of the processor says more of its start than of its work."""
    ready, started_at = condition(pod.status.conditions, "Ready"), unix(pod.status.start_time)
    if ready is None or started_at is None:
        return True
    changed_at = seconds(ready.last_transition_time)
    if started_at + CPU_INITIALIZATION_PERIOD_S > now:
        return ready.status == "False" or reading.at < changed_at + reading.window_s
    # A Pod that was never ready is still starting; one that was, and is not any more, counts.
    return ready.status == "False" and started_at + INITIAL_READINESS_DELAY_S > changed_at


def by_utilization(
    pods: Sequence[Pod],
    readings: Mapping[str, Reading],
    requests: Mapping[str, int],
    target: int,
    current: int,
    groups: Groups,
    rules: Rules,
) -> Answer:
    """Return how many Pods would use `target` percent of what they ask for. Raises NotMeasurable."""

    def ratio(amounts: Mapping[str, int]) -> Fraction:
        return Fraction(_utilization(amounts, requests), target)

    # A Pod that is not measured counts as using all it asks for when that keeps the others.
    full = {name: requests[name] * max(100, target) // 100 for name in groups.missing}
    taken = _taken(pods, readings, groups)
    replicas = _replicas(taken, ratio, full, current, groups, rules)
    known = [amount for name, amount in taken.items() if name in requests]
    return Answer(replicas, sum(known) // len(known), _utilization(taken, requests))


def by_average(
    pods: Sequence[Pod],
    readings: Mapping[str, Reading],
    target: int,
    current: int,
    groups: Groups,
    rules: Rules,
) -> Answer:
    """Return how many Pods would use `target` on average. Raises NotMeasurable."""

    def ratio(amounts: Mapping[str, int]) -> Fraction:
        return Fraction(sum(amounts.values()) // len(amounts), target)

    taken = _taken(pods, readings, groups)
    replicas = _replicas(taken, ratio, dict.fromkeys(groups.missing, target), current, groups, rules)
    return Answer(replicas, sum(taken.values()) // len(taken))


def _utilization(amounts: Mapping[str, int], requests: Mapping[str, int]) -> int:
    """Return the percentage of what is asked for that is used; Pods of which one of the two is unknown are left out."""
    asked = sum(requests[name] for name in amounts if name in requests)
    if not asked:
        raise NotMeasurable("no metrics returned matched known pods")
    return sum(amount for name, amount in amounts.items() if name in requests) * 100 // asked


def _taken(pods: Sequence[Pod], readings: Mapping[str, Reading], groups: Groups) -> dict[str, int]:
    if not pods:
        raise NotMeasurable("no pods returned by selector while calculating replica count")
    left_out = groups.unready | groups.ignored
    taken = {name: reading.amount for name, reading in readings.items() if name not in left_out}
    if not taken:
        raise NotMeasurable("did not receive metrics for any ready pods")
    return taken


def _replicas(
    taken: Mapping[str, int],
    ratio_of: Callable[[Mapping[str, int]], Fraction],
    full: Mapping[str, int],
    current: int,
    groups: Groups,
    rules: Rules,
) -> int:
    """Return the number; what is not known is assumed to be whatever changes the least."""
    ratio = ratio_of(taken)
    grows = ratio > 1
    would_grow_unready = bool(groups.unready) and grows
    if not would_grow_unready and not groups.missing:
        return current if _is_tolerable(ratio, rules) else ceil(ratio * len(groups.ready))
    assumed = dict(taken)
    if grows:
        assumed |= dict.fromkeys(full, 0)
    elif ratio < 1:
        assumed |= full
    if would_grow_unready:
        assumed |= dict.fromkeys(groups.unready, 0)
    again = ratio_of(assumed)
    if _is_tolerable(again, rules) or (ratio < 1 < again) or (again < 1 < ratio):
        return current
    replicas = ceil(again * len(assumed))
    return max(replicas, current) if grows else min(replicas, current)


def _is_tolerable(ratio: Fraction, rules: Rules) -> bool:
    return 1 - rules.down.tolerance <= ratio <= 1 + rules.up.tolerance
