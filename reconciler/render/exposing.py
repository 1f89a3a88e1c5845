"""A Service for what is there: whom it chooses and which ports it has, as `kubectl expose` finds them. Pure.

All of it reads documents as the API gives them. A ReplicationController without a selector chooses by its template.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]
# Kinds whose Pods a selector by labels alone can choose.
EXPOSABLE = ("DaemonSet", "Deployment", "Pod", "ReplicaSet", "ReplicationController", "Service", "StatefulSet")
_NAME_MAX = 63


class NotExposed(ValueError):
    """No Service can be made for an object; the message says why."""


def selector_of(kind: str, document: Json) -> dict[str, str]:
    """Return the labels by which a Service finds the Pods of an object."""
    spec = document.get("spec") or {}
    if kind == "Pod":
        return _labels(kind, document.get("metadata", {}).get("labels"), "has no labels")
    selector = spec.get("selector")
    if kind == "Service":
        return _labels(kind, selector, "has no selector")
    _check_kind(kind)
    if kind == "ReplicationController":
        labels = selector or spec.get("template", {}).get("metadata", {}).get("labels")
    elif selector and selector.get("matchExpressions"):
        raise NotExposed(f"this {kind} chooses its Pods by expressions, and a Service only by labels")
    else:
        labels = selector and selector.get("matchLabels")
    return _labels(kind, labels, "has a selector without labels")


def ports_of(kind: str, document: Json) -> dict[int, tuple[str, ...]]:
    """Return the ports of an object in their order, each with its protocols."""
    spec = document.get("spec") or {}
    if kind == "Service":
        found = [(one["port"], one) for one in spec.get("ports") or ()]
    else:
        _check_kind(kind)
        pod = spec if kind == "Pod" else spec.get("template", {}).get("spec", {})
        containers = pod.get("containers") or ()
        found = [(one["containerPort"], one) for container in containers for one in container.get("ports") or ()]
    ports: dict[int, tuple[str, ...]] = {}
    for number, one in found:
        protocol = one.get("protocol") or "TCP"
        known = ports.get(number, ())
        ports[number] = known if protocol in known else (*known, protocol)
    return ports


def service_for(
    kind: str,
    document: Json,
    *,
    name: str = "",
    ports: Sequence[int] = (),
    target: int | str | None = None,
    service_type: str = "ClusterIP",
) -> Json:
    """Return the manifest of a Service for an object; without `ports` it has those of the object."""
    metadata, known = document["metadata"], ports_of(kind, document)
    chosen = {number: known.get(number, ("TCP",)) for number in ports} or known
    if not chosen:
        raise NotExposed(f"this {kind} names no ports of its containers")
    labels = metadata.get("labels")
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": (name or metadata["name"])[:_NAME_MAX],
            "namespace": metadata["namespace"],
            **({"labels": dict(labels)} if labels else {}),
        },
        "spec": {
            "type": service_type,
            "selector": selector_of(kind, document),
            "ports": _service_ports(chosen, _targets(kind, document), target),
        },
    }


def _targets(kind: str, document: Json) -> dict[int, int | str]:
    """Return where the ports of a Service lead, which are not always the ports of the containers."""
    listed = document["spec"].get("ports") or () if kind == "Service" else ()
    return {one["port"]: one["targetPort"] for one in listed if one.get("targetPort")}


def _service_ports(
    chosen: Mapping[int, Sequence[str]], targets: Mapping[int, int | str], target: int | str | None
) -> list[Json]:
    pairs = [(number, protocol) for number, protocols in chosen.items() for protocol in protocols]
    return [
        {
            **({"name": f"port-{place}"} if len(pairs) > 1 else {}),
            "port": number,
            "protocol": protocol,
            "targetPort": target or targets.get(number, number),
        }
        for place, (number, protocol) in enumerate(pairs, start=1)
    ]


def _labels(kind: str, labels: Any, fault: str) -> dict[str, str]:
    if not labels:
        raise NotExposed(f"this {kind} {fault}: a Service could choose no Pods")
    return dict(labels)


def _check_kind(kind: str) -> None:
    if kind not in EXPOSABLE:
        raise NotExposed(f"a {kind} has no Pods that a Service could lead to; there are: {', '.join(EXPOSABLE)}")
