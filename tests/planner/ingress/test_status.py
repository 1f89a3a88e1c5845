"""Where Ingresses say that they are served, when they are healthy, and what is told once."""

from reconciler.model.kinds import Ingress
from reconciler.model.plan import Plan
from reconciler.model.status import Health
from reconciler.planner.health import health_of
from tests.planner.ingress.objects import cluster_of, ingress, path, push, rule, seen, serve, service, told
from tests.planner.world import Cluster, replace


def addresses(cluster: Cluster, name: str = "web") -> list[str]:
    """Return where an Ingress is served."""
    found = cluster.of("Ingress")[name]
    assert isinstance(found, Ingress)
    return [one.ip for one in found.status.load_balancer.ingress]


def health(cluster: Cluster, name: str = "web") -> Health:
    """Return how an Ingress is."""
    (found,) = (one for ref, one in cluster.observed.objects.items() if (ref.kind, ref.name) == ("Ingress", name))
    return health_of(found).health


def happened(plans: list[Plan]) -> list[str]:
    """Return what was told of Ingresses."""
    return [one.reason for plan in plans for one in plan.happenings if one.object.kind == "Ingress"]


def test_an_ingress_is_served_where_nodes_say_so() -> None:
    """Not before; one node alone does not make it healthy while the other is to serve, too."""
    cluster = cluster_of(service(), ingress("web", rule("a")), nodes=("n1", "n2"))
    assert (addresses(cluster), health(cluster)) == ([], Health.PROGRESSING)
    serve(cluster, "n1", able=True)
    assert (addresses(cluster), health(cluster)) == (["10.0.0.1"], Health.PROGRESSING)
    serve(cluster, "n1", "n2")
    assert (addresses(cluster), health(cluster)) == (["10.0.0.1", "10.0.0.2"], Health.HEALTHY)


def test_a_change_is_healthy_once_nodes_have_it() -> None:
    """Until then it stays served as it was, and a new one is not."""
    cluster = cluster_of(service(), ingress("web", rule("a")))
    serve(cluster, "node-1")
    old = seen(cluster).digest
    serve(cluster, "node-1", view=old)
    push(cluster, service(), ingress("web", rule("b")), ingress("new", rule("c")))
    assert (addresses(cluster), health(cluster)) == (["10.0.0.1"], Health.PROGRESSING)
    assert addresses(cluster, "new") == []
    serve(cluster, "node-1")
    assert (health(cluster), addresses(cluster, "new")) == (Health.HEALTHY, ["10.0.0.1"])


def test_a_silent_node_serves_nobody_knows() -> None:
    """Its address goes once its lease has ended."""
    cluster = cluster_of(service(), ingress("web", rule("a")))
    serve(cluster, "node-1")
    assert addresses(cluster) == ["10.0.0.1"]
    states = {name: replace(one, heartbeat_at=cluster.now - 3600) for name, one in cluster.observed.nodes.items()}
    cluster.observed = replace(cluster.observed, nodes=states)
    cluster.report = lambda: None  # type: ignore[method-assign]
    cluster.tick()
    assert addresses(cluster) == []


def test_what_keeps_a_node_from_serving_is_told_once() -> None:
    """Such as a port that another program has; it ends with the cause."""
    cluster = cluster_of(service(), ingress("web", rule("a")))
    serve(cluster, "node-1", view="", error="port 80 of this host is in use by apache2 (process 7)")
    assert told(cluster, "web") == "NotServed: node node-1: port 80 of this host is in use by apache2 (process 7)"
    assert happened([cluster.tick(), cluster.tick()]) == []
    (stored,) = (one for ref, one in cluster.observed.objects.items() if ref.kind == "Ingress")
    judged = health_of(stored)
    assert (judged.health, judged.reason) == (Health.PROGRESSING, "NotServed")
    assert judged.message.startswith("node node-1: port 80 ")
    serve(cluster, "node-1")
    assert (told(cluster, "web"), health(cluster)) == ("", Health.HEALTHY)


def test_an_ingress_of_others_is_none_of_ours_to_judge() -> None:
    """It is told once, has no address, and holds nothing up."""
    cluster = Cluster()
    cluster.push("\n---\n".join((service(), ingress("web", rule("a"), spec={"ingressClassName": "nginx"}))))
    assert happened(cluster.settle()) == ["NotServed"]
    assert (addresses(cluster), health(cluster)) == ([], Health.HEALTHY)
    assert happened(cluster.settle()) == []


def test_news_are_told_and_old_ones_are_not_repeated() -> None:
    """Of two faults the second comes later: only that one is an event."""
    cluster = cluster_of(service(), ingress("web", rule("a", path("/x", to="no"))))
    cluster.push("\n---\n".join((service(), ingress("web", rule("a", path("/x", to="no"), path("/y", port=9))))))
    assert happened(cluster.settle()) == ["NoSuchBackend"]
    assert len(told(cluster, "web").split("\n")) == 2


def test_nothing_is_left_to_do() -> None:
    """P09: served or not, the plan is empty."""
    cluster = cluster_of(service(), ingress("web", rule("a")), ingress("other", rule("b", path("/x", to="no"))))
    assert cluster.plan().is_empty
    serve(cluster, "node-1")
    assert cluster.plan().is_empty
