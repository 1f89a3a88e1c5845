"""Addresses in forms that Kubernetes took before it became strict, put into the one form that all programs read. Pure.

The forms are those that its StrictIPCIDRValidation ends: zeros in front of numbers, IPv4 in the form of IPv6, bits
behind the prefix of a network. The fields are those which it calls legacy ones; newer ones (EndpointSlices) were
always strict. With the setting `legacyAddresses` such a text is read for what Kubernetes took it for, and told of;
without it, it is refused.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from reconciler.model.addresses import plain_address, plain_network

_POD = ("hostAliases.*.ip", "dnsConfig.nameservers.*", "initContainers.*.ports.*.hostIP", "containers.*.ports.*.hostIP")
_TEMPLATE = tuple(f"spec.template.spec.{path}" for path in _POD)
_BALANCED = ("status.loadBalancer.ingress.*.ip",)
_PEERS = tuple(f"spec.{way}.*.ipBlock" for way in ("ingress.*.from", "egress.*.to"))
_ADDRESSES: Mapping[str, tuple[str, ...]] = {
    "CronJob": tuple(f"spec.jobTemplate.{path}" for path in _TEMPLATE),
    "Endpoints": ("subsets.*.addresses.*.ip", "subsets.*.notReadyAddresses.*.ip"),
    "Ingress": _BALANCED,
    "Pod": (
        *(f"spec.{path}" for path in _POD),
        *("status.podIP", "status.podIPs.*.ip", "status.hostIP", "status.hostIPs.*.ip"),
    ),
    "Service": ("spec.clusterIP", "spec.clusterIPs.*", "spec.externalIPs.*", "spec.loadBalancerIP", *_BALANCED),
    **dict.fromkeys(
        ("DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"), _TEMPLATE
    ),
}
_NETWORKS: Mapping[str, tuple[str, ...]] = {
    "NetworkPolicy": tuple(f"{peer}.{field}" for peer in _PEERS for field in ("cidr", "except.*")),
    "Service": ("spec.loadBalancerSourceRanges.*",),
}


class Reading(NamedTuple):
    """A text at a pointer, and what it was taken for."""

    pointer: str
    text: str
    meant: str


def with_plain_addresses(kind: str, document: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Reading, ...]]:
    """Return a document of a kind with its addresses in their plain form, and which were in another one."""
    found: list[Reading] = []
    result: Any = dict(document)
    for paths, plain in ((_ADDRESSES, plain_address), (_NETWORKS, plain_network)):
        for path in paths.get(kind, ()):
            result = _plain(result, tuple(path.split(".")), "", plain, found)
    return result, tuple(found)


def _plain(value: Any, path: tuple[str, ...], at: str, plain: Callable[[str], str], found: list[Reading]) -> Any:
    """Return a value with what stands at a path in its plain form; what is not of that shape stays as it is."""
    if not path:
        meant = plain(value) if isinstance(value, str) else value
        if meant != value:
            found.append(Reading(at, value, meant))
        return meant
    parts = {key: _plain(part, path[1:], f"{at}/{key}", plain, found) for key, part in _parts(value, path[0])}
    if isinstance(value, dict):
        return {**value, **parts} if any(parts[key] is not value[key] for key in parts) else value
    return [parts[number] for number in range(len(value))] if parts else value


def _parts(value: Any, step: str) -> Iterator[tuple[Any, Any]]:
    if step == "*" and isinstance(value, list):
        yield from enumerate(value)
    elif step != "*" and isinstance(value, dict) and step in value:
        yield step, value[step]
