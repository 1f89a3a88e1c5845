"""Stored objects as Kubernetes writes them.

Our own documents leave out what equals its default; clients of Kubernetes expect set values such as
`restartPolicy: Always` or `phase: Pending`, so those are filled in. Values of Secrets are shown to operators only.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from reconciler.model.base import to_builtins
from reconciler.model.kinds import (
    KINDS,
    ContainerStatus,
    DaemonSetStatus,
    EndpointSlicePort,
    HorizontalPodAutoscalerStatus,
    NodeSystemInfo,
    Object,
    PodDisruptionBudgetStatus,
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
_SHOWN = frozenset(
    {"conditions", "persistent_volume_claim_retention_policy", "status", "strategy", "update_strategy"},
)


def document(stored: StoredObject, *, reveal: bool) -> dict[str, Any]:
    """Return an object as JSON types. Without `reveal` the values of a Secret are left out, their keys kept."""
    object = stored.object
    plain: dict[str, Any] = to_builtins(object)
    _fill(object, plain)
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
    scalars, nested = _shape(type(value))
    for name, default in scalars:
        plain.setdefault(name, default)
    for attribute, name in nested:
        child = getattr(value, attribute)
        if isinstance(child, msgspec.Struct):
            # One that equals its default was left out as a whole, and its defaults may say something, too.
            inside = plain.get(name, {})
            if name in plain or _is_shown(value, attribute):
                _fill(child, inside)
            if inside:
                plain[name] = inside
        elif isinstance(child, tuple):
            for entry, entry_plain in zip(child, plain.get(name, ()), strict=True):
                if isinstance(entry, msgspec.Struct):
                    _fill(entry, entry_plain)


def _is_shown(value: Any, attribute: str) -> bool:
    """Whether Kubernetes shows a structure that nobody set; limits of rolling updates only where they are in force."""
    if attribute == "rolling_update":
        return getattr(value, "type", "") == "RollingUpdate"
    return attribute in _SHOWN


@cache
def _shape(kind: type[msgspec.Struct]) -> tuple[tuple[tuple[str, Any], ...], tuple[tuple[str, str], ...]]:
    always = _ALWAYS.get(kind, ())
    scalars: list[tuple[str, Any]] = []
    nested: list[tuple[str, str]] = []
    for field in msgspec.structs.fields(kind):
        default = field.default
        if isinstance(default, str | int | float) and (default or field.name in always):
            scalars.append((field.encode_name, default))
        elif not isinstance(default, str | int | float):
            nested.append((field.name, field.encode_name))
    return tuple(scalars), tuple(nested)
