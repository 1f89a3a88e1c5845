"""How long it takes to place Pods that are spread over zones and kept apart, on many nodes. The planner alone."""

from __future__ import annotations

import cProfile
import pstats
import sys
import time

from benchmarks.bench_tick import timed
from benchmarks.row import Row
from reconciler.model.desired import DesiredState, RevisionInfo
from reconciler.model.kinds import Node, ObjectMeta
from reconciler.model.node_report import HostFact, NodeFacts, Observation
from reconciler.model.observed import ClusterInfo, NodeState, ObservedState, SourceState, StoredObject
from reconciler.model.plan import Plan
from reconciler.model.policy import Policy
from reconciler.model.refs import ObjectRef
from reconciler.planner.memo import Memo
from reconciler.planner.plan import plan
from reconciler.schema.validate import SourceFile, validate
from reconciler.store.objects import Objects

NODES, ZONES, TEMPLATES, REPLICAS = 5_000, 10, 100, 50
MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: app-{number}, namespace: default}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: app-{number}}}}}
  template:
    metadata: {{labels: {{app: app-{number}, tier: {tier}}}}}
    spec:
      containers:
      - name: web
        image: example.org/shop/web:1
        resources: {{requests: {{cpu: 10m, memory: 16Mi}}}}
{rules}"""
RULES = """\
      topologySpreadConstraints:
      - maxSkew: 1
        topologyKey: topology.kubernetes.io/zone
        whenUnsatisfiable: DoNotSchedule
        labelSelector: {{matchLabels: {{app: app-{number}}}}}
      - maxSkew: 1
        topologyKey: kubernetes.io/hostname
        whenUnsatisfiable: ScheduleAnyway
        labelSelector: {{matchLabels: {{tier: {tier}}}}}
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - topologyKey: kubernetes.io/hostname
            labelSelector: {{matchLabels: {{app: app-{number}}}}}
        podAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
          - weight: 10
            podAffinityTerm:
              topologyKey: topology.kubernetes.io/zone
              labelSelector: {{matchLabels: {{tier: {tier}}}}}
"""


def run() -> list[Row]:
    """Measure the same Pods with these rules and without any."""
    free, _ = measure("")
    ruled, pods = measure(RULES)
    size = f"{pods:,} Pods of {TEMPLATES} templates with spread and anti-affinity on {NODES:,} nodes"
    return [Row(size, ruled, (("the same without any rule", free),), "500 Pods/s", note=f"{pods / ruled:,.0f} Pods/s")]


def measure(rules: str) -> tuple[float, int]:
    """Plan all Pods from nothing; return how long it took, and how many were placed."""
    now = time.time()
    texts = [manifest(number, rules) for number in range(TEMPLATES)]
    result = validate([SourceFile(f"{n}.yaml", text.encode(), f"{n}") for n, text in enumerate(texts)])
    assert not result.problems, result.problems[:3]
    state = DesiredState(source="main", revision=RevisionInfo(commit="c" * 40), objects=result.objects)
    observed, plans = in_zones(now), list[Plan]()
    policy = Policy(digest_key="00" * 16)
    spent = timed(lambda: plans.append(plan({"main": state}, observed, policy, now, Memo())))
    assert len(plans[0].actions) == TEMPLATES * REPLICAS, len(plans[0].actions)
    return spent, len(plans[0].actions)


def manifest(number: int, rules: str) -> str:
    """Return a Deployment; every tenth template is of the same tier."""
    tier = f"tier-{number % 10}"
    return MANIFEST.format(number=number, tier=tier, replicas=REPLICAS, rules=rules.format(number=number, tier=tier))


def in_zones(now: float) -> ObservedState:
    """Return nodes that are heard, each in one of the zones, and nothing else."""
    host = HostFact(boot_id="b", address="10.0.0.1", cpu_millis=64_000, memory_bytes=2**38, pods_max=500)
    nodes, objects = {}, []
    for number in range(NODES):
        name = f"node-{number}"
        facts = NodeFacts(node=name, observed_at=now, host=host)
        seen = Observation(node=name, boot_id="b", sequence=1, observed_at=now, generation=1, facts=facts)
        nodes[name] = NodeState(name=name, heartbeat_at=now, observation=seen)
        labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": f"zone-{number % ZONES}"}
        node = Node(metadata=ObjectMeta(name=name, uid=name, labels=labels))
        ref = ObjectRef(kind="Node", name=name)
        objects.append((ref, StoredObject(ref=ref, object=node, manager="api")))
    info = ClusterInfo(id="bench", pod_cidr="10.0.0.0/8", service_cidr="172.16.0.0/12")
    sources = {"main": SourceState(name="main", loaded=True)}
    return ObservedState(cluster=info, nodes=nodes, objects=Objects().changed(objects), sources=sources)


def main() -> None:
    """Print what is measured; with the word profile also where the time goes."""
    if "profile" in sys.argv:
        profiler = cProfile.Profile()
        profiler.runcall(measure, RULES)
        pstats.Stats(profiler).sort_stats("tottime").print_stats(40)
    for row in run():
        print(f"{row.work}: {row.ours_s:.2f} s, {row.others_s}, {row.note}")


if __name__ == "__main__":
    main()
