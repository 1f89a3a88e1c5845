"""Ingresses through rollouts and faults: who asks never meets a Pod that has ended, and at rest all of it is served."""

import json
import random

import pytest

from reconciler.model.ingress import ProxyServer
from reconciler.model.kinds import Ingress, Pod
from reconciler.model.policy import Policy
from reconciler.model.status import Health
from reconciler.planner.health import health_of
from reconciler.planner.project import project_view
from reconciler.simulation.behaviour import SERVER
from reconciler.simulation.cluster import SimulatedCluster
from reconciler.simulation.world import Fault
from tests.planner.ingress.objects import ingress, path, rule, service
from tests.planner.world import desired

NODES = ("node-1", "node-2")
APPS = ("web", "api")


def workload(app: str, replicas: int, version: int) -> str:
    """A Deployment of some Pods of some version."""
    container = {"name": "app", "image": f"app:{version}"}
    template = {
        "metadata": {"labels": {"app": app}},
        "spec": {"terminationGracePeriodSeconds": 10, "containers": [container]},
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": app}}, "template": template}
    return json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": app}, "spec": spec})


class Story:
    """A cluster whose workloads and Ingresses one seed drives."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        images = {f"app:{version}": SERVER for version in range(10)}
        policy = Policy(digest_key="00" * 16)
        self.cluster = SimulatedCluster(NODES, ("main",), images, policy, choose=self.dice.randrange)
        self.pushes = 0

    def push(self) -> None:
        """Declare some Pods of some version, and some Ingresses that lead to them."""
        self.pushes += 1
        texts = [workload(app, self.dice.randint(2, 4), self.dice.randrange(10)) for app in APPS]
        texts += [service(app) for app in APPS]
        paths = [path("/", to="web"), path("/api", to="api")]
        texts += [ingress(f"i{n}", rule(f"h{n}.example", *paths)) for n in range(self.dice.randint(1, 3))]
        self.cluster.push(desired("\n---\n".join(texts), commit=f"c{self.pushes}"))
        self.cluster.acknowledge()

    def disturb(self) -> None:
        """Let something go wrong on a host."""
        host = self.dice.choice(list(self.cluster.hosts.values()))
        match self.dice.randrange(4):
            case 0:
                host.reboot()
            case 1:
                host.crash_agent()
                host.start_agent(keep_memory=self.dice.random() < 0.5)
            case 2:
                host.world.faults["programIngress"] = Fault(times=self.dice.randint(1, 3))
            case 3:
                host.world.kill_proxy()

    def servers(self, node: str) -> set[ProxyServer]:
        """Whom a node's proxy leads to."""
        proxy = self.cluster.hosts[node].world.proxy
        return {one for backend in (proxy.backends if proxy else ()) for one in backend.servers}

    def ready(self) -> set[str]:
        """The addresses of Pods that are ready."""
        pods = [one.object for ref, one in self.cluster.observed.objects.items() if ref.kind == "Pod"]
        return {one.status.pod_ip for one in pods if isinstance(one, Pod) and one.metadata.deletion_timestamp is None}


@pytest.mark.parametrize("seed", range(6))
def test_after_all_of_it_every_ingress_is_served(seed: int) -> None:
    """Every node runs with the newest, to the Pods that are there, and the Ingresses say so."""
    story = Story(seed)
    for _ in range(5):
        story.push()
        story.disturb()
        story.cluster.run_for(story.dice.choice((2.0, 15.0)))
    story.cluster.run_for(600.0)
    observed = story.cluster.observed
    view = project_view(observed, Policy(digest_key="00" * 16), story.cluster.now).ingress
    assert view is not None
    assert view.nodes == NODES
    for node in NODES:
        assert story.cluster.hosts[node].world.ingress.view == view.digest
        assert {one.address for one in story.servers(node)} == story.ready()
        assert not any(one.draining for one in story.servers(node))
    found = [one for ref, one in observed.objects.items() if ref.kind == "Ingress"]
    assert found
    for stored in found:
        assert isinstance(stored.object, Ingress)
        assert health_of(stored).health is Health.HEALTHY, stored.object.status
        assert len(stored.object.status.load_balancer.ingress) == len(NODES)


@pytest.mark.parametrize("seed", range(6))
def test_while_pods_are_replaced_nobody_is_led_to_one_that_has_ended(seed: int) -> None:
    """Without faults: proxies, even slow ones, know it before the Pod's processes are asked to end."""
    story = Story(seed)
    for host in story.cluster.hosts.values():
        host.world.durations["programIngress"] = 1.0
    story.push()
    story.cluster.run_for(120.0)
    wrong: list[str] = []

    def look(step: str) -> None:
        alive = {
            link.ip
            for host in story.cluster.hosts.values()
            for link in host.world.links.values()
            if any(
                fact.pod_uid == link.pod_uid and fact.role == "app" and fact.state == "running"
                for fact in host.world.engine.facts()
            )
        }
        for node in NODES:
            led = {one.address for one in story.servers(node) if not one.draining}
            wrong.extend(f"{node} {ip} after {step}" for ip in led - alive)

    for _ in range(4):
        story.push()
        story.cluster.run_for(60.0, look)
    assert not wrong
