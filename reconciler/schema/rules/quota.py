"""Rules on ResourceQuotas and LimitRanges."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

from reconciler.model.kinds import LimitRange, LimitRangeItem, ResourceQuota, ScopedResourceSelectorRequirement
from reconciler.model.quantity import QuantityText, format_quantity, parse_quantity
from reconciler.schema.positions import join_pointer
from reconciler.schema.rules.finding import Finding, error, repeated

_COMPUTE = frozenset(("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"))
_STORAGE = frozenset(
    (
        "requests.storage",
        "persistentvolumeclaims",
        "ephemeral-storage",
        "requests.ephemeral-storage",
        "limits.ephemeral-storage",
    )
)
_COUNTED = frozenset(
    (
        "pods",
        "services",
        "replicationcontrollers",
        "resourcequotas",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
    )
)
_KNOWN = _COMPUTE | _STORAGE | _COUNTED
_OF_CONTAINERS = frozenset(("cpu", "memory", "ephemeral-storage"))
_HUGE_PAGES = ("hugepages-", "requests.hugepages-")
_OF_CLAIMS = frozenset(("requests.storage", "persistentvolumeclaims"))
_EXCLUDING = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))
_ONLY_EXISTS = frozenset(("Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "CrossNamespacePodAffinity"))
_LIMITED = ("Pod", "Container", "PersistentVolumeClaim")


def quota_findings(quota: ResourceQuota) -> Iterator[Finding]:
    """Yield what is wrong with a ResourceQuota."""
    spec = quota.spec
    for name, amount in spec.hard.items():
        yield from _bound_findings(join_pointer("spec", "hard", name), name, amount)
    conditions = spec.scope_selector.match_expressions if spec.scope_selector else ()
    for number, part in enumerate(conditions):
        yield from _condition_findings(f"/spec/scopeSelector/matchExpressions/{number}", part)
    yield from _scope_findings("/spec/scopes", spec.scopes, spec.hard)
    yield from _scope_findings("/spec/scopeSelector", tuple(part.scope_name for part in conditions), spec.hard)


def _bound_findings(at: str, name: str, amount: QuantityText) -> Iterator[Finding]:
    if "/" not in name and name not in _KNOWN and not name.startswith(_HUGE_PAGES):
        hint = "such as requests.cpu, limits.memory, pods, or count/deployments.apps"
        yield error(at, f"{name} is nothing that a quota can count", hint)
    value = parse_quantity(amount)
    if value < 0:
        yield error(at, f"{name}: must be at least 0")
    elif name in _COUNTED and value.denominator != 1:
        yield error(at, f"{name}: must be a whole number")


def _condition_findings(at: str, part: ScopedResourceSelectorRequirement) -> Iterator[Finding]:
    if part.scope_name in _ONLY_EXISTS and part.operator != "Exists":
        yield error(f"{at}/operator", f"scope {part.scope_name} takes only operator Exists")
    elif part.operator in ("In", "NotIn") and not part.values:
        yield error(at, f"operator {part.operator} needs values")
    elif part.operator in ("Exists", "DoesNotExist") and part.values:
        yield error(f"{at}/values", f"operator {part.operator} takes no values")


def _scope_findings(at: str, scopes: tuple[str, ...], hard: Mapping[str, QuantityText]) -> Iterator[Finding]:
    for one, other in _EXCLUDING:
        if one in scopes and other in scopes:
            yield error(at, f"{one} and {other} exclude each other: nothing would count")
    for scope in dict.fromkeys(scopes):
        for name in hard:
            if name in _KNOWN and name not in _counted_in(scope):
                yield error(join_pointer("spec", "hard", name), f"{name} cannot be counted in scope {scope}")


def _counted_in(scope: str) -> frozenset[str]:
    if scope == "VolumeAttributesClass":
        return _OF_CLAIMS
    return frozenset(("pods",)) if scope == "BestEffort" else _COMPUTE | {"pods"}


def limit_findings(limits: LimitRange) -> Iterator[Finding]:
    """Yield what is wrong with a LimitRange."""
    places = ((f"/spec/limits/{number}/type", item.type) for number, item in enumerate(limits.spec.limits))
    yield from repeated(places, "type")
    for number, item in enumerate(limits.spec.limits):
        yield from _item_findings(f"/spec/limits/{number}", item)


def _item_findings(at: str, item: LimitRangeItem) -> Iterator[Finding]:
    if item.type not in _LIMITED and "/" not in item.type:
        yield error(f"{at}/type", f"type: must be one of {', '.join(_LIMITED)}", code="not-among")
    if item.type == "Pod":
        for field, values in (("default", item.default), ("defaultRequest", item.default_request)):
            if values:
                yield error(f"{at}/{field}", f"type Pod has no {field}: it belongs to type Container")
    if item.type == "PersistentVolumeClaim" and "storage" not in item.min and "storage" not in item.max:
        yield error(at, "needs min or max of storage", code="missing-field")
    yield from _name_findings(at, item)
    names = {**item.max, **item.min, **item.default, **item.default_request, **item.max_limit_request_ratio}
    for name in names:
        yield from _order_findings(at, item, name)
        yield from _ratio_findings(at, item, name)


def _name_findings(at: str, item: LimitRangeItem) -> Iterator[Finding]:
    """Without a domain, only resources that Kubernetes knows: of containers, or of anything (validateResourceName)."""
    known = _OF_CONTAINERS if item.type in ("Pod", "Container") else _KNOWN | {"storage"}
    for field, values in (
        ("max", item.max),
        ("min", item.min),
        ("default", item.default),
        ("defaultRequest", item.default_request),
        ("maxLimitRequestRatio", item.max_limit_request_ratio),
    ):
        for name in values:
            if "/" not in name and name not in known and not name.startswith(_HUGE_PAGES):
                place = join_pointer(*at.split("/")[1:], field, name)
                yield error(
                    place, f"{name} is no resource", f"resources of type {item.type}: {', '.join(sorted(known))}"
                )


def _order_findings(at: str, item: LimitRangeItem, name: str) -> Iterator[Finding]:
    """The values must rise: min, defaultRequest, default, max; those that are left out do not count."""
    rising = (
        ("min", item.min),
        ("defaultRequest", item.default_request),
        ("default", item.default),
        ("max", item.max),
    )
    given = [(field, values[name]) for field, values in rising if name in values]
    for (lower, low), (upper, high) in pairwise(given):
        if parse_quantity(low) > parse_quantity(high):
            message = f"{name}: {lower} ({format_quantity(low)}) is more than {upper} ({format_quantity(high)})"
            yield error(join_pointer(*at.split("/")[1:], lower, name), message)


def _ratio_findings(at: str, item: LimitRangeItem, name: str) -> Iterator[Finding]:
    if name not in item.max_limit_request_ratio:
        return
    place = join_pointer(*at.split("/")[1:], "maxLimitRequestRatio", name)
    ratio = parse_quantity(item.max_limit_request_ratio[name])
    if ratio < 1:
        yield error(place, f"{name}: must be at least 1")
    least, most = parse_quantity(item.min.get(name, 0)), parse_quantity(item.max.get(name, 0))
    if least > 0 and most > 0 and ratio > most / least:
        yield error(place, f"{name}: more than max divided by min, which is {float(most / least):g}")
