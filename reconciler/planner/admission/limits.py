"""LimitRanges: what containers get when they say nothing, and what they may ask for. Pure; upstream's words.

A Pod gets its defaults when it is made, never the template it is made from: a LimitRange that changes rolls nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import cast

from reconciler.model.kinds import Container, LimitRange, LimitRangeItem, Object, PersistentVolumeClaim, Pod, PodSpec
from reconciler.model.podresources import (
    Amounts,
    amount,
    amounts,
    container_limits,
    container_requests,
    limits_of,
    requests_of,
)
from reconciler.model.quantity import QuantityText, format_quantity
from reconciler.planner.admission.usage import shown
from reconciler.planner.view import replace

# What a Pod was given, in words; kept as long as the Pod is.
GIVEN = "kubernetes.io/limit-ranger"
Quantities = Mapping[str, QuantityText]


# Defaults


def with_defaults(limits: Iterable[LimitRange], pod: Pod) -> Pod:
    """Return a Pod with what its containers do not say, and a note of it."""
    given: list[str] = []
    spec = pod.spec
    for limit_range in limits:
        limit, request = container_defaults(limit_range)
        spec = replace(
            spec,
            containers=tuple(_filled(one, limit, request, given) for one in spec.containers),
            init_containers=tuple(_filled(one, limit, request, given) for one in spec.init_containers),
        )
    return _noted(pod, spec, given)


def container_defaults(limit_range: LimitRange) -> tuple[Quantities, Quantities]:
    """Return the limits and the requests that a container gets.

    The limit is the highest there may be unless another is set; so is the request the limit, else the lowest there
    may be.
    """
    limit: dict[str, QuantityText] = {}
    request: dict[str, QuantityText] = {}
    for item in limit_range.spec.limits:
        if item.type == "Container":
            limits = {**item.max, **item.default}
            limit |= limits
            request |= {**item.min, **limits, **item.default_request}
    return limit, request


def kept_defaults(old: Pod, new: Pod) -> Pod:
    """Return a newly declared Pod with what the old one was given, where that is all they differ by."""
    note = old.metadata.annotations.get(GIVEN, "")
    if not note:
        return new
    given: list[str] = []
    spec = replace(
        new.spec,
        containers=_as_before(old.spec.containers, new.spec.containers, given),
        init_containers=_as_before(old.spec.init_containers, new.spec.init_containers, given),
    )
    kept = _noted(new, spec, given)
    return kept if kept.metadata.annotations.get(GIVEN) == note else new


def _as_before(old: tuple[Container, ...], new: tuple[Container, ...], given: list[str]) -> tuple[Container, ...]:
    had = {one.name: one.resources for one in old}
    return tuple(
        _filled(one, had[one.name].limits, had[one.name].requests, given) if one.name in had else one for one in new
    )


def _filled(container: Container, limit: Quantities, request: Quantities, given: list[str]) -> Container:
    """Return a container with limits and requests that it does not state; a limit stated is a request, too."""
    has = container.resources
    limits = {name: value for name, value in limit.items() if name not in has.limits}
    requests = {name: value for name, value in request.items() if name not in {**has.limits, **has.requests}}
    for word, added in (("request", requests), ("limit", limits)):
        if added:
            given.append(f"{', '.join(sorted(added))} {word} for container {container.name}")
    if not limits and not requests:
        return container
    resources = replace(has, limits={**has.limits, **limits}, requests={**has.requests, **requests})
    return replace(container, resources=resources)


def _noted(pod: Pod, spec: PodSpec, given: list[str]) -> Pod:
    if not given:
        return pod
    note = f"LimitRanger plugin set: {'; '.join(given)}"
    metadata = replace(pod.metadata, annotations={**pod.metadata.annotations, GIVEN: note})
    return replace(pod, spec=spec, metadata=metadata)


# Bounds


def violations(limits: Iterable[LimitRange], object: Object) -> list[str]:
    """Return what an object asks for and may not, each once."""
    found: list[str] = []
    for limit_range in limits:
        for item in limit_range.spec.limits:
            for requests, limit in _bounded(item.type, object):
                found += _violations(item, requests, limit, is_claim=object.kind == "PersistentVolumeClaim")
    return list(dict.fromkeys(found))


def _bounded(type_: str, object: Object) -> Iterator[tuple[Amounts, Amounts]]:
    """Yield the requests and limits of everything in an object that is of a sort."""
    match object.kind, type_:
        case "Pod", "Container":
            spec = cast(Pod, object).spec
            for container in (*spec.containers, *spec.init_containers):
                yield container_requests(container), container_limits(container)
        case "Pod", "Pod":
            spec = cast(Pod, object).spec
            yield requests_of(spec), limits_of(spec)
        case "PersistentVolumeClaim", "PersistentVolumeClaim":
            resources = cast(PersistentVolumeClaim, object).spec.resources
            yield amounts(resources.requests), amounts(resources.limits)


def _violations(item: LimitRangeItem, requests: Amounts, limits: Amounts, *, is_claim: bool) -> Iterator[str]:
    below, above = (_below, _above_request) if is_claim else (_below, _above)
    rules: tuple[tuple[Quantities, _Rule], ...] = (
        (item.min, below),
        (item.max, above),
        ({} if is_claim else item.max_limit_request_ratio, _stretched),
    )
    for bounds, rule in rules:
        for name in sorted(bounds):
            if why := rule(item.type, name, bounds[name], requests, limits):
                yield why


_Rule = Callable[[str, str, QuantityText, Amounts, Amounts], str]


def _below(type_: str, name: str, bound: QuantityText, requests: Amounts, limits: Amounts) -> str:
    usage = f"minimum {name} usage per {type_} is {format_quantity(bound)}"
    if name not in requests:
        return f"{usage}.  No request is specified"
    if requests[name] < amount(bound):
        return f"{usage}, but request is {shown(name, requests[name])}"
    if name in limits and limits[name] < amount(bound):
        return f"{usage}, but limit is {shown(name, limits[name])}"
    return ""


def _above(type_: str, name: str, bound: QuantityText, requests: Amounts, limits: Amounts) -> str:
    usage = f"maximum {name} usage per {type_} is {format_quantity(bound)}"
    if name not in limits:
        return f"{usage}.  No limit is specified"
    if limits[name] > amount(bound):
        return f"{usage}, but limit is {shown(name, limits[name])}"
    if name in requests and requests[name] > amount(bound):
        return f"{usage}, but request is {shown(name, requests[name])}"
    return ""


def _above_request(type_: str, name: str, bound: QuantityText, requests: Amounts, limits: Amounts) -> str:
    """A claim has requests and no limits."""
    usage = f"maximum {name} usage per {type_} is {format_quantity(bound)}"
    if name not in requests:
        return f"{usage}.  No request is specified"
    return f"{usage}, but request is {shown(name, requests[name])}" if requests[name] > amount(bound) else ""


def _stretched(type_: str, name: str, bound: QuantityText, requests: Amounts, limits: Amounts) -> str:
    ratio = f"{name} max limit to request ratio per {type_} is {format_quantity(bound)}"
    if not requests.get(name):
        return f"{ratio}, but no request is specified or request is 0"
    if not limits.get(name):
        return f"{ratio}, but no limit is specified or limit is 0"
    provided = limits[name] / requests[name]
    return f"{ratio}, but provided ratio is {float(provided):f}" if provided > amount(bound) else ""
