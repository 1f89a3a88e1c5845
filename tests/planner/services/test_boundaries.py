"""Services at the edges of what they are given: what is asked for in one revision, given back, kept, and told."""

from typing import Any

import pytest

from reconciler.model.external import Announced
from reconciler.model.observed import ClusterInfo, NodeState
from reconciler.model.plan import Plan
from reconciler.model.provider import Balanced, ProviderAnswer, ProviderState
from reconciler.planner.project import project_view
from reconciler.planner.services.announce import announced
from reconciler.planner.services.kept import with_kept
from reconciler.planner.services.provided import request_of
from tests.planner.reading import read
from tests.planner.services.test_balancers import BALANCED, LOCAL, blocked, given, of_pool, service
from tests.planner.services.test_nodeports import numbers, of_range, programmed, rows
from tests.planner.world import Cluster, replace


def asking(number: int) -> str:
    """Return what a Service says that asks for a port on the nodes."""
    return f"type: NodePort, ports: [{{port: 80, nodePort: {number}}}]"


def spec_of(cluster: Cluster, name: str = "web") -> Any:
    """Return the spec of a Service."""
    services: dict[str, Any] = cluster.of("Service")
    return services[name].spec


def entry_of(cluster: Cluster) -> Any:
    """Return the only Service as nodes are told."""
    (entry,) = project_view(cluster.observed, cluster.policy, cluster.now).services
    return entry


def happened(plans: list[Plan]) -> list[tuple[str, str]]:
    """Return the Events of Services: reason and type."""
    return [(one.reason, one.type) for plan in plans for one in plan.happenings if one.object.kind == "Service"]


@pytest.mark.parametrize(
    ("rest", "policy", "numbered"),
    [("type: NodePort, ports: [{port: 80}]", "Cluster", None), (BALANCED, "Cluster", True), (LOCAL, "Local", True)],
)
def test_defaults_of_a_type_are_written_into_the_spec(rest: str, policy: str, numbered: bool | None) -> None:
    """As Kubernetes does when a Service is created; what was said stays."""
    cluster = of_pool("10.0.0.240")
    cluster.push(service("web", rest))
    cluster.settle()
    assert spec_of(cluster).external_traffic_policy == policy
    assert spec_of(cluster).allocate_load_balancer_node_ports is numbered


def test_a_plan_names_all_new_ports_and_calls_the_write_what_it_is() -> None:
    """What is filled in makes an update of nothing that a person creates."""
    cluster = Cluster()
    cluster.push(service("web", "type: NodePort, ports: [{name: a, port: 80}, {name: b, port: 81}]"))
    (told,) = (one for one in cluster.plan().verdicts if one.object.kind == "Service")
    cluster.settle()
    one, other = numbers(cluster)["web"]
    assert (told.decision.value, told.message) == ("create", f"node ports {one}, {other} (forecast)")


@pytest.mark.parametrize("asked", [30000, 30001])
@pytest.mark.parametrize("what", ["port", "health"])
def test_no_number_is_chosen_that_another_asks_for(asked: int, what: str) -> None:
    """Whichever would have been chosen, and also for a health check."""
    cluster = of_range("30000-30001")
    rest = asking(asked)
    if what == "health":
        rest = f"allocateLoadBalancerNodePorts: false, healthCheckNodePort: {asked}, {LOCAL}"
    cluster.push(service("a", "type: NodePort, ports: [{port: 80}]") + service("z", rest))
    cluster.settle()
    assert numbers(cluster)["a"] == [60_001 - asked]
    assert "a" not in blocked(cluster.plan())


def test_an_address_of_a_service_that_returns_is_not_given_while_another_asks_for_it() -> None:
    """Though its row is still there."""
    cluster = Cluster()
    cluster.push(service("a", "ports: [{port: 80}]") + service("x", "ports: [{port: 80}]"))
    cluster.settle()
    had = spec_of(cluster, "a").cluster_ip
    cluster.push(service("x", "ports: [{port: 80}]"), commit="c2")
    cluster.settle()
    asks = service("z", f"clusterIP: {had}, ports: [{{port: 80}}]")
    cluster.push(service("a", "ports: [{port: 80}]") + service("x", "ports: [{port: 80}]") + asks, commit="c3")
    cluster.settle()
    assert spec_of(cluster, "z").cluster_ip == had != spec_of(cluster, "a").cluster_ip
    assert not blocked(cluster.plan())


def test_a_number_that_is_given_back_is_free_in_the_same_pass() -> None:
    """Nobody is told that it is taken: who has it asks for another, or needs none any more."""
    cluster = of_range("30000-30002")
    cluster.push(service("a", asking(30000)) + service("b", asking(30001)))
    cluster.settle()
    moved = service("a", asking(30002)) + service("b", "ports: [{port: 80}]")
    cluster.push(moved + service("y", asking(30000)) + service("z", asking(30001)), commit="c2")
    assert not blocked(cluster.plan())
    cluster.settle()
    assert programmed(cluster) == {"a": [30002], "b": [0], "y": [30000], "z": [30001]}
    assert sorted(rows(cluster).values()) == ["30000", "30001", "30002"]


def test_a_port_of_a_health_check_that_cannot_be_had_is_not_programmed() -> None:
    """What was asked for stays written, with why."""
    cluster = of_pool("10.0.0.240")
    cluster.push(service("web", f"healthCheckNodePort: 29000, {LOCAL}"))
    cluster.settle()
    assert spec_of(cluster).health_check_node_port == 29000 and entry_of(cluster).health_check_port == 0
    assert blocked(cluster.plan())["web"][1] == "healthCheckNodePort 29000 is outside of the range 30000-32767"


@pytest.mark.parametrize("of", ["example.com/other", "reconciler.dev/provider"])
def test_a_name_that_returns_with_another_class_leaves_its_address(of: str) -> None:
    """To whoever waits for one of the pool."""
    cluster = of_pool("10.0.0.240")
    cluster.push(service("a") + service("x", "ports: [{port: 80}]"))
    cluster.settle()
    cluster.push(service("x", "ports: [{port: 80}]"), commit="c2")
    cluster.settle()
    answer = ProviderAnswer(api_version="v", load_balancers=(Balanced(namespace="default", name="a", ip="192.0.2.9"),))
    cluster.observed = replace(cluster.observed, provider=ProviderState(answer=answer))
    other = service("a", f"loadBalancerClass: {of}, {BALANCED}")
    cluster.push(other + service("b") + service("x", "ports: [{port: 80}]"), commit="c3")
    cluster.settle()
    assert given(cluster) == {"a": "192.0.2.9" if "provider" in of else "", "b": "10.0.0.240", "x": ""}


def test_who_asks_for_what_it_cannot_have_gives_back_what_it_had() -> None:
    """A warning tells it once, and goes when it is so no more; what others say of it stays."""
    cluster = of_pool("10.0.0.240")
    cluster.push(service("a"))
    cluster.settle()
    cluster.push(service("a", f"loadBalancerIP: 10.0.9.9, {BALANCED}") + service("b"), commit="c2")
    plans = cluster.settle()
    assert given(cluster) == {"a": "", "b": "10.0.0.240"}
    assert happened(plans).count(("AllocationFailed", "Warning")) == 1
    services: dict[str, Any] = cluster.of("Service")
    (ref,) = (ref for ref in cluster.observed.objects if ref.kind == "Service" and ref.name == "a")
    stored: Any = cluster.observed.objects[ref]
    (ours,) = services["a"].status.conditions
    other = replace(ours, type="example.com/Seen", message="")
    status = replace(services["a"].status, conditions=(other, ours))
    told = replace(stored, object=replace(services["a"], status=status))
    cluster.observed = replace(cluster.observed, objects={**cluster.observed.objects, ref: told})
    cluster.push(service("a"), commit="c3")
    cluster.settle()
    later: dict[str, Any] = cluster.of("Service")
    assert given(cluster) == {"a": "10.0.0.240"} and later["a"].status.conditions == (other,)


def test_what_a_provider_gave_is_told_once() -> None:
    """However often it says so."""
    cluster = Cluster()
    cluster.push(service("web", f"loadBalancerClass: reconciler.dev/provider, {BALANCED}"))
    cluster.settle()
    answer = ProviderAnswer(
        api_version="v", load_balancers=(Balanced(namespace="default", name="web", ip="192.0.2.9"),)
    )
    events = []
    for commit in ("c2", "c3"):
        cluster.observed = replace(cluster.observed, provider=ProviderState(answer=answer))
        changed = f"loadBalancerClass: reconciler.dev/provider, {BALANCED}".replace("app: web", f"app: {commit}")
        cluster.push(service("web", changed), commit=commit)
        events += [reason for reason, _ in happened(cluster.settle())]
    assert events.count("EnsuredLoadBalancer") == 1


def test_ranges_of_sources_may_have_bits_of_hosts() -> None:
    """The range is meant."""
    cluster = of_pool("10.0.0.240")
    cluster.push(service("web", f"loadBalancerSourceRanges: [10.1.2.3/16], {BALANCED}"))
    cluster.settle()
    assert entry_of(cluster).source_ranges == ("10.1.0.0/16",)


def test_a_node_that_never_reported_has_no_address_to_spare() -> None:
    """That of the others is not given."""
    cluster = of_pool("10.0.0.1-10.0.0.2")
    cluster.observed = replace(cluster.observed, nodes={**cluster.observed.nodes, "new": NodeState(name="new")})
    cluster.report = lambda: None  # type: ignore[method-assign]
    cluster.push(service("web"))
    cluster.settle()
    assert given(cluster) == {"web": "10.0.0.2"}


def test_who_announces_follows_from_address_and_names() -> None:
    """The same in every cluster of these nodes."""
    cluster = of_pool("10.0.0.240-10.0.0.242")
    cluster.push(service("a") + service("b") + service("c"))
    cluster.settle()
    assert announced(cluster.observed.allocations) == (
        Announced(address="10.0.0.240", node="node-1"),
        Announced(address="10.0.0.241", node="node-1"),
        Announced(address="10.0.0.242", node="node-2"),
    )


def test_nodes_are_told_names_of_ports_and_how_traffic_is_spread() -> None:
    """And no addresses from outside where a Service has none inside."""
    cluster = Cluster()
    rest = "trafficDistribution: PreferClose, selector: {a: b}, ports: [{name: http, port: 80}]"
    cluster.push(service("web", rest))
    cluster.settle()
    entry = entry_of(cluster)
    assert (entry.distribution, entry.ports[0].name, entry.health_check_port) == ("PreferClose", "http", 0)
    for rest in ("clusterIP: None", "type: ExternalName, externalName: example.org"):
        cluster = Cluster()
        cluster.push(service("web", f"externalIPs: [192.0.2.1], {rest}, ports: [{{port: 80}}]"))
        cluster.settle()
        assert entry_of(cluster).external_ips == ()


def test_a_provider_is_told_what_a_load_balancer_asks_for() -> None:
    """Names and numbers of ports, address and policy."""
    cluster = Cluster()
    cluster.observed = replace(cluster.observed, cluster=ClusterInfo(id="test"))
    rest = "loadBalancerClass: reconciler.dev/provider, loadBalancerIP: 192.0.2.9, allocateLoadBalancerNodePorts: false"
    cluster.push(service("web", f"{rest}, {LOCAL}".replace("port: 80", "name: http, port: 80")))
    cluster.settle()
    (asked,) = request_of(cluster.observed).load_balancers
    assert (asked.ip, asked.external_traffic_policy) == ("192.0.2.9", "Local")
    assert [(one.name, one.node_port) for one in asked.ports] == [("http", 0)]
    assert asked.health_check_node_port == spec_of(cluster).health_check_node_port != 0


HELD = "type: LoadBalancer, clusterIP: 10.43.0.5, externalTrafficPolicy: Local, healthCheckNodePort: 30900, ports: "
PORTS = "[{name: t, port: 53, nodePort: 30001}, {name: u, port: 53, protocol: UDP, nodePort: 30002}]"
WITHOUT = "type: LoadBalancer, externalTrafficPolicy: Local, ports: "


@pytest.mark.parametrize(
    ("before", "after", "address", "health", "ports"),
    [
        (HELD + PORTS, WITHOUT + "[{port: 53, protocol: UDP}, {port: 54}]", "10.43.0.5", 30900, [30002, None]),
        (HELD + PORTS, WITHOUT + "[{port: 53, nodePort: 30007}]", "10.43.0.5", 30900, [30007]),
        (HELD + PORTS, f"healthCheckNodePort: 30901, {WITHOUT}[{{port: 53}}]", "10.43.0.5", 30901, [30001]),
        (HELD + PORTS, "ports: [{port: 53}]", "10.43.0.5", 0, [None]),
        (HELD + PORTS, "type: NodePort, ports: [{port: 53}]", "10.43.0.5", 0, [30001]),
        (HELD + PORTS, "type: ExternalName, externalName: a.b", "", 0, []),
        ("clusterIP: None, ports: [{port: 53}]", "ports: [{port: 53}]", "None", 0, [None]),
        ("clusterIP: None, ports: [{port: 53}]", "type: NodePort, ports: [{port: 53}]", "", 0, [None]),
    ],
)
def test_what_is_kept_of_a_service_that_is_written_anew(
    before: str, after: str, address: str, health: int, ports: list[int | None]
) -> None:
    """What its type still needs, by protocol and port, unless it is said otherwise."""
    kept: Any = with_kept(read("Service", name="web", spec=before), read("Service", name="web", spec=after))
    assert (kept.spec.cluster_ip, kept.spec.health_check_node_port) == (address, health)
    assert [one.node_port for one in kept.spec.ports] == ports


@pytest.mark.parametrize(("named", "found"), [("name: http, ", [8080]), ("", [9090])])
def test_endpoints_that_a_person_wrote_are_found_by_the_name_of_their_port(named: str, found: list[int]) -> None:
    """One without a name is that of a Service's port without a name."""
    cluster = Cluster()
    ports = "[{name: http, port: 8080}, {port: 9090}]"
    written = (
        "---\napiVersion: v1\nkind: Endpoints\nmetadata: {name: web}\n"
        f"subsets: [{{addresses: [{{ip: 192.0.2.1}}], ports: {ports}}}]\n"
    )
    cluster.push(service("web", f"ports: [{{{named}port: 80}}]") + written)
    cluster.settle()
    (port,) = entry_of(cluster).ports
    assert ([one.port for one in port.targets], port.name) == (found, "http" if named else "")
