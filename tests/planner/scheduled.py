"""Nodes in zones and Pods with wishes about each other, for tests of the scheduler."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

from reconciler.model.kinds import Node, Object, Pod, decode_object
from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.planner.scheduling.fit import Candidate
from reconciler.planner.scheduling.framework import Cluster
from reconciler.planner.scheduling.room import allocatable

T = TypeVar("T", bound=Object)
HOST, ZONE, RACK = "kubernetes.io/hostname", "topology.kubernetes.io/zone", "example.org/rack"


class Objects:
    """Objects that the scheduler may ask for."""

    def __init__(self, *objects: dict[str, Any]) -> None:
        decoded = [decode_object(one) for one in objects]
        refs = [ObjectRef(kind=one.kind, namespace=one.metadata.namespace, name=one.metadata.name) for one in decoded]
        self._objects = {
            ref: StoredObject(ref=ref, object=one, manager="api") for ref, one in zip(refs, decoded, strict=True)
        }

    def get(self, ref: ObjectRef) -> StoredObject | None:
        """Return an object, or None."""
        return self._objects.get(ref)

    def typed(self, type_: type[T], namespace: str, name: str) -> T | None:
        """Return an object by its Python type."""
        stored = self.get(ObjectRef(kind=type_.kind, namespace=namespace, name=name))
        return cast(T, stored.object) if stored is not None else None

    def of_kind(self, kind: str) -> list[StoredObject]:
        """Return all objects of a kind in the order of their names."""
        return [self._objects[ref] for ref in sorted(self._objects) if ref.kind == kind]


def node(name: str, zone: str = "", *, rack: str = "", **spec: Any) -> Candidate:
    """Return an empty node."""
    places = {HOST: name, ZONE: zone, RACK: rack}
    decoded = decode_object(
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": {key: value for key, value in places.items() if value}},
            "spec": spec,
            "status": {"allocatable": {"cpu": "8", "memory": "16Gi", "pods": "110"}},
        }
    )
    assert isinstance(decoded, Node)
    return Candidate(node=decoded, has=allocatable(decoded))


def pod(name: str, app: str, *, namespace: str = "default", **more: Any) -> Pod:
    """Return a Pod of an application; `labels` and `metadata` go where they belong, the rest is its spec."""
    labels, metadata = more.pop("labels", {}), more.pop("metadata", {})
    decoded = decode_object(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": {"app": app, **labels}, **metadata},
            "spec": {"containers": [{"name": "web", "image": "web"}], **more},
        }
    )
    assert isinstance(decoded, Pod)
    return decoded


def cluster(nodes: Iterable[Candidate], placed: Mapping[str, Iterable[Pod]] | None = None, *objects: Any) -> Cluster:
    """Return a cluster with Pods on its nodes."""
    there = placed or {}
    found = {one.node.metadata.name: one for one in nodes}
    for name, pods in there.items():
        found[name] = Candidate(node=found[name].node, has=found[name].has, pods=tuple(pods))
    return Cluster(found, Objects(*objects))


def near(app: str, key: str, **more: Any) -> dict[str, Any]:
    """Return a term about the Pods of an application."""
    return {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}, **more}


def affinity(**kinds: Any) -> dict[str, Any]:
    """Return an affinity: `podAffinity` and `podAntiAffinity` are lists of required terms, or of (weight, term)."""
    found: dict[str, Any] = {}
    for kind, terms in kinds.items():
        required = [one for one in terms if isinstance(one, dict)]
        wishes = [{"weight": one[0], "podAffinityTerm": one[1]} for one in terms if isinstance(one, tuple)]
        found[kind] = {
            "requiredDuringSchedulingIgnoredDuringExecution": required,
            "preferredDuringSchedulingIgnoredDuringExecution": wishes,
        }
    return found


def even(app: str, key: str, skew: int = 1, *, hard: bool = True, **more: Any) -> dict[str, Any]:
    """Return a constraint about the Pods of an application."""
    when = "DoNotSchedule" if hard else "ScheduleAnyway"
    selector = {"matchLabels": {"app": app}}
    return {"maxSkew": skew, "topologyKey": key, "whenUnsatisfiable": when, "labelSelector": selector, **more}
