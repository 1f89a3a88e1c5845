"""What an operator says of Pods beside each other: what their affinity weighs, and how they spread by default."""

from typing import Any

import msgspec
import pytest

from reconciler.model.kinds import (
    LabelSelector,
    Node,
    ObjectMeta,
    Pod,
    Service,
    ServicePort,
    ServiceSpec,
    decode_object,
)
from reconciler.model.observed import StoredObject
from reconciler.model.placing import PlacingPolicy, faults_of
from reconciler.model.refs import ObjectRef
from reconciler.planner.scheduling.fit import candidate_of
from reconciler.planner.scheduling.framework import Cluster
from reconciler.planner.scheduling.interpod_plugin import InterPodAffinity
from reconciler.planner.scheduling.spread_constraints import spreading_of
from reconciler.planner.scheduling.spread_plugin import PodTopologySpread
from tests.planner.scheduling_world import NOTHING, Nothing

HOST = "kubernetes.io/hostname"
CHOOSES_B = {"labelSelector": {"matchLabels": {"app": "b"}}, "topologyKey": HOST}
NEEDS_B = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [CHOOSES_B]}}
LIKES_B = {
    "podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 5, "podAffinityTerm": CHOOSES_B}]}
}


def policy(**given: object) -> PlacingPolicy:
    """Read settings as a person writes them."""
    return msgspec.convert(given, PlacingPolicy)


def pod(app: str, affinity: dict[str, Any] | None = None) -> Pod:
    """Return a Pod with a label."""
    spec = {"containers": [{"name": "a", "image": "b"}], "affinity": affinity or {}}
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": app, "namespace": "n", "labels": {"app": app}}}
    made = decode_object({**document, "spec": spec})
    assert isinstance(made, Pod)
    return made


def cluster(settings: PlacingPolicy, there: Pod, world: Any = NOTHING) -> Cluster:
    """Return two hosts; a Pod is on the first."""
    nodes = {}
    for name, pods in (("one", [there]), ("two", [])):
        nodes[name] = candidate_of(Node(metadata=ObjectMeta(name=name, labels={HOST: name})), pods)
    return Cluster(nodes, world, settings=settings)


def wished(settings: PlacingPolicy, there: Pod, comes: Pod) -> dict[str, int]:
    """Return how much the hosts are wished for."""
    plugin = InterPodAffinity(cluster(settings, there))
    state = plugin.prepare(comes)
    return dict(plugin.scores(state, comes, plugin.cluster.nodes)) if state is not None else {}


@pytest.mark.parametrize(("weight", "expected"), [(0, 0), (1, 100), (100, 100)])
def test_a_required_affinity_of_pods_that_are_there_has_a_weight(weight: int, expected: int) -> None:
    """Without any it draws nobody near."""
    found = wished(policy(hardPodAffinityWeight=weight), pod("a", NEEDS_B), pod("b"))
    assert (found.get("one", 0), found.get("two", 0)) == (expected, 0)


def test_a_weight_is_compared_with_wishes() -> None:
    """The wish of the Pod itself weighs 5 against it."""
    comes = pod("b", {"podAntiAffinity": LIKES_A["podAffinity"]})
    assert wished(policy(hardPodAffinityWeight=6), pod("a", NEEDS_B), comes)["one"] == 100
    assert wished(policy(hardPodAffinityWeight=4), pod("a", NEEDS_B), comes)["one"] == 0


LIKES_A = {
    "podAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {
                "weight": 5,
                "podAffinityTerm": {"labelSelector": {"matchLabels": {"app": "a"}}, "topologyKey": HOST},
            }
        ]
    }
}


def test_wishes_of_pods_that_are_there_can_be_left_out() -> None:
    """They still count for a Pod that has wishes of its own."""
    ignoring = policy(ignorePreferredTermsOfExistingPods=True)
    assert wished(PlacingPolicy(), pod("a", LIKES_B), pod("b"))["one"] == 100
    assert not any(wished(ignoring, pod("a", LIKES_B), pod("b")).values())
    assert wished(ignoring, pod("a", LIKES_B), pod("b", LIKES_A))["one"] == 100


class OneService(Nothing):
    """A world with a Service that chooses the Pods of one label."""

    def of_kind(self, kind: str) -> list[StoredObject]:
        """Return the Service."""
        spec = ServiceSpec(selector={"app": "a"}, ports=(ServicePort(port=80),))
        service = Service(metadata=ObjectMeta(name="a", namespace="n"), spec=spec)
        ref = ObjectRef.of("Service", "n", "a")
        return [StoredObject(ref=ref, object=service, manager="api")] if kind == "Service" else []


def refused(settings: PlacingPolicy, comes: Pod) -> list[str]:
    """Return the hosts that do not do, where a Pod of the same Service is on the first."""
    plugin = PodTopologySpread(cluster(settings, pod("a"), OneService()))
    state = plugin.prepare(comes)
    nodes = plugin.cluster.nodes
    return [name for name in nodes if state is not None and plugin.why_not(state, comes, nodes[name]) is not None]


def test_pods_without_constraints_follow_those_of_the_operator() -> None:
    """Which may forbid, where kube-scheduler's own only prefer; a list of none is none."""
    listed = [{"maxSkew": 1, "topologyKey": HOST, "whenUnsatisfiable": "DoNotSchedule"}]
    assert refused(PlacingPolicy(), pod("a")) == []
    assert refused(policy(defaultConstraints=listed), pod("a")) == ["one"]
    assert refused(policy(defaultConstraints=listed), pod("other")) == []
    chosen = LabelSelector(match_labels={"app": "a"})
    assert len(spreading_of(pod("a"), chosen).constraints) == 2
    assert spreading_of(pod("a"), chosen, ()).constraints == ()
    assert not spreading_of(pod("a"), chosen).needs_all_labels
    assert spreading_of(pod("a"), chosen, policy(defaultConstraints=listed).default_constraints).needs_all_labels


SOFT = {"maxSkew": 1, "topologyKey": HOST, "whenUnsatisfiable": "ScheduleAnyway"}


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"hardPodAffinityWeight": -1}, "hardPodAffinityWeight"),
        ({"hardPodAffinityWeight": 101}, "hardPodAffinityWeight"),
        ({"defaultConstraints": [{**SOFT, "labelSelector": {}}]}, "defaultConstraints[0].labelSelector"),
        ({"defaultConstraints": [{**SOFT, "minDomains": 2}]}, "defaultConstraints[0].minDomains"),
        ({"defaultConstraints": [SOFT, {**SOFT, "maxSkew": 2}]}, "defaultConstraints[1]"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(given: dict[str, object], path: str) -> None:
    """One fault, and where it stands."""
    assert [at for at, _ in faults_of(policy(**given))] == [path]


def test_bounds_are_allowed() -> None:
    """The least and the most, and a forbidding constraint beside a preferring one."""
    hard = {**SOFT, "whenUnsatisfiable": "DoNotSchedule", "minDomains": 2}
    for weight in (0, 100):
        assert not list(faults_of(policy(hardPodAffinityWeight=weight, defaultConstraints=[SOFT, hard])))
