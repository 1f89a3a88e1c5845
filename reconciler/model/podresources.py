"""Resources of a Pod as a whole (`spec.resources`, KEP-2837): what they leave unsaid, and what counts. Pure.

The arithmetic and the defaults are those of Kubernetes' PodRequests, PodLimits and SetDefaults_Pod: what the Pod says
counts; what it does not say is what its containers say together.
"""

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

from reconciler.model.base import Value
from reconciler.model.kinds import Container, PodSpec
from reconciler.model.quantity import QuantityText, amount_text, parse_quantity

Amounts: TypeAlias = Mapping[str, Fraction]

OF_CPU_AND_MEMORY = ("cpu", "memory")
# Under this name, which no container has, stands what a Pod asks for as a whole beside what its containers do.
WHOLE = ""
_HUGE = "hugepages-"
_ZERO = Fraction(0)

amount = lru_cache(maxsize=4096)(parse_quantity)


def is_of_pods(resource: str) -> bool:
    """Whether a Pod can ask for a resource as a whole."""
    return resource in OF_CPU_AND_MEMORY or is_huge(resource)


def is_huge(resource: str) -> bool:
    """Whether a resource is one of huge pages: no more of them can be promised than there are."""
    return resource.startswith(_HUGE)


class Contradiction(Value):
    """A place in a Pod's spec, and why what stands there cannot be."""

    path: tuple[str, ...]
    message: str


def has_pod_resources(spec: PodSpec) -> bool:
    """Whether a Pod asks for anything as a whole."""
    given = spec.resources
    return bool(given.requests or given.limits) and any(map(is_of_pods, {**given.requests, **given.limits}))


def pod_requests(spec: PodSpec) -> Amounts:
    """Return what a Pod asks for as a whole; nothing where it says nothing.

    With limits of its own, a Pod asks for what its containers do together, else for its limit.
    """
    asked = _supported(spec.resources.requests)
    limits = _explicit_limits(spec)
    if not limits:
        return asked
    together = aggregate(spec, container_requests)
    shared = {name: value for name, value in together.items() if name in OF_CPU_AND_MEMORY}
    return {**limits, **shared, **asked}


def pod_limits(spec: PodSpec) -> Amounts:
    """Return what a Pod may use as a whole; nothing where it says nothing.

    A Pod that only says what it asks for may use what its containers may together, where all of them have a limit.
    """
    limits = _explicit_limits(spec)
    if limits or not _supported(spec.resources.requests):
        return limits
    everyone = (*spec.init_containers, *spec.containers)
    together = aggregate(spec, container_limits)
    return {
        name: together[name]
        for name in OF_CPU_AND_MEMORY
        if name in together and all(name in one.resources.limits for one in everyone)
    }


def requests_of(spec: PodSpec) -> Amounts:
    """Return what a Pod takes of its node, by the name of the resource."""
    together = aggregate(spec, container_requests)
    return {**together, **pod_requests(spec)} if has_pod_resources(spec) else together


def limits_of(spec: PodSpec) -> Amounts:
    """Return what a Pod uses at most, by the name of the resource, as far as that is said."""
    together = aggregate(spec, container_limits)
    return {**together, **pod_limits(spec)} if has_pod_resources(spec) else together


def contradictions(spec: PodSpec) -> Iterator[Contradiction]:
    """Yield where containers ask for more than their Pod as a whole, or may use more."""
    requests, limits = amounts(spec.resources.requests), amounts(spec.resources.limits)
    for name, asked in aggregate(spec, container_requests).items():
        if name in requests and asked > requests[name]:
            message = f"{name}: its containers request {_shown(name, asked)} together, which is more"
            yield Contradiction(path=("resources", "requests", name), message=message)
    for name, used in aggregate(spec, container_limits).items():
        # Of huge pages no more can be promised than there are.
        if is_huge(name) and name in limits and used > limits[name]:
            message = f"{name}: its containers have limits of {_shown(name, used)} together, which is more"
            yield Contradiction(path=("resources", "limits", name), message=message)
    for number, container in enumerate(spec.containers):
        for name, limit in amounts(container.resources.limits).items():
            if name in limits and limit > limits[name]:
                path = ("containers", str(number), "resources", "limits", name)
                yield Contradiction(path=path, message=f"{name}: the container's limit exceeds that of its Pod")


def container_requests(container: Container) -> Amounts:
    """Return what a container asks for; a limit without a request is a request too."""
    return amounts({**container.resources.limits, **container.resources.requests})


def container_limits(container: Container) -> Amounts:
    """Return what a container uses at most."""
    return amounts(container.resources.limits)


def amounts(quantities: Mapping[str, QuantityText]) -> dict[str, Fraction]:
    """Return quantities as numbers."""
    return {name: amount(value) for name, value in quantities.items()}


def aggregate(spec: PodSpec, of: Callable[[Container], Amounts]) -> Amounts:
    """Return the sum of containers and sidecars, or what an init container needs beside earlier sidecars if more."""
    steady: Amounts = {}
    for container in spec.containers:
        steady = plus(steady, of(container))
    peak: Amounts = {}
    beside: Amounts = {}
    for container in spec.init_containers:
        if container.restart_policy == "Always":
            beside = plus(beside, of(container))
        else:
            peak = _larger(peak, plus(beside, of(container)))
    return _larger(plus(steady, beside), peak)


def plus(one: Amounts, other: Amounts, times: int = 1) -> dict[str, Fraction]:
    """Return the sum by name; `times` -1 takes the other away."""
    found = dict(one)
    for name, value in other.items():
        found[name] = found.get(name, _ZERO) + value * times
    return found


def _larger(one: Amounts, other: Amounts) -> Amounts:
    return {name: max(one.get(name, _ZERO), other.get(name, _ZERO)) for name in {**one, **other}}


def _explicit_limits(spec: PodSpec) -> dict[str, Fraction]:
    """Return the Pod's limits; of huge pages, which cannot be overcommitted, also what its containers may use."""
    given = spec.resources
    limits = _supported(given.limits)
    if not limits and not _supported(given.requests):
        return limits
    together = aggregate(spec, container_limits)
    huge = {name: value for name, value in together.items() if is_huge(name) and name not in given.requests}
    return {**huge, **limits}


def _supported(quantities: Mapping[str, QuantityText]) -> dict[str, Fraction]:
    return {name: amount(value) for name, value in quantities.items() if is_of_pods(name)}


def _shown(name: str, value: Fraction) -> str:
    return amount_text(value, binary=name != "cpu")
