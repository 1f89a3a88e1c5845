"""Which lists of our kinds merge entry by entry, and by which key, as Kubernetes' API says it. Pure."""

from collections.abc import Mapping
from functools import cache
from typing import Any, get_args

import msgspec

from reconciler.model import kinds as k
from reconciler.server.strategic import Field

# By structure and field; an empty key: a list of plain values whose union counts.
_KEYS: Mapping[tuple[str, str], str] = {
    ("ObjectMeta", "finalizers"): "",
    ("ObjectMeta", "ownerReferences"): "uid",
    ("PodSpec", "containers"): "name",
    ("PodSpec", "initContainers"): "name",
    ("PodSpec", "ephemeralContainers"): "name",
    ("PodSpec", "volumes"): "name",
    ("PodSpec", "imagePullSecrets"): "name",
    ("PodSpec", "hostAliases"): "ip",
    ("PodSpec", "topologySpreadConstraints"): "topologyKey",
    ("PodSpec", "schedulingGates"): "name",
    ("Container", "ports"): "containerPort",
    ("Container", "env"): "name",
    ("Container", "volumeMounts"): "mountPath",
    ("Container", "volumeDevices"): "devicePath",
    ("PodStatus", "podIPs"): "ip",
    ("ServiceSpec", "ports"): "port",
    ("ServiceAccount", "secrets"): "name",
    ("ServiceAccount", "imagePullSecrets"): "name",
    ("NodeSpec", "podCIDRs"): "",
    ("NodeStatus", "addresses"): "type",
}
# Every `conditions` of a status merges by type.
_CONDITIONS = "conditions"


class KindShape:
    """How the fields of one of our structures are patched."""

    def __init__(self, type_: type[msgspec.Struct] | None) -> None:
        self._type = type_

    def field(self, name: str) -> Field:
        """Return how a field is patched; nothing is known inside of maps and unknown fields."""
        inside = None if self._type is None else _inside(self._type).get(name)
        key = None if self._type is None else _KEYS.get((self._type.__name__, name))
        if name == _CONDITIONS and inside is not None:
            key = "type"
        return Field(KindShape(inside), merges=key is not None, key=key or "")


def shape_of(kind: str) -> KindShape:
    """Return how objects of a kind are patched."""
    return KindShape(k.KINDS[kind].type)


@cache
def _inside(type_: type[msgspec.Struct]) -> dict[str, type[msgspec.Struct] | None]:
    """Return the structure inside of each field that has one, by its name on the wire."""
    return {field.encode_name: _structure(field.type) for field in msgspec.structs.fields(type_)}


def _structure(annotation: Any) -> type[msgspec.Struct] | None:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation
    if getattr(annotation, "__origin__", None) is not None and "Mapping" in str(annotation.__origin__):
        return None
    return next((found for part in get_args(annotation) if (found := _structure(part)) is not None), None)
