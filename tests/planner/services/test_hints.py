"""Which zone's clients an endpoint is for, when that is told anew, and what a Service says of it."""

from typing import Any

import pytest

from reconciler.model.plan import Plan
from reconciler.model.refs import ObjectRef
from reconciler.planner.project import project_view
from reconciler.planner.services.hints import zones_told
from reconciler.planner.services.zones import allocations, exchanges, is_overloaded
from tests.planner.test_overrides import override
from tests.planner.world import Cluster, replace

AUTO = "annotations: {service.kubernetes.io/topology-mode: Auto}"
NODES = ("a1", "a2", "b1", "b2")


def manifests(replicas: int, mark: str = AUTO, spec: str = "") -> str:
    """Return a Service and its Pods."""
    return f"""
apiVersion: v1
kind: Service
metadata: {{name: web, namespace: default, {mark}}}
spec: {{selector: {{app: web}}, ports: [{{port: 80}}], {spec}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: default}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: c, image: i}}]}}
---
"""


def label(cluster: Cluster, **zones: str) -> None:
    """Have a person say where the nodes stand: by the first letter of their names, where nothing else is said."""
    for one in cluster.observed.nodes:
        zone = {"topology.kubernetes.io/zone": zones.get(one, one[0])}
        override(cluster, ObjectRef(kind="Node", name=one), labels=zone)


def settled(text: str, nodes: tuple[str, ...] = NODES, **zones: str) -> tuple[Cluster, list[Plan]]:
    """Return a cluster at rest, and the plans on the way."""
    cluster = Cluster(nodes)
    cluster.settle()
    label(cluster, **zones)
    cluster.push(text)
    return cluster, cluster.settle()


def hints_of(cluster: Cluster) -> list[tuple[str, tuple[str, ...]]]:
    """Return of each endpoint the zone that it is in, and those that it is for."""
    slices: dict[str, Any] = cluster.of("EndpointSlice")
    return sorted(
        (one.zone or "", tuple(zone.name for zone in one.hints.for_zones) if one.hints else ())
        for each in slices.values()
        for one in each.endpoints
    )


def told(plans: list[Plan], type_: str = "") -> list[tuple[str, str]]:
    """Return what was told of hints, by Events of a type."""
    happened = [one for plan in plans for one in plan.happenings if "Topology" in one.reason]
    return [(one.reason, one.message) for one in happened if type_ in ("", one.type)]


def condition_of(cluster: Cluster) -> list[tuple[str, str]]:
    """Return what the Service says of its hints."""
    services: dict[str, Any] = cluster.of("Service")
    return [(one.status, one.message) for one in services["web"].status.conditions]


def test_endpoints_are_shared_by_zones() -> None:
    """Each is for its own zone, where zones have as many as they need; the Service says so."""
    cluster, plans = settled(manifests(4))
    assert hints_of(cluster) == [("a", ("a",)), ("a", ("a",)), ("b", ("b",)), ("b", ("b",))]
    assert told(plans) == [
        ("TopologyAwareHintsDisabled", "Insufficient number of endpoints (0 endpoints, 2 zones), addressType: IPv4"),
        ("TopologyAwareHintsEnabled", "Topology Aware Hints has been enabled, addressType: IPv4"),
    ]
    assert condition_of(cluster) == [("True", "Topology Aware Hints has been enabled, addressType: IPv4")]
    assert not cluster.plan().changes


def test_a_zone_with_too_many_gives_to_the_other() -> None:
    """Three nodes of four are in one zone, the Pods are spread over the nodes evenly: it needs more."""
    cluster, _ = settled(manifests(8), a2="b", b1="b")
    found = hints_of(cluster)
    assert [one[1] for one in found].count(("b",)) == 6


@pytest.mark.parametrize(
    ("replicas", "zones", "why"),
    [
        (1, {}, "Insufficient number of endpoints (1 endpoints, 2 zones)"),
        (4, {"a2": ""}, "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes"),
        (4, dict.fromkeys(NODES, "a"), "Insufficient Node information: allocatable CPU or zone not specified"),
        (
            3,
            {},
            "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold "
            "(3 endpoints, 2 zones)",
        ),
    ],
)
def test_there_are_no_hints_where_they_would_overload_a_zone(replicas: int, zones: dict[str, str], why: str) -> None:
    """And the Service says why, once."""
    cluster, plans = settled(manifests(replicas), **zones)
    assert not any(zone for _, zone in hints_of(cluster))
    (((reason, message),), ((status, said),)) = told(plans)[-1:], condition_of(cluster)
    assert (reason, status) == ("TopologyAwareHintsDisabled", "False")
    assert message == said and message.startswith(why) and message.endswith(", addressType: IPv4")
    assert not told(cluster.settle())


def test_hints_go_with_the_annotation() -> None:
    """Whichever of the two it was; what another value says does not count."""
    older = "annotations: {service.kubernetes.io/topology-aware-hints: auto}"
    cluster, _ = settled(manifests(4, older))
    assert all(zone for _, zone in hints_of(cluster))
    cluster.push(manifests(4, "annotations: {service.kubernetes.io/topology-mode: Never}"), commit="c2")
    plans = cluster.settle()
    assert not any(zone for _, zone in hints_of(cluster)) and not condition_of(cluster)
    disabled = [("TopologyAwareHintsDisabled", "Topology Aware Hints has been disabled, addressType: IPv4")]
    assert told(plans) == told(plans, "Warning") == disabled


def test_a_node_without_a_zone_takes_the_hints_away_and_brings_them_back() -> None:
    """Also of a Service that nothing else has happened to."""
    cluster, _ = settled(manifests(4))
    label(cluster, b2="")
    cluster.settle()
    assert not any(zone for _, zone in hints_of(cluster))
    label(cluster)
    cluster.settle()
    assert all(zone for _, zone in hints_of(cluster))


def test_a_node_that_moves_takes_its_endpoints_with_it() -> None:
    """Also those of a Service that asks for no hints."""
    cluster, _ = settled(manifests(2, ""), ("a1",))
    label(cluster, a1="b")
    cluster.settle()
    assert hints_of(cluster) == [("b", ()), ("b", ())]


def test_hints_stay_while_no_zone_has_too_few() -> None:
    """A little more in one zone than is its share moves nothing."""
    assert not is_overloaded({"a": 5, "b": 4}, {"a": 0.5, "b": 0.5})
    assert is_overloaded({"a": 6, "b": 4}, {"a": 0.5, "b": 0.5})
    assert is_overloaded({"a": 6, "b": 4}, {}) and not is_overloaded({}, {})
    assert is_overloaded({"a": 6}, {"a": 0.9, "b": 0.1})


def test_zones_give_by_whole_endpoints() -> None:
    """Half of one is not worth moving unless the other end has a whole one."""
    wanted = allocations(10, {"a": 0.5, "b": 0.5})
    assert wanted is not None and wanted["a"] == (5, 5, 5.0)
    assert exchanges({"a": 7, "b": 3}, wanted) == ({"a": 2}, {"b": 2})
    assert exchanges({"a": 5, "b": 5}, wanted) == ({}, {})
    assert allocations(3, {"a": 0.5, "b": 0.5}) is None


def test_a_person_is_told_how_many_endpoints_each_zone_has() -> None:
    """Or why there are none for it."""
    for replicas, counts, why in ((4, {"a": 2, "b": 2}, "enabled"), (1, {}, "Insufficient number")):
        cluster, _ = settled(manifests(replicas))
        slices: dict[str, Any] = cluster.of("EndpointSlice")
        stored = cluster.observed.objects[ObjectRef(kind="Service", namespace="default", name="web")]
        told = zones_told(stored, tuple(slices.values()))
        assert told["endpointsForZones"] == counts and why in told["topologyAware"]


def test_nodes_are_told_the_hints() -> None:
    """In the view of the network, for Services that ask for them and for no other."""
    cluster, _ = settled(manifests(4))
    (entry,) = project_view(cluster.observed, cluster.policy, cluster.now).services
    zones = sorted(one.for_zones for one in entry.ports[0].targets[0].endpoints)
    assert (entry.distribution, zones) == ("Auto", [("a",), ("a",), ("b",), ("b",)])
    cluster, _ = settled(manifests(4, ""))
    (entry,) = project_view(cluster.observed, cluster.policy, cluster.now).services
    assert (entry.distribution, {one.for_zones for one in entry.ports[0].targets[0].endpoints}) == ("", {()})


@pytest.mark.parametrize(("distribution", "nodes"), [("PreferSameZone", 0), ("PreferClose", 0), ("PreferSameNode", 1)])
def test_what_is_preferred_is_written_as_hints(distribution: str, nodes: int) -> None:
    """Each endpoint is for its own zone; with PreferSameNode for its node too."""
    cluster, plans = settled(manifests(2, "", f"trafficDistribution: {distribution}"))
    slices: dict[str, Any] = cluster.of("EndpointSlice")
    ends = [one for each in slices.values() for one in each.endpoints]
    assert all(one.hints.for_zones[0].name == one.zone for one in ends) and len(ends) == 2
    assert all([node.name for node in one.hints.for_nodes] == [one.node_name] * nodes for one in ends)
    assert not told(plans)


def test_what_is_not_ready_is_for_nobody() -> None:
    """And does not count."""
    cluster = Cluster(NODES)
    cluster.ready = lambda pod: pod.spec.node_name[0] == "a"
    cluster.settle()
    label(cluster)
    cluster.push(manifests(4))
    cluster.settle()
    found = hints_of(cluster)
    assert [one for one in found if one[0] == "b"] == [("b", ()), ("b", ())]
    assert sorted(zone for _, (zone, *_) in found[:2]) == ["a", "b"]


def test_the_annotation_goes_before_the_field() -> None:
    """As in Kubernetes, where both are said."""
    cluster, _ = settled(manifests(1, AUTO, "trafficDistribution: PreferClose"))
    assert hints_of(cluster)[0][1] == ()
    observed = replace(cluster.observed, tombstones={})
    (entry,) = project_view(observed, cluster.policy, cluster.now).services
    assert entry.distribution == "Auto"
