"""How much processor time it takes to place many simple Pods on many nodes. The planner alone.

By itself: `python -m benchmarks.bench_placing`; with a profile: `... profile`.
"""

from __future__ import annotations

import cProfile
import pstats
import sys
import time

from msgspec.structs import replace

from benchmarks.bench_spread import in_zones
from benchmarks.row import Row
from reconciler.model.desired import DesiredState, RevisionInfo
from reconciler.model.observed import ObservedState
from reconciler.model.policy import Policy
from reconciler.planner.apply import apply_plan
from reconciler.planner.memo import Memo
from reconciler.planner.plan import plan
from reconciler.schema.validate import SourceFile, validate

NODES, PODS = 5_000, 10_000
MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: app-{number}, namespace: default}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: app-{number}}}}}
  template:
    metadata: {{labels: {{app: app-{number}}}}}
    spec:
      containers:
      - name: web
        image: example.org/shop/web:1
        resources: {{requests: {{cpu: {cpu}m, memory: 16Mi}}}}
"""
POLICY = Policy(digest_key="00" * 16)


def run() -> list[Row]:
    """Measure Pods of one template, and of many."""
    rows = []
    for templates in (1, 100):
        spent = measure(templates)
        work = f"place {PODS:,} Pods of {templates} templates on {NODES:,} nodes"
        note = f"{PODS / spent:,.0f} Pods/s"
        rows.append(Row(work, spent, budget="2,000 Pods/s", note=note))
    return rows


def measure(templates: int, profiler: cProfile.Profile | None = None) -> float:
    """Return how long the pass takes in which Pods that are there get their nodes."""
    now = time.time()
    texts = [
        MANIFEST.format(number=number, replicas=PODS // templates, cpu=10 + number).encode()
        for number in range(templates)
    ]
    result = validate([SourceFile(f"{n}.yaml", text, f"{n}") for n, text in enumerate(texts)])
    assert not result.problems, result.problems[:3]
    state = DesiredState(source="main", revision=RevisionInfo(commit="c" * 40), objects=result.objects)
    full = in_zones(now)
    waiting = waiting_pods(state, full, now)
    memo = Memo()
    placed: list[int] = []

    def place() -> None:
        placed.append(len(plan({"main": state}, waiting, POLICY, now, memo).actions))

    began = time.process_time()
    if profiler is None:
        place()
    else:
        profiler.runcall(place)
    spent = time.process_time() - began
    assert placed == [PODS], placed
    return spent


def waiting_pods(state: DesiredState, full: ObservedState, now: float) -> ObservedState:
    """Return the cluster with all Pods made while there was no node yet."""
    nodes = {ref: one for ref, one in full.objects.items() if ref.kind == "Node"}
    empty = replace(full, nodes={}, objects={})
    made = apply_plan(empty, plan({"main": state}, empty, POLICY, now, Memo()))
    return replace(made, nodes=full.nodes, objects={**made.objects, **nodes})


def main() -> None:
    """Print what is measured; with the word profile also where the time goes."""
    if "profile" in sys.argv:
        profiler = cProfile.Profile()
        measure(100, profiler)
        pstats.Stats(profiler).sort_stats("tottime").print_stats(35)
        return
    for row in run():
        print(f"{row.work}: {row.ours_s:.2f} s, {row.note}")


if __name__ == "__main__":
    main()
