"""Load balancers and machines of a provider: what it is asked, and what its answers do."""

from collections.abc import Callable
from typing import Any

from reconciler.controller.provider import ProviderBoard
from reconciler.model.errors import TransientError
from reconciler.model.external import Announced
from reconciler.model.plan import Decision, Plan
from reconciler.model.provider import Balanced, Instance, ProviderAnswer, ProviderRequest, ProviderState, Routed
from reconciler.planner.project import project_view
from reconciler.planner.services.provided import request_of
from tests.planner.world import Cluster, replace

WEB = """---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: LoadBalancer
  loadBalancerClass: reconciler.dev/provider
  loadBalancerSourceRanges: [10.0.0.0/8]
  ports: [{name: http, port: 80, nodePort: 30080}]
"""

POD = """---
apiVersion: v1
kind: Pod
metadata: {name: one}
spec: {containers: [{name: app, image: "busybox:1"}]}
"""


def answered(*balanced: Balanced, instances: tuple[Instance, ...] = (), error: str = "") -> ProviderState:
    """What a provider told."""
    answer = ProviderAnswer(api_version="v", instances=instances, load_balancers=balanced)
    return ProviderState(answer=answer, error=error)


def told(cluster: Cluster, state: ProviderState | None) -> list[Plan]:
    """Let the provider tell something, and everything settle."""
    cluster.observed = replace(cluster.observed, provider=state)
    return cluster.settle()


def blocked(answer: Plan) -> str:
    """Return why the Service is blocked; nothing when it is not."""
    return "".join(one.message for one in answer.verdicts if one.decision is Decision.BLOCKED)


def ingress(cluster: Cluster) -> list[str]:
    """Return where the Service is reached."""
    services: dict[str, Any] = cluster.of("Service")
    return [one.ip or one.hostname for one in services["web"].status.load_balancer.ingress]


def test_a_service_follows_its_provider() -> None:
    """Without one, without an answer, with an address, with a name, with an error."""
    cluster = Cluster()
    cluster.push(WEB)
    cluster.settle()
    assert "needs a provider (setting provider.script)" in blocked(cluster.plan())
    told(cluster, ProviderState())
    assert blocked(cluster.plan()) == "the provider has given no address yet"
    told(cluster, ProviderState(error="it failed"))
    assert blocked(cluster.plan()) == "it failed"
    plans = told(cluster, answered(Balanced(namespace="default", name="web", ip="192.0.2.9")))
    assert ingress(cluster) == ["192.0.2.9"] and not blocked(cluster.plan())
    happened = [(one.reason, one.message) for plan in plans for one in plan.happenings]
    assert ("EnsuredLoadBalancer", "the provider gave 192.0.2.9") in happened
    told(cluster, answered(Balanced(namespace="default", name="web", hostname="lb.example.org")))
    assert ingress(cluster) == ["lb.example.org"]
    # What is not told keeps what was; an error takes it back.
    told(cluster, answered(error="it failed"))
    assert ingress(cluster) == ["lb.example.org"] and not blocked(cluster.plan())
    told(cluster, answered(Balanced(namespace="default", name="web", error="no quota")))
    assert ingress(cluster) == [] and blocked(cluster.plan()) == "the provider says: no quota"
    view = project_view(cluster.observed, cluster.policy, cluster.now)
    assert view.announced == () and not any(isinstance(one, Announced) for one in view.announced)


def test_a_node_is_labelled_with_what_is_known_of_its_machine() -> None:
    """Zone, region, type and name; nothing where nothing is known."""
    cluster = Cluster(nodes=("node-1", "node-2"))
    cluster.settle()
    told(cluster, answered(instances=(Instance(node="node-1", provider_id="x://1", zone="a", region="r", type="m"),)))
    nodes: dict[str, Any] = cluster.of("Node")
    assert nodes["node-1"].spec.provider_id == "x://1" and nodes["node-2"].spec.provider_id == ""
    labels = nodes["node-1"].metadata.labels
    assert labels["topology.kubernetes.io/zone"] == "a" and labels["topology.kubernetes.io/region"] == "r"
    assert labels["node.kubernetes.io/instance-type"] == "m"
    assert "topology.kubernetes.io/zone" not in nodes["node-2"].metadata.labels
    zones = {one.node: one.zone for one in project_view(cluster.observed, cluster.policy, cluster.now).peers}
    assert zones == {"node-1": "a", "node-2": ""}
    told(cluster, answered(instances=(Instance(node="node-1", provider_id="x://1", zone="b"),)))
    nodes = cluster.of("Node")
    assert nodes["node-1"].metadata.labels["topology.kubernetes.io/zone"] == "b"
    assert cluster.plan().is_empty


def routes(cluster: Cluster) -> dict[str, tuple[str, str, list[str]]]:
    """Return of every node whether its network is there: status and reason of the condition, and its taints."""
    found = {}
    for name, node in cluster.of("Node").items():
        one = next((one for one in node.status.conditions if one.type == "NetworkUnavailable"), None)
        taints = [f"{taint.key}:{taint.effect}" for taint in node.spec.taints]
        found[name] = (one.status, one.reason, taints) if one is not None else ("", "", taints)
    return found


def test_a_node_without_a_route_to_its_pods_takes_none() -> None:
    """By Kubernetes' condition and taint; a provider that sees to no routes says nothing of them."""
    cluster = Cluster(nodes=("node-1", "node-2"))
    cluster.settle()
    assert [(one.node, one.node_address, one.pod_cidr) for one in request_of(cluster.observed).routes] == [
        ("node-1", "10.0.0.1", "10.42.0.0/24"),
        ("node-2", "10.0.0.1", "10.42.1.0/24"),
    ]
    unheard = cluster.observed.nodes["node-2"].observation
    assert unheard is not None and unheard.facts.host is not None
    host = replace(unheard.facts.host, address="")
    facts = replace(unheard.facts, host=host)
    nodes = dict(cluster.observed.nodes)
    nodes["node-2"] = replace(nodes["node-2"], observation=replace(unheard, facts=facts))
    assert [one.node for one in request_of(replace(cluster.observed, nodes=nodes)).routes] == ["node-1"]
    away = ("True", "NoRouteCreated", ["node.kubernetes.io/network-unavailable:NoSchedule"])
    there = ("False", "RouteCreated", [])
    none = ("", "", [])
    said = (Routed(node="node-1"), Routed(node="node-2", error="the table is full"))
    told(cluster, ProviderState(answer=ProviderAnswer(api_version="v", routes=said)))
    assert routes(cluster) == {"node-1": none, "node-2": none}
    answer = ProviderAnswer(api_version="v", capabilities=("routes",), routes=said)
    plans = told(cluster, ProviderState(answer=answer))
    assert routes(cluster) == {"node-1": there, "node-2": away}
    warning = "node/node-2 gets no Pods: the provider has no route to them: the table is full"
    assert cluster.plan().warnings == (warning,)
    happened = [(one.object.name, one.reason, one.message) for plan in plans for one in plan.happenings]
    message = "the provider has no route to the node's Pods: the table is full"
    assert happened.count(("node-2", "FailedToCreateRoute", message)) == 1
    assert {one.type for plan in plans for one in plan.happenings if one.reason == "FailedToCreateRoute"} == {"Warning"}
    cluster.push(POD)
    cluster.settle()
    assert cluster.of("Pod")["one"].spec.node_name == "node-1"
    # After a start, until it answers, what it said before holds.
    told(cluster, ProviderState())
    assert routes(cluster) == {"node-1": there, "node-2": away}
    told(cluster, ProviderState(answer=replace(answer, routes=(Routed(node="node-2"),))))
    assert routes(cluster) == {"node-1": away, "node-2": there}
    told(cluster, None)
    assert routes(cluster) == {"node-1": none, "node-2": none}


def test_a_question_names_everything_that_is_wanted() -> None:
    """Nodes that are ready, and the load balancers of this class."""
    cluster = Cluster(nodes=("node-1", "node-2"))
    cluster.push(WEB + "---\n" + WEB.replace("web", "ours").replace("provider", "pool").replace("30080", "30081"))
    cluster.settle()
    asked = request_of(cluster.observed)
    assert [(one.name, one.address, one.is_fit) for one in asked.nodes] == [
        ("node-1", "10.0.0.1", True),
        ("node-2", "10.0.0.1", True),
    ]
    (web,) = asked.load_balancers
    assert (web.namespace, web.name, web.source_ranges, web.external_traffic_policy) == (
        "default",
        "web",
        ("10.0.0.0/8",),
        "Cluster",
    )
    assert [(one.port, one.node_port) for one in web.ports] == [(80, 30080)]


class Stubborn:
    """A provider that answers, then fails, then answers otherwise."""

    def __init__(self) -> None:
        self.asked = 0

    def ask(self, request: ProviderRequest) -> ProviderAnswer:
        """Answer, every second time."""
        self.asked += 1
        if self.asked == 2:
            raise TransientError("it is away")
        return ProviderAnswer(api_version="v", instances=(Instance(node="n", zone=str(self.asked // 3)),))


def test_the_board_keeps_what_was_told_and_wakes_the_loop_when_it_differs() -> None:
    """A failure keeps the last answer; nobody is asked by a daemon that does not lead."""
    cluster, looks = Cluster(), []
    provider = Stubborn()
    board = ProviderBoard(provider, lambda: cluster.observed, looks.append)
    board.ask()
    assert provider.asked == 0 and board.state == ProviderState()
    cluster.observed = replace(cluster.observed, term=1)
    board.ask()
    first = board.state
    assert first.answer is not None and looks == ["provider"]
    board.ask()
    assert board.state == replace(first, error="it is away")
    board.ask()
    assert board.state.error == "" and board.state.answer != first.answer
    board.ask()
    assert looks == ["provider"] * 3


class Nested(Stubborn):
    """A provider during whose answer it is time to ask again."""

    again: Callable[[], None]

    def ask(self, request: ProviderRequest) -> ProviderAnswer:
        """Answer."""
        self.again()
        return super().ask(request)


def test_a_provider_that_takes_longer_than_its_interval_is_asked_one_question_at_a_time() -> None:
    """The next one comes with the interval after its answer."""
    cluster, provider = Cluster(), Nested()
    cluster.observed = replace(cluster.observed, term=1)
    board = ProviderBoard(provider, lambda: cluster.observed, lambda _: None)
    provider.again = board.ask
    board.ask()
    assert provider.asked == 1 and board.state.answer is not None
