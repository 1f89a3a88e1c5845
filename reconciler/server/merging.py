"""How lists merge when a patch meets them: by which keys, and whether at all; facts of the Kubernetes API. Pure.

Patches are merged by these tables, and the OpenAPI documents tell them to clients that merge by themselves.
"""

from collections.abc import Mapping
from typing import Any

from reconciler.model.base import Value


class Merging(Value):
    """A list of which entries are told apart by `keys`; a strategic merge patch uses the first of them."""

    keys: tuple[str, ...] = ()
    retains: bool = False
    is_set: bool = False

    def words(self) -> dict[str, Any]:
        """Return what a schema says of it."""
        words: dict[str, Any] = {"x-kubernetes-list-type": "set" if self.is_set else "map" if self.keys else "atomic"}
        if self.keys:
            words["x-kubernetes-list-map-keys"] = list(self.keys)
            words["x-kubernetes-patch-merge-key"] = self.keys[0]
        if self.keys or self.is_set:
            words["x-kubernetes-patch-strategy"] = "merge,retainKeys" if self.retains else "merge"
        return words


def merging_of(type_name: str, field: str) -> Merging:
    """Return how a list merges; those that the tables do not name are replaced as a whole."""
    found = _LISTS.get(f"{type_name}.{field}")
    if found is None and field == "conditions" and type_name.endswith("Status"):
        return _by("type")
    return found or Merging()


# Structures of which a patch names all keys that stay.
RETAINED = frozenset({"DeploymentSpec.strategy"})


def _by(*keys: str, retains: bool = False) -> Merging:
    return Merging(keys=keys, retains=retains)


_LISTS: Mapping[str, Merging] = {
    "Container.env": _by("name"),
    "Container.ports": _by("containerPort", "protocol"),
    "Container.volumeDevices": _by("devicePath"),
    "Container.volumeMounts": _by("mountPath"),
    "EphemeralContainer.env": _by("name"),
    "EphemeralContainer.volumeDevices": _by("devicePath"),
    "EphemeralContainer.volumeMounts": _by("mountPath"),
    "NodeSpec.podCIDRs": Merging(is_set=True),
    "NodeStatus.addresses": _by("type"),
    "ObjectMeta.finalizers": Merging(is_set=True),
    "ObjectMeta.ownerReferences": _by("uid"),
    "PodSpec.containers": _by("name"),
    "PodSpec.ephemeralContainers": _by("name"),
    "PodSpec.hostAliases": _by("ip"),
    "PodSpec.imagePullSecrets": _by("name"),
    "PodSpec.initContainers": _by("name"),
    "PodSpec.schedulingGates": _by("name"),
    "PodSpec.topologySpreadConstraints": _by("topologyKey", "whenUnsatisfiable"),
    "PodSpec.volumes": _by("name", retains=True),
    "PodStatus.hostIPs": _by("ip"),
    "PodStatus.podIPs": _by("ip"),
    "ServiceAccount.secrets": _by("name"),
    "ServiceSpec.ports": _by("port", "protocol"),
}
