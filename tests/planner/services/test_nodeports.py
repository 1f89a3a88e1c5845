"""Ports of Services on the nodes: each number once, kept while the type needs it, and what cannot be had is told."""

from typing import Any

import pytest

from reconciler.model.external import NODE_PORTS, NodePortRange
from reconciler.model.observed import ClusterInfo
from reconciler.model.plan import Decision, Plan, Reason
from reconciler.planner.project import project_view
from tests.planner.world import Cluster, replace


def service(name: str, rest: str = "type: NodePort, ports: [{port: 80}]") -> str:
    """Return the manifest of a Service."""
    return f"---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{{rest}}}\n"


def of_range(text: str) -> Cluster:
    """Return a cluster with this range of node ports."""
    cluster = Cluster()
    cluster.observed = replace(cluster.observed, cluster=ClusterInfo(id="test", node_ports=text))
    return cluster


def numbers(cluster: Cluster) -> dict[str, list[int | None]]:
    """Return the node ports of all Services."""
    services: dict[str, Any] = cluster.of("Service")
    return {name: [port.node_port for port in one.spec.ports] for name, one in services.items()}


def programmed(cluster: Cluster) -> dict[str, list[int]]:
    """Return what the nodes are told."""
    view = project_view(cluster.observed, cluster.policy, cluster.now)
    return {one.name: [port.node_port for port in one.ports] for one in view.services}


def rows(cluster: Cluster) -> dict[str, str]:
    """Return the rows of node ports."""
    return {key: value for key, value in cluster.observed.allocations.items() if key.startswith("nodeport/")}


def blocked(answer: Plan) -> dict[str, tuple[Reason, str]]:
    """Return what is blocked, and why."""
    return {one.object.name: (one.reason, one.message) for one in answer.verdicts if one.decision is Decision.BLOCKED}


def test_a_number_follows_from_the_name_and_is_written_once() -> None:
    """The same in every cluster; other ports of the Service get others."""
    cluster = Cluster()
    cluster.push(service("web", "type: NodePort, ports: [{name: a, port: 80}, {name: b, port: 443}]"))
    cluster.settle()
    first, second = numbers(cluster)["web"]
    assert first != second and {first, second} <= set(range(30086, 32768))
    assert rows(cluster) == {"nodeport/default/web/80": str(first), "nodeport/default/web/443": str(second)}
    assert programmed(cluster)["web"] == [first, second]
    assert not cluster.plan().allocations and cluster.plan().is_empty
    other = Cluster()
    other.push(service("a") + service("web"))
    other.settle()
    assert numbers(other)["web"] == [first]


def test_protocols_of_one_port_share_a_number() -> None:
    """Also one that only the other asks for."""
    both = "type: NodePort, ports: [{name: t, port: 53}, {name: u, port: 53, protocol: UDP}]"
    asked = "type: NodePort, ports: [{name: t, port: 53}, {name: u, port: 53, protocol: UDP, nodePort: 30053}]"
    cluster = Cluster()
    cluster.push(service("both", both) + service("asked", asked))
    cluster.settle()
    one, other = numbers(cluster)["both"]
    assert one == other
    assert numbers(cluster)["asked"] == [30053, 30053]
    assert rows(cluster)["nodeport/default/asked/53"] == "30053" and len(rows(cluster)) == 2


def test_each_protocol_may_ask_for_a_number_of_its_own() -> None:
    """Both are the Service's."""
    cluster = Cluster()
    asked = "{name: t, port: 53, nodePort: 30001}, {name: u, port: 53, protocol: UDP, nodePort: 30002}"
    cluster.push(service("dns", f"type: NodePort, ports: [{asked}]"))
    cluster.settle()
    assert programmed(cluster)["dns"] == [30001, 30002]
    assert sorted(rows(cluster).values()) == ["30001", "30002"]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (29999, "nodePort 29999 is outside of the range 30000-30002"),
        (30003, "nodePort 30003 is outside of the range 30000-30002"),
        (30001, "nodePort 30001 is that of service/default/first"),
    ],
)
def test_what_cannot_be_had_is_told_and_not_programmed(asked: int, why: str) -> None:
    """The rest of the Service works."""
    cluster = of_range("30000-30002")
    first = service("first", "type: NodePort, ports: [{port: 80, nodePort: 30001}]")
    cluster.push(first)
    cluster.settle()
    cluster.push(first + service("late", f"type: NodePort, ports: [{{port: 80, nodePort: {asked}}}]"), commit="c2")
    cluster.settle()
    assert blocked(cluster.plan()) == {"late": (Reason.CONFLICT, why)}
    assert programmed(cluster) == {"first": [30001], "late": [0]}
    services: dict[str, Any] = cluster.of("Service")
    assert services["late"].spec.cluster_ip


@pytest.mark.parametrize("asked", [30000, 30002])
def test_both_ends_of_the_range_can_be_had(asked: int) -> None:
    """Who asks may have the first too."""
    cluster = of_range("30000-30002")
    cluster.push(service("web", f"type: NodePort, ports: [{{port: 80, nodePort: {asked}}}]"))
    cluster.settle()
    assert programmed(cluster) == {"web": [asked]}
    assert not blocked(cluster.plan())


def test_a_range_that_is_used_up_says_so_and_gives_what_becomes_free() -> None:
    """First to who waits."""
    cluster = of_range("30000-30001")
    two = service("a") + service("b")
    cluster.push(two + service("late"))
    cluster.settle()
    assert sorted(number[0] or 0 for number in numbers(cluster).values()) == [0, 30000, 30001]
    assert blocked(cluster.plan()) == {"late": (Reason.CONFLICT, "no port of the nodes is free in 30000-30001")}
    cluster.push(service("b") + service("late"), commit="c2")
    cluster.settle()
    assert sorted(number[0] or 0 for number in numbers(cluster).values()) == [30000, 30001]
    assert not blocked(cluster.plan())


def test_a_range_that_becomes_another_one_takes_no_number_away() -> None:
    """Who comes later gets one of the new range."""
    cluster = of_range("30000-30001")
    cluster.push(service("a"))
    cluster.settle()
    had = numbers(cluster)["a"]
    cluster.observed = replace(cluster.observed, cluster=ClusterInfo(id="test", node_ports="31000-31001"))
    cluster.push(service("a") + service("b"), commit="c2")
    cluster.settle()
    assert programmed(cluster)["a"] == had and programmed(cluster)["b"][0] in (31000, 31001)
    assert not blocked(cluster.plan())


def test_host_ports_of_pods_are_left_to_them() -> None:
    """A number is chosen that no Pod takes on its host."""
    cluster = of_range("30000-30001")
    pod = "spec: {containers: [{name: a, image: a, ports: [{containerPort: 80, hostPort: 30000}]}]}"
    cluster.push(f"---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\n{pod}\n" + service("web"))
    cluster.settle()
    assert numbers(cluster) == {"web": [30001]}


def test_who_asks_for_a_number_has_it_before_those_that_take_any() -> None:
    """In the same revision, whatever the names."""
    cluster = of_range("30000-30001")
    cluster.push(service("a") + service("z", "type: NodePort, ports: [{port: 80, nodePort: 30000}]"))
    cluster.settle()
    assert numbers(cluster) == {"a": [30001], "z": [30000]}


def test_a_number_stays_while_the_type_needs_it_and_goes_with_it() -> None:
    """NodePort → LoadBalancer → ClusterIP → NodePort."""
    cluster = Cluster()
    cluster.push(service("web"))
    cluster.settle()
    had = numbers(cluster)["web"]
    cluster.push(service("web", "type: LoadBalancer, ports: [{port: 80, targetPort: 8080}]"), commit="c2")
    cluster.settle()
    assert numbers(cluster)["web"] == had
    cluster.push(service("web", "ports: [{port: 80}]"), commit="c3")
    cluster.settle()
    assert numbers(cluster)["web"] == [None] and rows(cluster) == {} and programmed(cluster)["web"] == [0]
    services: dict[str, Any] = cluster.of("Service")
    assert services["web"].spec.external_traffic_policy is None
    assert services["web"].spec.allocate_load_balancer_node_ports is None
    cluster.push(service("web"), commit="c4")
    cluster.settle()
    assert programmed(cluster)["web"] == had


def test_another_number_may_be_asked_for_later() -> None:
    """The former one is free then."""
    cluster = Cluster()
    cluster.push(service("web"))
    cluster.settle()
    cluster.push(service("web", "type: NodePort, ports: [{port: 80, nodePort: 30007}]"), commit="c2")
    cluster.settle()
    assert programmed(cluster)["web"] == [30007] and rows(cluster) == {"nodeport/default/web/80": "30007"}


def test_a_load_balancer_can_do_without_node_ports() -> None:
    """But has those that it asks for."""
    cluster = Cluster()
    none = "type: LoadBalancer, allocateLoadBalancerNodePorts: false, ports: [{port: 80}]"
    one = "type: LoadBalancer, allocateLoadBalancerNodePorts: false, ports: [{port: 80, nodePort: 30009}]"
    cluster.push(service("none", none) + service("one", one))
    cluster.settle()
    assert programmed(cluster) == {"none": [0], "one": [30009]}


def test_a_service_that_returns_gets_its_number_unless_another_asked_for_it() -> None:
    """A row outlives its Service, and gives way."""
    cluster = Cluster()
    plain = service("x") + service("y") + service("z")
    cluster.push(plain + service("web"))
    cluster.settle()
    (had,) = numbers(cluster)["web"]
    cluster.push(plain, commit="c2")
    cluster.settle()
    cluster.push(plain + service("web"), commit="c3")
    cluster.settle()
    assert numbers(cluster)["web"] == [had]
    cluster.push(plain, commit="c4")
    cluster.settle()
    other = service("other", f"type: NodePort, ports: [{{port: 80, nodePort: {had}}}]")
    cluster.push(plain + other, commit="c5")
    cluster.settle()
    cluster.push(plain + other + service("web"), commit="c6")
    cluster.settle()
    assert numbers(cluster)["other"] == [had] != numbers(cluster)["web"]
    assert len(set(rows(cluster).values())) == len(rows(cluster)) == 5
    assert not blocked(cluster.plan())


def test_a_health_check_has_a_port_of_its_own() -> None:
    """With externalTrafficPolicy Local only; it stays, and goes with the policy."""
    local = "type: LoadBalancer, externalTrafficPolicy: Local, ports: [{port: 80}]"
    cluster = Cluster()
    cluster.push(service("web", local))
    cluster.settle()
    services: dict[str, Any] = cluster.of("Service")
    number = services["web"].spec.health_check_node_port
    assert number in NodePortRange.parse(NODE_PORTS) and number not in numbers(cluster)["web"]
    view = project_view(cluster.observed, cluster.policy, cluster.now)
    assert [one.health_check_port for one in view.services] == [number]
    cluster.push(service("web", local.replace("port: 80", "port: 81")), commit="c2")
    cluster.settle()
    services = cluster.of("Service")
    assert services["web"].spec.health_check_node_port == number
    cluster.push(service("web", local.replace("Local", "Cluster")), commit="c3")
    cluster.settle()
    services = cluster.of("Service")
    assert services["web"].spec.health_check_node_port == 0
    assert "nodeport/default/web/health" not in rows(cluster)


def test_two_services_of_one_address_do_not_both_have_it() -> None:
    """The second says whose it is; a row is one Service's."""
    cluster = Cluster()
    taken = "clusterIP: 10.43.0.9, ports: [{port: 80}]"
    cluster.push(service("a", taken) + service("b", taken))
    cluster.settle()
    assert blocked(cluster.plan()) == {"b": (Reason.CONFLICT, "clusterIP 10.43.0.9 is that of service/default/a")}
    assert cluster.observed.allocations.get("clusterip/default/b") is None


@pytest.mark.parametrize(
    ("text", "band"),
    [
        (NODE_PORTS, (30086, 32767)),
        ("30000-30016", (30016, 30016)),
        ("30000-30015", (30000, 30015)),
        ("1-65535", (129, 65535)),
        ("8080", (8080, 8080)),
    ],
)
def test_the_first_of_a_range_are_kept_for_those_that_ask(text: str, band: tuple[int, int]) -> None:
    """As many as Kubernetes keeps; none where nothing would be left."""
    found = NodePortRange.parse(text).band
    assert (found[0], found[-1]) == band


@pytest.mark.parametrize("text", ["", "a-b", "3-2", "0-5", "1-65536", "1-2-3", "30000-"])
def test_a_range_that_is_none_is_refused(text: str) -> None:
    """With the reason."""
    with pytest.raises(ValueError, match="is no range of ports"):
        NodePortRange.parse(text)
