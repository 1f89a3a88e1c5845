"""Nodes and Pods as the rows of scheduler plugins spell them, with what scheduling looks at of a node's status."""

from collections.abc import Iterable
from typing import Any, cast

from reconciler.model.kinds import Node, NodeAffinity, Pod
from reconciler.model.placing import PlacingPolicy
from reconciler.planner.scheduling.fit import Candidate, candidate_of
from reconciler.planner.scheduling.framework import Cluster
from tests.parity.loosely import NoSuchField, loosely
from tests.parity.placing import Objects, pod_of
from tests.parity.rows import NotTranslated

_STATUS = ("capacity", "allocatable", "images", "features")


def spelled_node(row: Any) -> Node:
    """Return a row's node."""
    status = {part: one for part, one in row.get("status", {}).items() if part in _STATUS}
    return cast(Node, loosely(Node, {**{part: row[part] for part in ("metadata", "spec")}, "status": status}))


def spelled_pod(row: Any) -> Pod:
    """Return a row's Pod; what it spells as null is not there."""
    row = row or {}
    spec = {part: value for part, value in row.get("spec", {}).items() if value is not None}
    try:
        return pod_of({**row, "spec": spec})
    except NoSuchField as error:
        raise NotTranslated from error


def spelled_candidates(nodes: Iterable[Any], pods: Iterable[Any] | None) -> list[Candidate]:
    """Return a row's nodes with its Pods on them."""
    placed = [spelled_pod(one) for one in pods or ()]
    found = [spelled_node(one) for one in nodes]
    return [candidate_of(node, [pod for pod in placed if pod.spec.node_name == node.metadata.name]) for node in found]


def spelled_cluster(nodes: Iterable[Candidate], settings: PlacingPolicy | None = None) -> Cluster:
    """Return what plugins are made for."""
    return Cluster({one.name: one for one in nodes}, Objects(), settings=settings or PlacingPolicy())


def spelled_affinity(args: Any) -> PlacingPolicy:
    """Return settings with the affinity that a row's arguments add to every Pod's own."""
    added = (args or {}).get("AddedAffinity")
    return PlacingPolicy(added_affinity=loosely(NodeAffinity, added) if added else None)
