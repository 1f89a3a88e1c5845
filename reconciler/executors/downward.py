"""What a Pod can read about itself: `fieldRef` and `resourceFieldRef`, in environment and volumes.

Pure.
"""

import re
from collections.abc import Mapping
from fractions import Fraction

from reconciler.model.base import Value
from reconciler.model.errors import TerminalError
from reconciler.model.granted import effective_requests
from reconciler.model.kinds import Container, ObjectFieldSelector, ResourceFieldSelector, ResourceRequirements
from reconciler.model.node import PodAssignment
from reconciler.model.quantity import bytes_of, cpu_millis, parse_quantity

_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.*)'\]")


class PodPlace(Value):
    """What is known of a Pod only once it is somewhere. CPU in thousandths, memory in bytes: the host's."""

    node: str = ""
    pod_ip: str = ""
    host_ip: str = ""
    cpu_millis: int = 0
    memory_bytes: int = 0


def field_value(selector: ObjectFieldSelector, pod: PodAssignment, place: PodPlace) -> str:
    """Return the value of one field of the Pod as text."""
    path = selector.field_path
    if found := _SUBSCRIPT.fullmatch(path):
        source = pod.labels if found[1] == "labels" else pod.annotations
        return source.get(found[2], "")
    if path in ("metadata.labels", "metadata.annotations"):
        return format_map(pod.labels if path.endswith("labels") else pod.annotations)
    values = {
        "metadata.name": pod.name,
        "metadata.namespace": pod.namespace,
        "metadata.uid": pod.uid,
        "spec.nodeName": place.node,
        "spec.serviceAccountName": pod.service_account,
        "status.hostIP": place.host_ip,
        "status.hostIPs": place.host_ip,
        "status.podIP": pod_ip(pod, place),
        "status.podIPs": pod_ip(pod, place),
    }
    if path not in values:
        raise TerminalError(f"a Pod has no field {path!r} to refer to", reason="CreateContainerConfigError")
    return values[path]


def pod_ip(pod: PodAssignment, place: PodPlace) -> str:
    """Return the Pod's address: the host's where it shares the host's network."""
    return place.host_ip if pod.spec.host_network else place.pod_ip


def resource_value(
    selector: ResourceFieldSelector, pod: PodAssignment, container: Container | None, place: PodPlace
) -> str:
    """Return one request or limit, divided and rounded up; a missing limit is what the host has."""
    if selector.container_name:
        container = next(
            (c for c in (*pod.spec.containers, *pod.spec.init_containers) if c.name == selector.container_name),
            None,
        )
    kind, _, resource = selector.resource.partition(".")
    if container is None or kind not in ("limits", "requests") or not resource:
        raise TerminalError(f"no container has {selector.resource!r} to refer to", reason="CreateContainerConfigError")
    divisor = parse_quantity(selector.divisor) or Fraction(1)
    return str(-(-_amount(container.resources, kind, resource, place) // divisor))


def format_map(values: Mapping[str, str]) -> str:
    """Return labels or annotations as lines `key="value"`, sorted, as Kubernetes writes them."""
    return "\n".join(f"{key}={_quoted(values[key])}" for key in sorted(values))


def _amount(resources: ResourceRequirements, kind: str, resource: str, place: PodPlace) -> Fraction:
    given = resources.limits if kind == "limits" else effective_requests(resources)
    if resource in given:
        exact = given[resource]
        return Fraction(cpu_millis(exact), 1000) if resource == "cpu" else Fraction(bytes_of(exact))
    if kind == "requests":
        return Fraction(0)
    return {"cpu": Fraction(place.cpu_millis, 1000), "memory": Fraction(place.memory_bytes)}.get(resource, Fraction(0))


_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


def _quoted(text: str) -> str:
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x80 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
