"""Addresses of Pods that have gone: nobody is let through in the place of the one before."""

import pytest
from msgspec.structs import replace

from reconciler.model.kinds import Pod
from reconciler.model.policy import Policy
from reconciler.planner.node.addresses import REST_S
from reconciler.simulation.behaviour import SERVER
from reconciler.simulation.cluster import SimulatedCluster
from tests.planner.networkpolicy_judge import passes
from tests.planner.world import desired

SLOW_S = 300.0
WORKLOAD = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {app}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {app}}}}}
  template:
    metadata: {{labels: {{app: {app}}}}}
    spec:
      nodeSelector: {{kubernetes.io/hostname: {node}}}
      terminationGracePeriodSeconds: 1
      containers: [{{name: app, image: "app:1"}}]
"""
POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: db}}}]}]}
"""


class Small:
    """Two hosts with room for five addresses each: `web` on one lets `db` in, which is on the other."""

    def __init__(self) -> None:
        self.cluster = SimulatedCluster(
            ("node-1", "node-2"), ("main",), {"app:1": SERVER}, Policy(digest_key="00" * 16)
        )
        store = self.cluster.store
        store.observed = replace(store.observed, cluster=replace(store.observed.cluster, node_prefix=29))
        self.let_in: list[str] = []
        self.push(db=3)

    def push(self, **replicas: int) -> None:
        """Declare so many of each on the second host."""
        texts = [POLICY, WORKLOAD.format(app="web", replicas=1, node="node-1")]
        texts += [WORKLOAD.format(app=app, replicas=count, node="node-2") for app, count in replicas.items()]
        self.cluster.push(desired("---".join(texts), commit=str(replicas)))
        self.cluster.acknowledge()

    def pods(self, app: str) -> list[Pod]:
        """The Pods of a workload that have an address."""
        found = [one.object for one in self.cluster.observed.objects.values() if isinstance(one.object, Pod)]
        return [one for one in found if one.metadata.labels["app"] == app and one.status.pod_ip]

    def run_for(self, seconds: float) -> None:
        """Let time pass, and note whoever else than `db` the host of `web` would let in."""
        self.cluster.run_for(seconds, self._look)

    def _look(self, step: str) -> None:
        (web,) = self.pods("web") or [None]
        program = self.cluster.hosts["node-1"].world.policies
        if web is None or program is None:
            return
        for one in self.pods("jobs"):
            if passes(program.rules, "ingress", web.status.pod_ip or "", one.status.pod_ip or "", "TCP", 80):
                self.let_in.append(f"{one.metadata.name} after {step}")


@pytest.mark.parametrize("is_new_daemon", [False, True])
def test_an_address_waits_until_every_host_has_forgotten_who_had_it(is_new_daemon: bool) -> None:
    """However long a host takes for its rules, and though the daemon that saw the Pod go has ended."""
    small = Small()
    small.run_for(60.0)
    assert len(small.pods("db")) == 3
    small.cluster.hosts["node-1"].world.durations["programPolicies"] = SLOW_S
    small.push(jobs=5)
    small.run_for(REST_S / 2)
    if is_new_daemon:
        small.cluster.crash_daemon()
        small.cluster.start_daemon()
    small.run_for(SLOW_S / 2)
    assert len(small.pods("jobs")) == 2
    small.cluster.hosts["node-1"].world.durations["programPolicies"] = 0.0
    small.run_for(2 * SLOW_S)
    assert len(small.pods("jobs")) == 5
    assert small.let_in == []
