"""Resources refuse and rank nodes as in kube-scheduler's plugins about them."""

from collections.abc import Iterable
from typing import Any

from reconciler.model.kinds import Node, NodeStatus
from reconciler.model.placing import (
    PlacingPolicy,
    RequestedToCapacityRatio,
    ResourceWeight,
    ScoringStrategy,
    ShapePoint,
    faults_of,
)
from reconciler.planner.scheduling.choice import Choice
from reconciler.planner.scheduling.fit import Candidate, candidate_of
from reconciler.planner.scheduling.framework import AnyPlugin
from reconciler.planner.scheduling.resources import (
    NodeResourcesBalancedAllocation,
    NodeResourcesFit,
    lack_of_room,
)
from reconciler.planner.scheduling.room import Room, allocatable, requested, room_of, supposed
from reconciler.planner.scheduling.strategies import on_lines
from tests.parity.placing import SKIPPED, Objects, is_status
from tests.parity.rows import Judge, NotTranslated, compare
from tests.parity.spelling import spelled_candidates, spelled_cluster, spelled_node, spelled_pod

PACKAGE = "pkg_scheduler_framework_plugins_noderesources"
# The node of the tables about enough and not enough, which the rows do not show.
_ROOM = {
    "cpu": "10m",
    "memory": "20",
    "ephemeral-storage": "20",
    "example.com/aaa": "5",
    "hugepages-2Mi": "5",
}
# The settings of the tables about packing, which the rows do not show.
_PACKED = ({"Utilization": 0, "Score": 0}, {"Utilization": 100, "Score": 1})


def enough(pods: int) -> Judge:
    """Return the judge of rows about a node with room for so many Pods."""

    def judge(case: dict[str, Any]) -> bool:
        if case.get("draExtendedResourceEnabled"):
            raise NotTranslated
        asked = requested(spelled_pod(case["pod"]).spec)
        node = candidate_of(
            Node(status=NodeStatus(allocatable={**_ROOM, "pods": str(pods)})),
            [spelled_pod(one["Pod"]) for one in case["nodeInfo"].get("Pods") or ()],
        )
        misfit = lack_of_room(asked, node.has, node.used)
        wanted = case.get("wantInsufficientResources")
        lacks = [(one["ResourceName"], one.get("Requested", 0), one.get("Used", 0)) for one in wanted or ()]
        is_lack = all(asked.of(name) == want and node.used.of(name) == used for name, want, used in lacks)
        return is_status(misfit, case.get("wantStatus")) and is_lack

    return judge


def sidecars(case: dict[str, Any]) -> bool:
    """Judge a row about a Pod with a sidecar."""
    node = candidate_of(Node(status=NodeStatus(allocatable={"cpu": "2m", "pods": "1"})))
    misfit = lack_of_room(requested(spelled_pod(case["pod"]).spec), node.has, node.used)
    return is_status(misfit, case.get("wantPreFilterStatus"))


def fits(case: dict[str, Any]) -> bool:
    """Judge a row about one node and one Pod."""
    if "node" not in case:
        # Where there is no node at all.
        return bool(Choice({}, Objects()).best(spelled_pod(case["pod"]))) == bool(case.get("expected"))
    node = candidate_of(spelled_node(case["node"]))
    misfit = lack_of_room(requested(spelled_pod(case["pod"]).spec), node.has, node.used)
    return (misfit is None) == bool(case.get("expected"))


def resources_of(rows: Iterable[Any] | None) -> tuple[ResourceWeight, ...]:
    """Return resources as rows spell them."""
    return tuple(ResourceWeight(name=one["Name"], weight=one.get("Weight", 0)) for one in rows or ())


def shape_of(points: Iterable[Any]) -> tuple[ShapePoint, ...]:
    """Return a shape as rows spell it."""
    return tuple(ShapePoint(utilization=one.get("Utilization", 0), score=one.get("Score", 0)) for one in points)


def strategy(type_: Any, resources: Iterable[Any] | None, shape: Iterable[Any] = ()) -> PlacingPolicy:
    """Return the settings of a row."""
    ratio = RequestedToCapacityRatio(shape=shape_of(shape))
    return PlacingPolicy(
        scoring_strategy=ScoringStrategy(
            type=type_, resources=resources_of(resources), requested_to_capacity_ratio=ratio
        )
    )


def scores(type_: type[AnyPlugin], case: dict[str, Any], settings: PlacingPolicy) -> bool:
    """Whether a plugin with these settings scores the nodes as a row wants it, or they are refused as there."""
    if case.get("draObjects"):
        raise NotTranslated
    refused = list(faults_of(settings))
    if any(case.get("wantErrs") or ()) or case.get("wantStatusCode"):
        return bool(refused)
    plugin = type_(spelled_cluster(_nodes(case), settings))
    pod = spelled_pod(case.get("requestedPod") or case.get("pod"))
    state = plugin.prepare(pod)
    if case.get("expectedPreScoreStatusCode") == SKIPPED:
        return state is None
    wanted = case.get("expectedScores") or case.get("expectedPriorities") or ()
    found = plugin.scores(state, pod, plugin.cluster.nodes) if state is not None else {}
    return not refused and {one["Name"]: one.get("Score", 0) for one in wanted} == found


def _nodes(case: dict[str, Any]) -> list[Candidate]:
    return spelled_candidates(case["nodes"], case.get("existingPods") or case.get("pods"))


def fit_scores(case: dict[str, Any]) -> bool:
    """Judge a row about any strategy."""
    settings = case["nodeResourcesFitArgs"]["ScoringStrategy"]
    ratio = settings.get("RequestedToCapacityRatio") or {}
    return scores(NodeResourcesFit, case, strategy(settings["Type"], settings["Resources"], ratio.get("Shape") or ()))


def by(name: str) -> Judge:
    """Return the judge of rows about one strategy."""
    return lambda case: scores(NodeResourcesFit, case, strategy(name, case.get("resources"), case.get("shape") or ()))


def packed(*resources: tuple[str, int]) -> Judge:
    """Return the judge of rows about packing resources of third parties."""
    rows = [{"Name": name, "Weight": weight} for name, weight in resources]
    return lambda case: scores(NodeResourcesFit, case, strategy("RequestedToCapacityRatio", rows, _PACKED))


def is_balanced(case: dict[str, Any]) -> bool:
    """Judge a row about balance."""
    settings = PlacingPolicy(balanced_resources=resources_of(case["args"]["Resources"]))
    return scores(NodeResourcesBalancedAllocation, case, settings)


def on_line(case: dict[str, Any]) -> bool:
    """Judge a row about straight lines between points."""
    points = [(one.utilization, one.score) for one in shape_of(case["points"])]
    return all(on_lines(points, one.get("p", 0)) == one.get("expected", 0) for one in case["assertions"])


def expected_requests(case: dict[str, Any]) -> bool:
    """Judge a row about what scores suppose of a Pod."""
    found = supposed(spelled_pod(case["pod"]).spec)
    return all(found.of(name) == amount for name, amount in case["expected"].items())


def there_is(case: dict[str, Any]) -> bool:
    """Judge a row about how much of a third party's resource a node tells; other rows have it of devices."""
    if "node" not in case or case.get("draObjects"):
        raise NotTranslated
    found = allocatable(spelled_node(case["node"])).of(case["extendedResource"])
    return found == case.get("expectedAllocatable", 0)


def asked_for(case: dict[str, Any]) -> bool:
    """Judge a row about what a Pod asks for."""
    if case.get("enableDRANodeAllocatableResources"):
        raise NotTranslated
    return requested(spelled_pod(case["pod"]).spec) == _room(case["expected"])


def signed(plugin: type[AnyPlugin]) -> Judge:
    """Return the judge of rows about what makes Pods alike: what they ask for."""

    def judge(case: dict[str, Any]) -> bool:
        if not case.get("disableDRAExtendedResource"):
            raise NotTranslated
        likeness: Any = plugin(spelled_cluster([])).likeness(spelled_pod(case["pod"]))
        wanted = [_room(one["Value"]) for one in case["expectedFragments"]]
        return [likeness if isinstance(likeness, Room) else likeness[0]] == wanted

    return judge


def _room(row: dict[str, Any]) -> Room:
    found = row.get("Resource") or {}
    names = {"cpu": f"{found.get('MilliCPU', 0)}m", "memory": found.get("Memory", 0)}
    return room_of({**names, **found.get("ScalarResources", {})}, pods=1)


def on_purpose(row: dict[str, Any]) -> str:
    """Name the reason for which a row differs, if there is one."""
    if row["test"] == "TestRestartableInitContainers" and not row["case"].get("enableSidecarContainers"):
        return "a cluster without a feature that is always on"
    return ""


JUDGES: dict[str, Judge] = {
    "TestEnoughRequests": enough(32),
    "TestNotEnoughRequests": enough(1),
    "TestStorageRequests": enough(32),
    "TestRestartableInitContainers": sidecars,
    "TestIsFit": fits,
    "TestFitScore": fit_scores,
    "TestLeastAllocatedScoringStrategy": by("LeastAllocated"),
    "TestMostAllocatedScoringStrategy": by("MostAllocated"),
    "TestRequestedToCapacityRatioScoringStrategy": by("RequestedToCapacityRatio"),
    "TestResourceBinPackingSingleExtended": packed(("intel.com/foo", 1)),
    "TestResourceBinPackingMultipleExtended": packed(("intel.com/foo", 3), ("intel.com/bar", 5)),
    "TestNodeResourcesBalancedAllocation": is_balanced,
    "TestBrokenLinearFunction": on_line,
    "TestResourceAllocationScorerCalculateRequests": expected_requests,
    "TestCalculateResourceAllocatableRequest": there_is,
    "TestComputePodResourceRequestWithNodeAllocatableDRA": asked_for,
    "TestFitSignPod": signed(NodeResourcesFit),
    "TestBalancedAllocationSignPod": signed(NodeResourcesBalancedAllocation),
}


def test_resources() -> None:
    """Which nodes have too little of what, and which are better than others."""
    compare(PACKAGE, JUDGES, on_purpose)
