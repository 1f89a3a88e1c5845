"""Load balancers: an address of the pool each, and one node that announces it."""

import random
from typing import Any

import pytest

from reconciler.model.kinds import Pod
from reconciler.model.observed import ClusterInfo
from reconciler.model.plan import Decision, Plan, Reason
from reconciler.planner.project import project_view
from tests.planner.services.test_records import reached
from tests.planner.world import Cluster, replace

BALANCED = "type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]"
LOCAL = BALANCED.replace("type:", "externalTrafficPolicy: Local, type:")
NODES = ("node-1", "node-2", "node-3")


def service(name: str, rest: str = BALANCED) -> str:
    """Return the manifest of a Service."""
    return f"---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{{rest}}}\n"


def pods(*nodes: str) -> str:
    """Return a Pod behind the Service on each of these nodes."""
    return "".join(
        f"---\napiVersion: v1\nkind: Pod\nmetadata: {{name: pod-{node}, labels: {{app: web}}}}\n"
        f"spec: {{nodeName: {node}, containers: [{{name: a, image: a}}]}}\n"
        for node in nodes
    )


def of_pool(*addresses: str, nodes: tuple[str, ...] = NODES) -> Cluster:
    """Return a cluster with these addresses for load balancers."""
    cluster = Cluster(nodes=nodes)
    cluster.observed = replace(cluster.observed, cluster=ClusterInfo(id="test", load_balancer=addresses))
    return cluster


def given(cluster: Cluster) -> dict[str, str]:
    """Return the addresses of all load balancers."""
    services: dict[str, Any] = cluster.of("Service")
    return {name: ",".join(one.ip for one in of.status.load_balancer.ingress) for name, of in services.items()}


def announced(cluster: Cluster) -> dict[str, str]:
    """Return which node announces what, as the nodes are told."""
    view = project_view(cluster.observed, cluster.policy, cluster.now)
    return {one.address: one.node for one in view.announced}


def blocked(answer: Plan) -> dict[str, tuple[Reason, str]]:
    """Return what is blocked, and why."""
    return {one.object.name: (one.reason, one.message) for one in answer.verdicts if one.decision is Decision.BLOCKED}


def told(plans: list[Plan]) -> list[tuple[str, str]]:
    """Return the Events of Services."""
    return [(one.reason, one.message) for plan in plans for one in plan.happenings if one.object.kind == "Service"]


def silence(cluster: Cluster, *nodes: str) -> None:
    """Have nodes fall silent for longer than their lease."""
    report = cluster.report

    def all_but() -> None:
        before = cluster.observed.nodes
        report()
        still = {name: before[name] if name in nodes else state for name, state in cluster.observed.nodes.items()}
        cluster.observed = replace(cluster.observed, nodes=still)

    cluster.report = all_but  # type: ignore[method-assign]
    cluster.now += cluster.policy.node_lease_s + 1
    cluster.report()


def test_each_load_balancer_gets_one_address_and_one_node() -> None:
    """Events tell; the same plan has nothing to do afterwards."""
    cluster = of_pool("10.0.0.240-10.0.0.241")
    cluster.push(service("a") + service("b"))
    plans = cluster.settle()
    assert sorted(given(cluster).values()) == ["10.0.0.240", "10.0.0.241"]
    assert announced(cluster).keys() == {"10.0.0.240", "10.0.0.241"}
    assert sorted(told(plans)) == sorted(
        [
            *(("IPAllocated", f"assigned IP {one}") for one in given(cluster).values()),
            *(("nodeAssigned", f"announcing {one} from node {node}") for one, node in announced(cluster).items()),
        ]
    )
    assert cluster.plan().is_empty and not cluster.plan().allocations


def test_a_plan_shows_what_will_be_given() -> None:
    """As a forecast, beside why the Service is written; what is there already is not repeated."""
    cluster = of_pool("10.0.0.240")
    two = "type: LoadBalancer, ports: [{name: a, port: 80}, {name: b, port: 81, nodePort: 30001}]"
    cluster.push(service("web", two) + service("plain", "ports: [{port: 80}]"))
    answer = cluster.plan()
    told = {one.object.name: one.message for one in answer.verdicts if one.object.kind == "Service"}
    cluster.settle()
    services: dict[str, Any] = cluster.of("Service")
    (number, _) = (port.node_port for port in services["web"].spec.ports)
    assert told == {"web": f"node port {number}, address 10.0.0.240 (forecast)", "plain": ""}
    assert not any(one.message for one in cluster.plan().verdicts if one.object.kind == "Service")


def test_a_pool_that_is_used_up_is_told_once_and_gives_what_becomes_free() -> None:
    """Blocked, an Event, and no address; node ports work meanwhile."""
    cluster = of_pool("10.0.0.240")
    cluster.push(service("a"))
    cluster.settle()
    cluster.push(service("a") + service("b"), commit="c2")
    plans = cluster.settle()
    why = "none of the 1 addresses for load balancers is free"
    assert blocked(cluster.plan()) == {"b": (Reason.CONFLICT, why)}
    assert told(plans) == [("AllocationFailed", why)]
    services: dict[str, Any] = cluster.of("Service")
    assert services["b"].spec.ports[0].node_port and given(cluster)["b"] == ""
    assert [one.message for one in services["b"].status.conditions] == [why]
    cluster.push(service("b"), commit="c3")
    cluster.settle()
    assert given(cluster) == {"b": "10.0.0.240"} and not blocked(cluster.plan())
    services = cluster.of("Service")
    assert not services["b"].status.conditions
    assert list(announced(cluster)) == ["10.0.0.240"]


def test_without_a_pool_the_setting_is_named() -> None:
    """Who reads it knows what to do."""
    cluster = of_pool()
    cluster.push(service("web"))
    cluster.settle()
    why = "no addresses for load balancers are declared (setting loadBalancer.addresses)"
    assert blocked(cluster.plan()) == {"web": (Reason.CONFLICT, why)}
    assert announced(cluster) == {}


def test_a_certain_address_can_be_asked_for() -> None:
    """Of the pool, and of nobody else."""
    cluster = of_pool("10.0.0.240-10.0.0.250")
    asked = BALANCED.replace("type:", "loadBalancerIP: 10.0.0.245, type:")
    outside = BALANCED.replace("type:", "loadBalancerIP: 10.0.0.239, type:")
    cluster.push(service("a", asked))
    cluster.settle()
    cluster.push(service("a", asked) + service("b", asked) + service("c", outside) + service("d"), commit="c2")
    cluster.settle()
    assert given(cluster)["a"] == "10.0.0.245"
    assert blocked(cluster.plan()) == {
        "b": (Reason.CONFLICT, "loadBalancerIP 10.0.0.245 is that of service/default/a"),
        "c": (Reason.CONFLICT, "loadBalancerIP 10.0.0.239 is not among the addresses for load balancers"),
    }
    assert given(cluster)["d"] not in ("", "10.0.0.245")


def test_another_class_is_left_alone_and_said_so() -> None:
    """No address, no node; what somebody else wrote into its status stays."""
    cluster = of_pool("10.0.0.240")
    cluster.push(service("web", BALANCED.replace("type:", "loadBalancerClass: example.com/other, type:")))
    cluster.settle()
    answer = cluster.plan()
    assert given(cluster) == {"web": ""} and announced(cluster) == {} and not blocked(answer)
    assert [one for one in answer.warnings if "example.com/other is left to whoever serves it" in one]
    reached(cluster, "Service", "web", "192.0.2.7")
    cluster.settle()
    (entry,) = project_view(cluster.observed, cluster.policy, cluster.now).services
    assert given(cluster) == {"web": "192.0.2.7"} and announced(cluster) == {} and entry.balanced == ()
    cluster.push(service("ours", BALANCED.replace("type:", "loadBalancerClass: reconciler.dev/pool, type:")))
    cluster.settle()
    assert given(cluster)["ours"] == "10.0.0.240"


def test_an_address_goes_with_the_type() -> None:
    """And its announcement."""
    cluster = of_pool("10.0.0.240")
    cluster.push(service("web"))
    cluster.settle()
    cluster.push(service("web", "selector: {app: web}, ports: [{port: 80}]"), commit="c2")
    cluster.settle()
    assert given(cluster) == {"web": ""} and announced(cluster) == {}
    assert not [key for key in cluster.observed.allocations if key.startswith(("loadbalancer/", "announcer/"))]


def test_a_pool_that_changes_moves_who_is_outside_of_it() -> None:
    """And nobody else."""
    cluster = of_pool("10.0.0.240")
    cluster.push(service("web"))
    cluster.settle()
    cluster.observed = replace(cluster.observed, cluster=ClusterInfo(id="test", load_balancer=("10.0.1.0/30",)))
    cluster.settle()
    (address,) = given(cluster).values()
    assert address.startswith("10.0.1.") and list(announced(cluster)) == [address]


def test_a_node_keeps_its_address_while_it_is_fit_and_fails_over() -> None:
    """When it falls silent another one has it, which keeps it when the first is back."""
    cluster = of_pool("10.0.0.240")
    cluster.push(service("web"))
    cluster.settle()
    (first,) = announced(cluster).values()
    silence(cluster, first)
    plans = cluster.settle()
    (second,) = announced(cluster).values()
    assert second != first
    assert ("nodeAssigned", f"announcing 10.0.0.240 from node {second}") in told(plans)
    del cluster.report
    cluster.report()
    cluster.settle()
    assert announced(cluster) == {"10.0.0.240": second}
    silence(cluster, *NODES)
    cluster.settle()
    assert announced(cluster) == {}


def test_a_node_can_be_left_out() -> None:
    """By Kubernetes' label."""
    cluster = of_pool("10.0.0.240", nodes=("node-1", "node-2"))
    label = "node.kubernetes.io/exclude-from-external-load-balancers"
    nodes = "---\napiVersion: v1\nkind: Node\nmetadata: {name: %s, labels: {%s: 'true'}}\n"
    cluster.push(service("web"))
    cluster.settle()
    (first,) = announced(cluster).values()
    cluster.push(service("web") + nodes % (first, label), commit="c2")
    cluster.settle()
    assert announced(cluster).values() != {first} and len(announced(cluster)) == 1


def test_with_the_local_policy_only_nodes_with_ready_endpoints_announce() -> None:
    """None where there is none."""
    cluster = of_pool("10.0.0.240")
    cluster.push(service("web", LOCAL) + pods("node-2"))
    cluster.settle()
    assert announced(cluster) == {"10.0.0.240": "node-2"}
    cluster.ready = lambda _: False
    cluster.report()
    cluster.settle()
    assert announced(cluster) == {}

    def only_third(pod: Pod) -> bool:
        return pod.spec.node_name == "node-3"

    cluster.ready = only_third
    cluster.push(service("web", LOCAL) + pods("node-2", "node-3"), commit="c2")
    cluster.settle()
    assert announced(cluster) == {"10.0.0.240": "node-3"}


def test_addresses_spread_over_nodes_and_only_those_of_a_lost_node_move() -> None:
    """The choice follows from address and name."""
    cluster = of_pool("10.0.0.0/26")
    cluster.push("".join(service(f"s{number:02}") for number in range(24)))
    cluster.settle()
    before = announced(cluster)
    assert set(before.values()) == set(NODES)
    silence(cluster, "node-2")
    cluster.settle()
    after = announced(cluster)
    assert {one for one in before if before[one] != after[one]} == {one for one in before if before[one] == "node-2"}
    assert set(after.values()) == {"node-1", "node-3"}


def test_addresses_of_the_nodes_and_those_asked_for_are_not_given() -> None:
    """The pool may contain them."""
    cluster = of_pool("10.0.0.1-10.0.0.3")  # the nodes of these tests have 10.0.0.1
    cluster.push(
        service("a")
        + service("b", BALANCED.replace("type:", "loadBalancerIP: 10.0.0.2, type:"))
        + service("c", "externalIPs: [192.0.2.1], ports: [{port: 80}]")
    )
    cluster.settle()
    assert given(cluster) == {"a": "10.0.0.3", "b": "10.0.0.2", "c": ""}


def test_nodes_are_told_what_holds_for_clients_outside() -> None:
    """Ranges of sources without overlap, policy, addresses."""
    cluster = of_pool("10.0.0.240")
    ranges = "loadBalancerSourceRanges: [10.1.0.0/16, ' 10.1.2.0/24', 192.0.2.1/32]"
    cluster.push(service("web", f"{ranges}, externalIPs: [192.0.2.9], {LOCAL}"))
    cluster.settle()
    (entry,) = project_view(cluster.observed, cluster.policy, cluster.now).services
    assert entry.balanced == ("10.0.0.240",) and entry.external_ips == ("192.0.2.9",) and entry.external_local
    assert entry.source_ranges == ("10.1.0.0/16", "192.0.2.1/32")


@pytest.mark.parametrize("seed", range(6))
def test_whatever_comes_and_goes_no_two_have_the_same(seed: int) -> None:
    """Numbers and addresses, in any order of pushes; every pass is the same with and without memory."""
    dice = random.Random(seed)
    kinds = (
        BALANCED,
        LOCAL,
        BALANCED.replace("type:", "loadBalancerIP: 10.0.0.241, type:"),
        "type: NodePort, ports: [{port: 80}]",
        "type: NodePort, ports: [{port: 80, nodePort: 30100}]",
        "type: NodePort, ports: [{name: a, port: 53, protocol: UDP}, {name: b, port: 53}]",
        "ports: [{port: 80}]",
        "clusterIP: 10.43.0.7, ports: [{port: 80}]",
    )
    cluster = of_pool("10.0.0.240-10.0.0.242")
    for number in range(8):
        chosen = {f"s{dice.randrange(6)}": dice.choice(kinds) for _ in range(4)}
        text = "".join(service(name, rest) for name, rest in chosen.items()) + pods(dice.choice(NODES))
        cluster.push(text + service("keep-1", "ports: [{port: 80}]"), commit=f"c{number}")
        cluster.settle()
        rows = cluster.observed.allocations
        values = [(key.partition("/")[0], value) for key, value in rows.items()]
        assert len(set(values)) == len(values)
        addresses = [one for one in given(cluster).values() if one]
        assert len(set(addresses)) == len(addresses)
        assert set(announced(cluster)) <= set(addresses)
        view = project_view(cluster.observed, cluster.policy, cluster.now)
        numbers = [(one.name, port.node_port) for one in view.services for port in one.ports if port.node_port]
        assert len({number for _, number in numbers}) == len(set(numbers))
