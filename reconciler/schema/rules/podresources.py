"""Rules on what a Pod asks for as a whole. Semantics of Kubernetes' validatePodResources and -Consistency."""

from collections.abc import Iterator, Mapping

from reconciler.model.kinds import PodSpec
from reconciler.model.podresources import OF_CPU_AND_MEMORY, contradictions, is_huge, is_of_pods
from reconciler.model.quantity import QuantityText, is_quantity, parse_quantity
from reconciler.schema.rules.containers import join_pointer_at
from reconciler.schema.rules.finding import Finding, error

_Said = Mapping[str, QuantityText]


def pod_resource_findings(at: str, spec: PodSpec) -> Iterator[Finding]:
    """Yield what is wrong with the resources of the Pod spec at pointer `at`, and with those of its containers."""
    given, place = spec.resources, f"{at}/resources"
    if not given.requests and not given.limits:
        return
    for side, said in (("requests", given.requests), ("limits", given.limits)):
        yield from _amount_findings(place, side, said)
    yield from _pair_findings(place, given.requests, given.limits)
    named = {**given.requests, **given.limits}
    if any(map(is_huge, named)) and not any(name in named for name in OF_CPU_AND_MEMORY):
        yield error(place, "huge pages need a request or limit of cpu or memory beside them")
    for one in contradictions(spec):
        yield error(join_pointer_at(at, *one.path), one.message)


def _amount_findings(at: str, side: str, said: _Said) -> Iterator[Finding]:
    for name, value in said.items():
        pointer = join_pointer_at(at, side, name)
        if not is_of_pods(name):
            yield error(pointer, f"{name}: a Pod as a whole has none", "one of cpu, memory, hugepages-SIZE")
        elif parse_quantity(value) < 0:
            yield error(pointer, f"{name}: must be at least 0")
        elif is_huge(name) and not _is_multiple(name, value):
            yield error(pointer, f"{name}: must be a multiple of the page size")


def _is_multiple(name: str, value: QuantityText) -> bool:
    size = name.partition("-")[2]
    page = parse_quantity(size) if is_quantity(size) else parse_quantity(0)
    return page > 0 and parse_quantity(value) % page == 0


def _pair_findings(at: str, requests: _Said, limits: _Said) -> Iterator[Finding]:
    for name, value in requests.items():
        pointer = join_pointer_at(at, "requests", name)
        if is_huge(name) and name not in limits:
            yield error(pointer, f"{name}: needs a limit of the same amount")
        elif is_huge(name) and parse_quantity(value) != parse_quantity(limits[name]):
            yield error(pointer, f"{name}: must be the same as the limit")
        elif name in limits and parse_quantity(value) > parse_quantity(limits[name]):
            yield error(pointer, f"{name}: the request exceeds the limit")
