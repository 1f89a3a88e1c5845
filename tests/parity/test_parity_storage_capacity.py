"""Volumes are made where there is room for them, as in upstream's scheduler."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import msgspec

from reconciler.model.kinds import LabelSelector, Node, StorageClass
from reconciler.model.quantity import parse_quantity
from reconciler.planner.scheduling.framework import Misfit
from reconciler.planner.scheduling.volumes import choose_volumes
from reconciler.planner.scheduling.volumes_score import FULLEST, Point
from reconciler.planner.storage.capacity import Capacity
from reconciler.planner.storage.catalogue import Catalogue
from reconciler.planner.storage.classes import LOCAL_PROVISIONER
from tests.parity.rows import compare
from tests.parity.test_parity_volumebinding import CLASSES, NODE, PACKAGE, plugin_of, schedule, volumes_of
from tests.parity.volumes import claim_of, class_named, node_from, pod_of, pod_with, view_of

TRACKED = class_named("wait-sc-with-storage-capacity", LOCAL_PROVISIONER, delayed=True)


def capacities_in(case: dict[str, Any]) -> Callable[[StorageClass, Node], Iterable[Capacity]]:
    """Return what tells the room of a row: all of its capacities, whatever class and node are asked about."""
    told = [_capacity(one) for one in case.get("capacities") or () if one.get("nodeTopology") is not None]
    return lambda _class, _node: told


def _capacity(row: dict[str, Any]) -> Capacity:
    return Capacity(
        class_name=row["storageClassName"].lower(),
        nodes=msgspec.convert(row["nodeTopology"], LabelSelector),
        free=_bytes(row.get("capacity")),
        largest=_bytes(row.get("maximumVolumeSize")),
    )


def _bytes(text: str | None) -> Fraction | None:
    return parse_quantity(text) if text is not None else None


def room(case: dict[str, Any]) -> bool:
    """Judge a row about whether a node has room for what is to be made."""
    claims = [claim_of(one) for one in case["pvcs"]]
    pod = pod_with(claims)
    view = view_of(NODE, *CLASSES, *claims, pod)
    plugin = plugin_of(view)
    plugin.capacities = capacities_in(case)  # type: ignore[method-assign]
    state = plugin.prepare(pod)
    assert state is not None and not isinstance(state, Misfit)
    misfit = plugin.why_not(state, pod, plugin.cluster.nodes["node1"])
    made = choose_volumes(view, Catalogue(view), state.delayed, NODE, plugin.capacities).provisioned
    wanted = {one["PVC"]["metadata"]["name"] for one in case.get("expectedProvisions") or ()}
    reasons = list(misfit.reasons if misfit is not None else ())
    return reasons == (case.get("reasons") or []) and {one.metadata.name for one in made} == wanted


def preferred(case: dict[str, Any]) -> bool:
    """Judge a row about how good nodes are by their room; upstream's test prefers the fullest where it says nothing."""
    nodes = [node_from(one) for one in case["nodes"]]
    pod, claims = pod_of(case["pod"]), [claim_of(one) for one in case.get("pvcs") or ()]
    plugin = plugin_of(view_of(*nodes, TRACKED, *CLASSES, *claims, *volumes_of(case), pod))
    if case.get("capacities"):
        plugin.capacities = capacities_in(case)  # type: ignore[method-assign]
    shape = (case.get("args") or {}).get("Shape")
    points = [Point(one.get("Utilization", 0), one.get("Score", 0) * 10) for one in shape] if shape else FULLEST
    plugin.shape = plugin.shape_made = tuple(points)
    state = plugin.prepare(pod)
    if state is None or isinstance(state, Misfit):
        return False
    found = [plugin.why_not(state, pod, plugin.cluster.nodes[one.metadata.name]) for one in nodes]
    scores = plugin.scores(state, pod, {one.metadata.name: plugin.cluster.nodes[one.metadata.name] for one in nodes})
    wanted = [(one or {}).get("reasons") or [] for one in case["wantFilterStatus"]]
    return [list(one.reasons) if one else [] for one in found] == wanted and [
        scores.get(one.metadata.name, 0) for one in nodes
    ] == case.get("wantScores")


def placed(case: dict[str, Any]) -> bool:
    """Judge a row about a Pod and nodes, with or without capacities."""
    return preferred(case) if case.get("capacities") or case.get("args") else schedule(case)


def test_nodes_with_room_are_those_of_upstream() -> None:
    """By class, by the node's labels, by the free bytes and by how large a single volume may be."""
    compare(
        PACKAGE,
        {"TestVolumeBinding": placed}
        | {f"TestCapacity/CSIDriver.StorageCapacity={word}": room for word in ("true", "false")},
    )
