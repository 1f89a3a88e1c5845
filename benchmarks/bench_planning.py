"""Plan many Pods on many nodes from nothing, and some more once they are bound. The planner alone."""

from __future__ import annotations

import time
from typing import cast

import msgspec
from msgspec.structs import replace

from benchmarks.bench_tick import DEPLOYMENTS, declared, manifest, timed
from benchmarks.row import Row
from reconciler.model.desired import RevisionInfo
from reconciler.model.node_report import HostFact, NodeFacts, Observation
from reconciler.model.observed import ClusterInfo, NodeState, ObservedState, SourceState
from reconciler.model.plan import Plan
from reconciler.model.policy import Policy
from reconciler.planner.apply import apply_plan
from reconciler.planner.memo import Memo
from reconciler.planner.plan import plan
from reconciler.service.memory import settle
from reconciler.store.objects import Objects

MANY_NODES = 1_000


def run() -> list[Row]:
    """Plan 10,000 Pods on 1,000 nodes from nothing, and one more Deployment once they are bound. Without a store.

    Memory is collected as in the daemon.
    """
    settle()
    memo, policy, now = Memo(), Policy(digest_key="00" * 16), time.time()
    observed = _many_nodes(now)
    desired = {"main": declared([manifest(number, replicas=10) for number in range(DEPLOYMENTS)], "c" * 40)}
    plans: list[Plan] = []
    first = timed(lambda: plans.append(plan(desired, observed, policy, now, memo)))
    pods = len(plans[0].actions)
    observed = written(observed, plans[0])
    observed = written(observed, plan(desired, observed, policy, now, memo))
    plan(desired, observed, policy, now, memo)
    more = [*desired["main"].objects, *declared([manifest(DEPLOYMENTS, replicas=10)], "d" * 40).objects]
    grown = {"main": replace(desired["main"], revision=RevisionInfo(commit="d" * 40), objects=tuple(more))}
    one = timed(lambda: plans.append(plan(grown, observed, policy, now, memo)))
    assert len(plans[1].actions) == 10
    bare = timed(lambda: msgspec.msgpack.encode(list(observed.objects.values())))
    other = (("encoding the same objects once", bare),)
    return [
        Row(f"{pods:,} Pods on {MANY_NODES:,} nodes, planned from nothing", first, other, "2,000 Pods/s"),
        Row(f"  {pods:,} Pods bound, one Deployment more", one, other, note="10 Pods placed"),
    ]


def _many_nodes(now: float) -> ObservedState:
    host = HostFact(boot_id="b", address="10.0.0.1", cpu_millis=64_000, memory_bytes=2**38, pods_max=500)
    nodes = {}
    for name in (f"node-{number}" for number in range(MANY_NODES)):
        facts = NodeFacts(node=name, observed_at=now, host=host)
        seen = Observation(node=name, boot_id="b", sequence=1, observed_at=now, generation=1, facts=facts)
        nodes[name] = NodeState(name=name, heartbeat_at=now, observation=seen)
    info = ClusterInfo(id="bench", pod_cidr="10.0.0.0/8", service_cidr="172.16.0.0/12")
    sources = {"main": SourceState(name="main", loaded=True)}
    return ObservedState(cluster=info, nodes=nodes, objects=Objects(), sources=sources)


def written(observed: ObservedState, answer: Plan) -> ObservedState:
    """What the store would hold after this plan, sharing what stays as its objects do."""
    after = apply_plan(observed, answer)
    refs = {change.ref for change in answer.changes} | {action.object for action in answer.actions}
    changed = cast(Objects, observed.objects).changed((ref, after.objects.get(ref)) for ref in refs)
    return replace(after, objects=changed)
