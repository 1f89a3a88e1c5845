"""Documents of another version of a kind, turned into the version that we keep, and back. Pure.

Kubernetes serves some kinds in several versions at a time. We keep one; what a client or a manifest says in another is
turned into it before anything looks at it.
"""

from collections.abc import Callable, Mapping
from typing import Any

Document = dict[str, Any]

_TARGET = "targetCPUUtilizationPercentage"
_CURRENT = "currentCPUUtilizationPercentage"
_ONLY_KEPT = ("behavior", "conditions", "recommendations", "scaleEvents")


class NotConvertible(ValueError):
    """A document has a field that its version does not know; `pointer` names it."""

    def __init__(self, pointer: str) -> None:
        super().__init__(pointer)
        self.pointer = pointer


def to_kept(document: Mapping[str, Any]) -> Document:
    """Return a document in the version that we keep; one of that version is returned as it is.

    Raises `NotConvertible` when it uses a field that only the kept version has.
    """
    convert = _TO_KEPT.get(_key(document))
    return convert(document) if convert else dict(document)


def from_kept(document: Mapping[str, Any], api_version: str) -> Document:
    """Return a document of the version that we keep in another version."""
    convert = _FROM_KEPT.get((api_version, str(document.get("kind"))))
    return convert(document) if convert else dict(document)


def fields_in(api_version: str, kind: str) -> Mapping[str, str]:
    """Return what fields of the version that we keep are called in another one, where they have another name."""
    return _EVENT_NAMES_BACK if (api_version, kind) == _EVENTS_V1 else {}


def _key(document: Mapping[str, Any]) -> tuple[str, str]:
    return str(document.get("apiVersion")), str(document.get("kind"))


def _autoscaler_to_kept(document: Mapping[str, Any]) -> Document:
    converted = {**document, "apiVersion": "autoscaling/v2"}
    spec = document.get("spec")
    if not isinstance(spec, dict):
        return converted
    for unknown in ("metrics", "behavior"):
        if unknown in spec:
            raise NotConvertible(f"/spec/{unknown}")
    kept = {name: value for name, value in spec.items() if name != _TARGET}
    if _TARGET in spec:
        target = {"type": "Utilization", "averageUtilization": spec[_TARGET]}
        kept["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    return {**converted, "spec": kept}


def _autoscaler_from_kept(document: Mapping[str, Any]) -> Document:
    """Only the first metric of the processor has a place in the old form."""
    converted = {**document, "apiVersion": "autoscaling/v1"}
    for part, listed, field, inner in (
        ("spec", "metrics", _TARGET, "target"),
        ("status", "currentMetrics", _CURRENT, "current"),
    ):
        value = document.get(part)
        if not isinstance(value, dict):
            continue
        kept = {name: item for name, item in value.items() if name not in (listed, *_ONLY_KEPT)}
        share = next((found for one in value.get(listed, ()) if (found := _processor_share(one, inner))), None)
        converted[part] = kept if share is None else {**kept, field: share}
    return converted


def _processor_share(metric: Mapping[str, Any], inner: str) -> int | None:
    resource = metric.get("resource") or {}
    share = resource.get(inner, {}).get("averageUtilization") if resource.get("name") == "cpu" else None
    return share if isinstance(share, int) else None


# Fields of an Event in the core group, by their names in events.k8s.io.
_EVENT_NAMES = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_EVENT_NAMES_BACK = {kept: name for name, kept in _EVENT_NAMES.items()}


def _event_to_kept(document: Mapping[str, Any]) -> Document:
    for name in _EVENT_NAMES_BACK:
        if name in document:
            raise NotConvertible(f"/{name}")
    return {_EVENT_NAMES.get(name, name): value for name, value in document.items()} | {"apiVersion": "v1"}


def _event_from_kept(document: Mapping[str, Any]) -> Document:
    renamed = {_EVENT_NAMES_BACK.get(name, name): value for name, value in document.items()}
    return {**renamed, "apiVersion": "events.k8s.io/v1", "eventTime": renamed.get("eventTime")}


def _ingress_to_kept(document: Mapping[str, Any]) -> Document:
    """Turn `serviceName` and `servicePort` of the old forms into `service`; a path says of which type it is."""
    converted = {**document, "apiVersion": "networking.k8s.io/v1"}
    spec = document.get("spec")
    if not isinstance(spec, dict):
        return converted
    if "defaultBackend" in spec:
        raise NotConvertible("/spec/defaultBackend")
    kept = {name: value for name, value in spec.items() if name != "backend"}
    if "backend" in spec:
        kept["defaultBackend"] = _backend_to_kept(spec["backend"], "/spec/backend")
    if isinstance(spec.get("rules"), list):
        kept["rules"] = [_rule_to_kept(rule, f"/spec/rules/{number}") for number, rule in enumerate(spec["rules"])]
    return {**converted, "spec": kept}


def _rule_to_kept(rule: Any, at: str) -> Any:
    http = rule.get("http") if isinstance(rule, dict) else None
    if not isinstance(http, dict) or not isinstance(http.get("paths"), list):
        return rule
    paths = [_path_to_kept(path, f"{at}/http/paths/{number}") for number, path in enumerate(http["paths"])]
    return {**rule, "http": {**http, "paths": paths}}


def _path_to_kept(path: Any, at: str) -> Any:
    if not isinstance(path, dict):
        return path
    backend = {"backend": _backend_to_kept(path["backend"], f"{at}/backend")} if "backend" in path else {}
    return {"pathType": "ImplementationSpecific", **path, **backend}


def _backend_to_kept(backend: Any, at: str) -> Any:
    if not isinstance(backend, dict):
        return backend
    if "service" in backend:
        raise NotConvertible(f"{at}/service")
    kept = {name: value for name, value in backend.items() if name not in ("serviceName", "servicePort")}
    if "serviceName" in backend or "servicePort" in backend:
        port = backend.get("servicePort")
        service = {"name": backend.get("serviceName", "")}
        kept["service"] = service | ({} if port is None else {"port": {_port_field(port): port}})
    return kept


def _port_field(port: Any) -> str:
    return "name" if isinstance(port, str) else "number"


_OLD_INGRESSES = (("networking.k8s.io/v1beta1", "Ingress"), ("extensions/v1beta1", "Ingress"))
_V1 = ("autoscaling/v1", "HorizontalPodAutoscaler")
_EVENTS_V1 = ("events.k8s.io/v1", "Event")
_TO_KEPT: Mapping[tuple[str, str], Callable[[Mapping[str, Any]], Document]] = {
    _V1: _autoscaler_to_kept,
    _EVENTS_V1: _event_to_kept,
    **dict.fromkeys(_OLD_INGRESSES, _ingress_to_kept),
}
_FROM_KEPT: Mapping[tuple[str, str], Callable[[Mapping[str, Any]], Document]] = {
    _V1: _autoscaler_from_kept,
    _EVENTS_V1: _event_from_kept,
}
