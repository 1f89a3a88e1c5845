"""Stored objects as Kubernetes writes them.

Our own documents leave out what equals its default; clients of Kubernetes expect set values such as
`restartPolicy: Always` or `phase: Pending`, so those are filled in. Values of Secrets are shown to operators only.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple, get_args, get_type_hints

import msgspec

from reconciler.model.base import to_builtins
from reconciler.model.kinds import (
    KINDS,
    ContainerStatus,
    ControllerRevision,
    DaemonSetStatus,
    EndpointSlicePort,
    HorizontalPodAutoscalerStatus,
    NodeSystemInfo,
    Object,
    PodDisruptionBudgetStatus,
    PodTemplateSpec,
    ReplicaSetStatus,
    ReplicationControllerStatus,
    StatefulSetStatus,
)
from reconciler.model.observed import StoredObject
from reconciler.server.completion import complete

REDACTED = "reconciler.dev/redacted"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# What Kubernetes' schema requires is written even where it is zero or empty: typed clients refuse documents without it.
_ALWAYS: Mapping[type, tuple[str, ...]] = {
    ContainerStatus: ("ready", "restart_count", "image", "image_id"),
    DaemonSetStatus: ("current_number_scheduled", "desired_number_scheduled", "number_misscheduled", "number_ready"),
    # Clients read the name of a slice's port without asking whether there is one.
    EndpointSlicePort: ("name",),
    HorizontalPodAutoscalerStatus: ("current_replicas", "desired_replicas"),
    NodeSystemInfo: NodeSystemInfo.__struct_fields__,
    PodDisruptionBudgetStatus: ("current_healthy", "desired_healthy", "disruptions_allowed", "expected_pods"),
    ReplicaSetStatus: ("replicas",),
    ReplicationControllerStatus: ("replicas",),
    StatefulSetStatus: ("replicas", "available_replicas"),
}
_ROLLING = "rolling_update"
# Structures that Kubernetes shows though nobody set them; limits of rolling updates only where they are in force.
_SHOWN = frozenset(
    {"conditions", "persistent_volume_claim_retention_policy", _ROLLING, "status", "strategy", "update_strategy"},
)


def document(stored: StoredObject, *, reveal: bool) -> dict[str, Any]:
    """Return an object as JSON types. Without `reveal` the values of a Secret are left out, their keys kept."""
    object = stored.object
    plain: dict[str, Any] = to_builtins(object)
    _fill(object, plain)
    if isinstance(object, ControllerRevision) and (template := plain.get("data", {}).get("spec", {}).get("template")):
        _fill(msgspec.convert(template, PodTemplateSpec), template)
    shown = {"kind": object.kind, "apiVersion": KINDS[object.kind].api_version, **plain}
    complete(object, shown)
    if object.kind == "Secret" and not reveal:
        _redact(shown)
    return shown


def encode(value: Any) -> bytes:
    """Return JSON."""
    return msgspec.json.encode(value)


def resource_version_of(object: Object) -> int:
    """Return an object's resourceVersion as a number; 0 when it has none."""
    text = object.metadata.resource_version
    return int(text) if text.isdigit() else 0


def _redact(shown: dict[str, Any]) -> None:
    for name in ("data", "stringData"):
        if name in shown:
            shown[name] = dict.fromkeys(shown[name], "")
    metadata = shown["metadata"] = dict(shown.get("metadata", {}))
    annotations = {key: text for key, text in metadata.get("annotations", {}).items() if key != _LAST_APPLIED}
    metadata["annotations"] = annotations | {REDACTED: "values are shown to root only"}


def _fill(value: msgspec.Struct, plain: dict[str, Any]) -> None:
    """Add the defaults that say something, here and in everything inside."""
    shape = _shape(type(value))
    for name, default in shape.scalars:
        plain.setdefault(name, default)
    for attribute, name in shape.nested:
        inside = plain.get(name)
        if inside is None:
            _fill_absent(value, attribute, name, plain)
            continue
        child = getattr(value, attribute)
        if isinstance(child, msgspec.Struct):
            _fill(child, inside)
        elif isinstance(child, tuple):
            for entry, entry_plain in zip(child, inside, strict=True):
                if isinstance(entry, msgspec.Struct):
                    _fill(entry, entry_plain)


def _fill_absent(value: Any, attribute: str, name: str, plain: dict[str, Any]) -> None:
    """Show a structure that equals its default, was left out as a whole, and still says something."""
    if attribute in _SHOWN and (attribute != _ROLLING or getattr(value, "type", "") == "RollingUpdate"):
        child, inside = getattr(value, attribute), dict[str, Any]()
        if isinstance(child, msgspec.Struct):
            _fill(child, inside)
        if inside:
            plain[name] = inside


class _Shape(NamedTuple):
    """What may have to be added to documents of one type: its own defaults, and what has some inside."""

    scalars: tuple[tuple[str, Any], ...]
    nested: tuple[tuple[str, str], ...]


@cache
def _shape(kind: type[msgspec.Struct]) -> _Shape:
    hints = get_type_hints(kind)
    nested = [
        (field.name, field.encode_name)
        for field in msgspec.structs.fields(kind)
        if any(_has_something(inner, frozenset({kind})) for inner in _structs_in(hints[field.name]))
    ]
    return _Shape(_scalars(kind), tuple(nested))


@cache
def _scalars(kind: type[msgspec.Struct]) -> tuple[tuple[str, Any], ...]:
    always = _ALWAYS.get(kind, ())
    return tuple(
        (field.encode_name, field.default)
        for field in msgspec.structs.fields(kind)
        if isinstance(field.default, str | int | float) and (field.default or field.name in always)
    )


def _has_something(kind: type[msgspec.Struct], outer: frozenset[type]) -> bool:
    """Whether documents of a type, or something inside them, may have to be completed."""
    if kind in outer or _scalars(kind):
        return kind not in outer
    inner = {struct for hint in get_type_hints(kind).values() for struct in _structs_in(hint)}
    return any(_has_something(struct, outer | {kind}) for struct in inner)


def _structs_in(hint: Any) -> set[type[msgspec.Struct]]:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return {hint}
    return {struct for argument in get_args(hint) for struct in _structs_in(argument)}
