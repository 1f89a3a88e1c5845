"""Network policies through rollouts and faults: no Pod is wired without its rules, and at rest they are right."""

import random

import pytest

from reconciler.model.kinds import Pod
from reconciler.model.policy import Policy
from reconciler.simulation.behaviour import SERVER
from reconciler.simulation.cluster import SimulatedCluster
from reconciler.simulation.world import Fault
from tests.planner.networkpolicy_judge import Judge, passes
from tests.planner.world import desired

NODES = ("node-1", "node-2", "node-3")
APPS = ("web", "db", "jobs")
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
      terminationGracePeriodSeconds: 5
      containers: [{{name: app, image: "app:{version}", ports: [{{name: http, containerPort: 80}}]}}]
"""
POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {name}}}
spec: {spec}
"""
DENY = "{podSelector: {}, policyTypes: [Ingress, Egress]}"
SPECS = (
    DENY,
    "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: db}}}]}]}",
    "{podSelector: {matchLabels: {app: db}}, egress: [{to: [{podSelector: {matchLabels: {app: web}}}]}]}",
    "{podSelector: {}, egress: [{to: [{namespaceSelector: {}}], ports: [{port: 53, protocol: UDP}]}]}",
    "{podSelector: {matchLabels: {app: web}}, ingress: [{ports: [{port: http}]}]}",
    "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}",
)


class Story:
    """A cluster whose workloads and policies one seed drives."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.cluster = SimulatedCluster(
            NODES,
            ("main",),
            {f"app:{version}": SERVER for version in range(10)},
            Policy(digest_key="00" * 16),
            choose=self.dice.randrange,
        )
        self.pushes = 0

    def push(self, *specs: str) -> None:
        """Declare some Pods of some version, and these policies."""
        self.pushes += 1
        texts = [
            WORKLOAD.format(app=app, replicas=self.dice.randint(1, 4), version=self.dice.randrange(10)) for app in APPS
        ]
        texts += [POLICY.format(name=f"p{SPECS.index(spec)}", spec=spec) for spec in specs]
        self.cluster.push(desired("---".join(texts), commit=f"c{self.pushes}"))
        self.cluster.acknowledge()

    def disturb(self, *, damage: bool) -> None:
        """Let something go wrong on a host."""
        host = self.dice.choice(list(self.cluster.hosts.values()))
        match self.dice.randrange(5 if damage else 4):
            case 0:
                host.reboot()
            case 1:
                host.crash_agent()
                host.start_agent(keep_memory=self.dice.random() < 0.5)
            case 2:
                host.world.faults["programPolicies"] = Fault(times=self.dice.randint(1, 3))
            case 3:
                host.world.durations["programPolicies"] = self.dice.choice((0.0, 0.5, 5.0))
            case 4:
                host.world.flush_policies()

    def wired(self) -> list[tuple[str, str]]:
        """Node and address of every Pod that has a link."""
        return [(host.name, link.ip) for host in self.cluster.hosts.values() for link in host.world.links.values()]

    def isolated(self, node: str, ip: str) -> bool:
        """Whether a host's rules isolate an address in both directions."""
        program = self.cluster.hosts[node].world.policies
        pods = program.rules.pods if program is not None else ()
        return any(one.ip == ip and one.ingress and one.egress for one in pods)


@pytest.mark.parametrize("seed", range(6))
def test_under_a_default_denial_no_pod_is_ever_without_rules(seed: int) -> None:
    """At any step of rollouts, reboots, crashes and effects that fail or are slow."""
    story = Story(seed)
    free: list[str] = []

    def look(step: str) -> None:
        free.extend(f"{node} {ip} after {step}" for node, ip in story.wired() if not story.isolated(node, ip))

    for _ in range(5):
        story.push(DENY, *story.dice.sample(SPECS[1:], 2))
        story.disturb(damage=False)
        story.cluster.run_for(story.dice.choice((3.0, 20.0)), look)
    assert story.wired()
    assert free == []


@pytest.mark.parametrize("seed", range(6))
def test_at_rest_the_rules_are_what_the_manifests_say(seed: int) -> None:
    """Whatever was declared, damaged and lost on the way."""
    story = Story(100 + seed)
    for _ in range(4):
        story.push(*story.dice.sample(SPECS, story.dice.randint(0, 4)))
        story.disturb(damage=True)
        story.cluster.run_for(story.dice.choice((3.0, 20.0)))
    story.cluster.run_for(400.0)
    objects = dict(story.cluster.observed.objects)
    judge = Judge(objects)
    pods = [one.object for one in objects.values() if isinstance(one.object, Pod) and one.object.status.pod_ip]
    assert pods
    homes = {one.status.pod_ip: one.spec.node_name for one in pods}
    worlds = {name: host.world.policies for name, host in story.cluster.hosts.items()}
    rules = {name: program.rules if program is not None else None for name, program in worlds.items()}
    for source in (*homes, "192.0.2.1", "203.0.113.1"):
        for target in (*homes, "192.0.2.1", "169.254.20.10"):
            for protocol, port in (("TCP", 80), ("TCP", 81), ("UDP", 53)):
                leaves = passes(rules.get(homes.get(source, "")), "egress", source, target, protocol, port)
                enters = passes(rules.get(homes.get(target, "")), "ingress", target, source, protocol, port)
                wanted = judge.lets_through(source, target, protocol, port)
                assert (leaves and enters) == wanted, (source, target, protocol, port)
