"""An autoscaler in a cluster of virtual time: load comes and goes, processes die, and numbers stay within bounds."""

import random
from typing import cast

import pytest

from reconciler.model.kinds import Deployment, HorizontalPodAutoscaler
from reconciler.model.node_report import ContainerFact
from reconciler.model.observed import ObservedState
from reconciler.model.plan import Plan
from reconciler.model.policy import Policy
from reconciler.model.refs import ObjectRef
from reconciler.simulation.behaviour import SERVER
from reconciler.simulation.cluster import SimulatedCluster
from tests.planner.world import desired

WEB = ObjectRef.of("Deployment", "default", "web")
HPA = ObjectRef.of("HorizontalPodAutoscaler", "default", "web")
SEEDS = range(6)
# Until the last reading is forgotten, the window of shrinking is over, and every Pod had its turn.
CALM_S = 1500.0
MANIFESTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: {declared}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 2
      containers: [{{name: app, image: "{image}", resources: {{requests: {{cpu: 100m}}}}}}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: web}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: web}}
  minReplicas: {least}
  maxReplicas: {most}
  metrics: [{{type: Resource, resource: {{name: cpu, target: {{type: Utilization, averageUtilization: 50}}}}}}]
"""


class Story:
    """One seed: what is declared, how much there is to do, who dies when."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.least = self.dice.choice((1, 1, 2, 3))
        self.most = self.least + self.dice.choice((0, 2, 5, 9))
        self.declared = self.dice.randint(1, 12)
        self.cores = 0.0
        self.commits = 0
        self.has_scaled = False
        self.cluster = SimulatedCluster(
            ("node-1", "node-2"),
            ("main",),
            {"app:1": SERVER, "app:2": SERVER},
            Policy(digest_key="00" * 16),
            choose=self.dice.randrange,
            planned=self._planned,
        )
        for host in self.cluster.hosts.values():
            host.world.load.cores = self._share

    def _share(self, _: ContainerFact) -> float:
        """What there is to do is shared by what runs."""
        engines = [host.world.engine for host in self.cluster.hosts.values()]
        running = [one for engine in engines for one in engine.facts() if one.state == "running" and one.role == "app"]
        return min(self.cores / max(len(running), 1), 1.0)

    def _planned(self, _: ObservedState, answer: Plan) -> None:
        """Safety: once the autoscaler has a word, the number is within its bounds."""
        autoscaler = self.cluster.observed.objects.get(HPA)
        self.has_scaled = self.has_scaled or bool(
            autoscaler and cast(HorizontalPodAutoscaler, autoscaler.object).status.conditions
        )
        if self.has_scaled:
            assert self.least <= self.replicas <= self.most, (self.cluster.now, self.replicas, answer.verdicts)

    @property
    def replicas(self) -> int:
        """How many Pods are wanted."""
        return cast(Deployment, self.cluster.observed.objects[WEB].object).spec.replicas

    def push(self, image: str) -> None:
        """Push; the number in it is never the one that counts."""
        self.commits += 1
        text = MANIFESTS.format(declared=self.declared, image=image, least=self.least, most=self.most)
        self.cluster.push(desired(text, commit=f"c{self.commits}"))

    def turn(self) -> None:
        """Something happens."""
        cluster = self.cluster
        host = self.dice.choice(sorted(cluster.hosts.values(), key=lambda one: one.name))
        match self.dice.randrange(6):
            case 0 | 1:
                self.cores = self.dice.choice((0.0, 0.05, 0.1, 0.3, 1.0))
            case 2:
                cluster.crash_daemon()
                cluster.run_for(self.dice.choice((1.0, 40.0)))
                cluster.start_daemon()
                self.push("app:1")
            case 3:
                host.crash_agent()
                cluster.run_for(self.dice.choice((1.0, 40.0)))
                host.start_agent()
            case 4:
                host.link.is_connected = False
                cluster.run_for(self.dice.choice((20.0, 90.0)))
                host.link.is_connected = True
            case _:
                self.declared = self.dice.randint(1, 12)
                self.push(self.dice.choice(("app:1", "app:2")))

    def run(self) -> None:
        """Tell it to the end: after the last turn the number settles, and fits the load."""
        self.push("app:1")
        self.cluster.run_for(60)
        for _ in range(8):
            self.turn()
            self.cluster.run_for(self.dice.choice((5.0, 20.0, 90.0)))
        self.cluster.run_for(CALM_S)
        settled, ticks = self.replicas, self.cluster.ticks
        self.cluster.run_for(300)
        assert self.replicas == settled
        # It looks every 15 seconds, and at rest nothing follows from that.
        assert self.cluster.ticks - ticks <= 60
        wanted = min(max(round(self.cores * 1000 / 50), self.least), self.most)
        assert abs(settled - wanted) <= max(1, round(wanted * 0.25)), (settled, wanted)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_story_of_load(seed: int) -> None:
    """Safety at every plan, and in the end a number that stays."""
    Story(seed).run()
