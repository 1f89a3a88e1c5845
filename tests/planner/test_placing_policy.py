"""What an operator says of placing Pods: which nodes are better, and which are left out."""

import msgspec
import pytest

from reconciler.model.kinds import Affinity, Container, Node, NodeStatus, ObjectMeta, Pod, PodSpec, ResourceRequirements
from reconciler.model.placing import PlacingPolicy, faults_of
from reconciler.planner.scheduling.choice import Choice
from reconciler.planner.scheduling.fit import candidate_of
from reconciler.planner.scheduling.hints import Change
from reconciler.planner.scheduling.noderules import NodeAffinity
from tests.planner.scheduling_world import NOTHING


def policy(**given: object) -> PlacingPolicy:
    """Read settings as a person writes them."""
    return msgspec.convert(given, PlacingPolicy)


def pod(cpu: str = "1") -> Pod:
    """Return a Pod that asks for processors."""
    resources = ResourceRequirements(requests={"cpu": cpu})
    return Pod(
        metadata=ObjectMeta(name="a"), spec=PodSpec(containers=(Container(name="a", image="b", resources=resources),))
    )


def node(name: str, *pods: Pod, **labels: str) -> tuple[str, object]:
    """Return a node of four processors with Pods on it."""
    status = NodeStatus(allocatable={"cpu": "4", "memory": "4Gi", "pods": "10"})
    return name, candidate_of(Node(metadata=ObjectMeta(name=name, labels=labels), status=status), pods)


def best(settings: PlacingPolicy, *nodes: tuple[str, object]) -> str:
    """Return the node that is chosen."""
    return Choice(dict(nodes), NOTHING, settings=settings).best(pod())  # type: ignore[arg-type]


FREE, FULLER = node("a-free"), node("b-fuller", pod("2"), pod("1"))


def strategy(type_: str, **more: object) -> PlacingPolicy:
    """Return settings with a strategy that looks at processors alone, and no balance to speak of."""
    cpu = [{"name": "cpu", "weight": 1}]
    return policy(scoringStrategy={"type": type_, "resources": cpu, **more}, balancedResources=cpu)


def test_pods_spread_or_are_packed() -> None:
    """Without settings they spread, over the nodes that stay free."""
    assert best(PlacingPolicy(), FREE, FULLER) == "a-free"
    assert best(strategy("LeastAllocated"), FREE, FULLER) == "a-free"
    assert best(strategy("MostAllocated"), FREE, FULLER) == "b-fuller"


def test_a_shape_says_how_full_is_best() -> None:
    """Half full, here."""
    shape = [{"utilization": 0, "score": 0}, {"utilization": 50, "score": 10}, {"utilization": 100, "score": 0}]
    settings = strategy("RequestedToCapacityRatio", requestedToCapacityRatio={"shape": shape})
    half = node("c-half", pod("1"))
    assert best(settings, FREE, FULLER, half) == "c-half"


def test_an_added_affinity_goes_to_every_pod() -> None:
    """What it requires no Pod escapes; what it prefers counts like the Pod's own."""
    terms = [{"matchExpressions": [{"key": "tier", "operator": "In", "values": ["gold"]}]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    settings = policy(addedAffinity=required)
    gold, plain = node("gold", tier="gold"), node("a-plain")
    assert best(settings, gold, plain) == "gold"
    found = Choice(dict([plain]), NOTHING, settings=settings).misfits(pod())["a-plain"]  # type: ignore[list-item]
    assert found is not None
    assert (found.reasons, found.is_final) == (("node(s) didn't match scheduler-enforced node affinity",), True)
    preferred = [{"weight": 1, "preference": terms[0]}]
    wish = policy(addedAffinity={"preferredDuringSchedulingIgnoredDuringExecution": preferred})
    assert best(wish, gold, plain) == "gold"
    assert best(wish, plain) == "a-plain"


def test_pods_that_only_wish_for_other_nodes_are_not_alike() -> None:
    """Each gets the node that it prefers, whichever is asked about first."""
    choice = Choice(dict([node("one", tier="gold"), node("two", tier="iron")]), NOTHING)  # type: ignore[list-item]

    def wishing(tier: str) -> Pod:
        term = {"matchExpressions": [{"key": "tier", "operator": "In", "values": [tier]}]}
        wish = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": term}]}
        affinity = msgspec.convert({"nodeAffinity": wish}, Affinity)
        plain = pod()
        return msgspec.structs.replace(plain, spec=msgspec.structs.replace(plain.spec, affinity=affinity))

    wishes = ("gold", "iron", "gold")
    assert [choice.best(wishing(tier)) for tier in wishes] == ["one", "two", "one"]


@pytest.mark.parametrize(("operator", "size", "fits"), [("Gt", "4", False), ("Gt", "5", True), ("Lt", "4", False)])
def test_a_bound_is_no_part_of_what_is_beyond_it(operator: str, size: str, fits: bool) -> None:
    """More than four is not four, nor is less."""
    terms = [{"matchExpressions": [{"key": "size", "operator": operator, "values": ["4"]}]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    assert best(policy(addedAffinity=required), node("one", size=size)) == ("one" if fits else "")


def test_a_node_helps_only_where_the_added_affinity_lets_it_in() -> None:
    """A Pod that waits is not looked at for other nodes."""
    terms = [{"matchExpressions": [{"key": "tier", "operator": "Exists"}]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    plugin = NodeAffinity(Choice({}, NOTHING, settings=policy(addedAffinity=required)).cluster)
    plain = Node(metadata=ObjectMeta(name="a"))
    gold = Node(metadata=ObjectMeta(name="a", labels={"tier": "gold"}))
    assert plugin.may_help(pod(), Change("Node", plain, gold))
    assert not plugin.may_help(pod(), Change("Node", None, plain))


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"scoringStrategy": {"resources": [{"name": "cpu", "weight": 0}]}}, "scoringStrategy.resources[0].weight"),
        ({"scoringStrategy": {"resources": [{"name": "cpu", "weight": 101}]}}, "scoringStrategy.resources[0].weight"),
        ({"scoringStrategy": {"resources": []}}, "scoringStrategy.resources"),
        ({"balancedResources": [{"name": "cpu"}, {"name": "cpu"}]}, "balancedResources[1].name"),
        (
            {"scoringStrategy": {"type": "RequestedToCapacityRatio"}},
            "scoringStrategy.requestedToCapacityRatio.shape",
        ),
        (
            {
                "scoringStrategy": {
                    "type": "RequestedToCapacityRatio",
                    "requestedToCapacityRatio": {
                        "shape": [{"utilization": 5, "score": 1}, {"utilization": 5, "score": 2}]
                    },
                }
            },
            "scoringStrategy.requestedToCapacityRatio.shape[1].utilization",
        ),
        (
            {
                "scoringStrategy": {
                    "type": "RequestedToCapacityRatio",
                    "requestedToCapacityRatio": {"shape": [{"utilization": 0, "score": 11}]},
                }
            },
            "scoringStrategy.requestedToCapacityRatio.shape[0].score",
        ),
        ({"addedAffinity": {}}, "addedAffinity"),
        (
            {"addedAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{}]}}},
            "addedAffinity (required)",
        ),
        (
            {
                "addedAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [
                        {"weight": 1, "preference": {"matchExpressions": [{"key": "a", "operator": "In"}]}}
                    ]
                }
            },
            "addedAffinity (preferred)",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(given: dict[str, object], path: str) -> None:
    """One fault, and where it stands."""
    assert [at for at, _ in faults_of(policy(**given))] == [path]


def test_bounds_are_allowed() -> None:
    """The least and the most of everything."""
    shape = [{"utilization": 0, "score": 10}, {"utilization": 100, "score": 0}]
    resources = [{"name": "cpu", "weight": 1}, {"name": "example.com/gpu", "weight": 100}]
    given = {"type": "RequestedToCapacityRatio", "resources": resources, "requestedToCapacityRatio": {"shape": shape}}
    assert not list(faults_of(policy(scoringStrategy=given)))
    assert not list(faults_of(PlacingPolicy()))
