"""Nodes with Pods on them, as the rows of scheduler plugins spell them."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

from reconciler.model.kinds import Node, Object, Pod
from reconciler.model.observed import StoredObject
from reconciler.model.placing import PlacingPolicy
from reconciler.model.refs import ObjectRef
from reconciler.planner.scheduling.fit import Candidate
from reconciler.planner.scheduling.framework import Cluster, Misfit
from reconciler.planner.scheduling.room import Room
from tests.parity.loosely import loosely

T = TypeVar("T", bound=Object)
SKIPPED, REFUSED, REFUSED_FOR_GOOD = 5, 2, 3


class Objects:
    """Objects that plugins may ask for."""

    def __init__(self, objects: Iterable[Any] = ()) -> None:
        found = [ObjectRef(kind=one.kind, namespace=one.metadata.namespace, name=one.metadata.name) for one in objects]
        self._objects = {
            ref: StoredObject(ref=ref, object=one, manager="api") for ref, one in zip(found, objects, strict=True)
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


def pod_of(row: Any) -> Pod:
    """Return a row's Pod; none at all is an empty one."""
    return cast(Pod, loosely(Pod, row or {}))


def node_of(row: Any) -> Node:
    """Return a row's node, without the status that rows make up."""
    return cast(Node, loosely(Node, {part: row[part] for part in ("metadata", "spec") if part in row}))


def candidates(nodes: Iterable[Any], pods: Iterable[Any]) -> dict[str, Candidate]:
    """Return a row's nodes with its Pods; those on other nodes are nowhere."""
    placed = [pod_of(one) for one in pods]
    found = {}
    for node in map(node_of, nodes):
        name = node.metadata.name
        here = tuple(pod for pod in placed if pod.spec.node_name == name)
        found[name] = Candidate(node=node, has=Room(), pods=here)
    return found


def cluster_of(
    nodes: Iterable[Any] | None,
    pods: Iterable[Any] | None,
    objects: Iterable[Any] = (),
    settings: PlacingPolicy | None = None,
) -> Cluster:
    """Return what plugins are made for."""
    there = candidates(nodes or (), pods or ())
    return Cluster(there, Objects(list(objects)), settings=settings or PlacingPolicy())


def is_code(misfit: Misfit | None, code: int) -> bool:
    """Whether an answer is what upstream's code says."""
    return misfit is None if code == 0 else misfit is not None and misfit.is_final == (code == REFUSED_FOR_GOOD)


def is_status(misfit: Misfit | None, status: Mapping[str, Any] | None) -> bool:
    """Whether an answer is what upstream's status says, with the same words."""
    if not status:
        return misfit is None
    return misfit is not None and is_code(misfit, status["code"]) and list(misfit.reasons) == status["reasons"]
