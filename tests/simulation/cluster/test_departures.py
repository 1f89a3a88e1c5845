"""Pods end while requests come in: no node sends any to a container that was asked to end, be it slow or not."""

import random

import pytest

from reconciler.model.kinds import Pod
from reconciler.model.node import ServiceEntry
from reconciler.model.policy import Policy
from reconciler.planner.node.termination import NETWORK_WAIT_S
from reconciler.simulation.behaviour import SERVER
from reconciler.simulation.cluster import SimulatedCluster, SimulatedHost
from tests.planner.world import desired

NODES = ("node-1", "node-2", "node-3")
MANIFESTS = """
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec: {{selector: {{app: web}}, ports: [{{port: 80}}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 20
      containers: [{{name: app, image: "{image}"}}]
"""


class Requests:
    """Every node sends requests wherever its table leads, at any moment."""

    def __init__(self, slow_s: float, seed: int = 0) -> None:
        self.cluster = SimulatedCluster(
            NODES,
            ("main",),
            {"app:1": SERVER, "app:2": SERVER},
            Policy(digest_key="00" * 16),
            choose=random.Random(seed).randrange,
        )
        self.cluster.hosts["node-2"].world.durations["programServices"] = slow_s
        self.failed: list[str] = []
        self.asked_at: dict[str, float] = {}
        self.ended_at: dict[str, float] = {}
        # Every node is known before Pods come, so each has its share of them.
        self.cluster.run_for(1)

    @property
    def hosts(self) -> dict[str, SimulatedHost]:
        """The hosts by name."""
        return self.cluster.hosts

    def push(self, image: str, replicas: int = 6) -> None:
        """Declare the workload."""
        text = MANIFESTS.format(image=image, replicas=replicas)
        self.cluster.push(desired(text, commit=f"{image}-{replicas}"))

    def run_for(self, seconds: float) -> None:
        """Let time pass, with requests after every step."""
        self.cluster.run_for(seconds, self._send)

    def waits(self) -> list[float]:
        """How long each Pod waited between the request to end and the first signal."""
        return [at - self.asked_at[uid] for uid, at in self.ended_at.items()]

    def _send(self, step: str) -> None:
        now = self.cluster.now
        for ref, one in self.cluster.observed.objects.items():
            if ref.kind == "Pod" and isinstance(one.object, Pod) and one.object.metadata.deletion_timestamp:
                self.asked_at.setdefault(one.object.metadata.uid, now)
        ending = {}
        for host in self.hosts.values():
            for container in host.world.engine.containers.values():
                uid = container.fact.pod_uid
                if container.term_at is not None and container.fact.role == "app":
                    self.ended_at.setdefault(uid, now)
                    ending[uid] = container.fact.name
        for host in self.hosts.values():
            services = host.world.programmed.services if host.world.programmed is not None else ()
            for uid in _led_to(services) & ending.keys():
                self.failed.append(f"{now:.3f} {host.name} leads to {ending[uid]} after: {step}")


def _led_to(services: tuple[ServiceEntry, ...]) -> set[str]:
    targets = (target for service in services for port in service.ports for target in port.targets)
    return {one.pod_uid for target in targets for one in target.endpoints if one.ready}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("slow_s", [0.002, 0.4, 0.9])
def test_no_request_meets_a_container_that_was_asked_to_end(slow_s: float, seed: int) -> None:
    """Rolled and scaled while one node of three takes its time to change its table."""
    requests = Requests(slow_s, seed)
    requests.push("app:1")
    requests.run_for(60)
    requests.push("app:2")
    requests.run_for(120)
    requests.push("app:2", replicas=2)
    requests.run_for(60)
    assert len(requests.ended_at) == 10
    assert not requests.failed
    assert max(requests.waits()) < NETWORK_WAIT_S
    assert max(requests.waits()) >= slow_s


def test_a_node_that_is_too_slow_holds_nobody_up_for_longer_than_the_limit() -> None:
    """A table that takes a minute: Pods end two seconds after they were asked to."""
    requests = Requests(0.002)
    requests.push("app:1")
    requests.run_for(60)
    requests.hosts["node-2"].world.durations["programServices"] = 60.0
    requests.push("app:1", replicas=2)
    requests.run_for(30)
    # The slow one itself, which has two of the six, still works on its table.
    assert len(requests.ended_at) >= 2
    assert requests.failed
    assert max(requests.waits()) < NETWORK_WAIT_S + 0.1


def test_a_node_that_is_gone_is_not_waited_for() -> None:
    """Once its lease has expired; until then for two seconds."""
    requests = Requests(0.002)
    requests.push("app:1")
    requests.run_for(60)
    requests.hosts["node-3"].link.is_connected = False
    requests.run_for(5)
    requests.push("app:1", replicas=5)
    requests.run_for(90)
    requests.push("app:1", replicas=2)
    requests.run_for(30)
    first, *later = sorted(requests.waits(), reverse=True)
    assert NETWORK_WAIT_S <= first < NETWORK_WAIT_S + 0.1
    assert later
    assert max(later) < 0.1


def test_a_host_on_its_own_waits_only_for_its_own_table() -> None:
    """Nobody else could lead there."""
    requests = Requests(0.002)
    for name in NODES[1:]:
        del requests.cluster.hosts[name]
    observed = requests.cluster.store.observed
    requests.cluster.store.observed = type(observed)(
        cluster=observed.cluster, nodes={"node-1": observed.nodes["node-1"]}
    )
    assert requests.cluster.daemon is not None
    requests.cluster.start_daemon()
    requests.push("app:1")
    requests.run_for(60)
    requests.push("app:1", replicas=1)
    requests.run_for(30)
    assert len(requests.ended_at) == 5
    assert not requests.failed
    assert max(requests.waits()) < 0.02
