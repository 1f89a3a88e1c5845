"""How long it takes to place very many Pods, with rules and without, and then one more. The planner alone.

By itself: `python -m benchmarks.bench_placing_many [PODS NODES]`.
"""

from __future__ import annotations

import sys
import time

from msgspec.structs import replace

from benchmarks.bench_placing import POLICY, waiting_pods
from benchmarks.bench_planning import written
from benchmarks.bench_spread import MANIFEST, RULES, in_zones
from benchmarks.row import Row
from reconciler.model.desired import DesiredState, RevisionInfo
from reconciler.model.observed import ObservedState
from reconciler.model.plan import Plan
from reconciler.planner.memo import Memo
from reconciler.planner.plan import plan
from reconciler.schema.validate import SourceFile, validate
from reconciler.service.memory import settle
from reconciler.store.objects import Objects

SIZES = ((10_000, 1_000), (30_000, 5_000))
TEMPLATES = 100
# More Pods than these no workload may have.
OF_ONE = 20_000
Desired = dict[str, DesiredState]


def run() -> list[Row]:
    """Measure Pods of as few templates as may be and of many, and of as many with spread and anti-affinity."""
    return [row for pods, nodes in SIZES for row in measure_size(pods, nodes)]


def measure_size(pods: int, nodes: int) -> list[Row]:
    """Measure so many Pods on so many nodes; memory is collected as in the daemon."""
    settle()
    size = f"{pods:,} Pods on {nodes:,} nodes"
    fewest = -(-pods // OF_ONE)
    one, one_more = measure(pods, nodes, fewest, "")
    free, free_more = measure(pods, nodes, TEMPLATES, "")
    ruled, ruled_more = measure(pods, nodes, TEMPLATES, RULES)
    few, many, rules = _templates(fewest), _templates(TEMPLATES), "with spread and anti-affinity"
    return [
        Row(f"{size}, {few}", one, (), "2,000 Pods/s", f"{pods / one:,.0f} Pods/s"),
        Row(f"{size}, {many}", free, ((few, one),), "2,000 Pods/s", f"{pods / free:,.0f} Pods/s"),
        Row(
            f"{size}, {many} {rules}", ruled, ((f"{many}, no rule", free),), "500 Pods/s", f"{pods / ruled:,.0f} Pods/s"
        ),
        Row(f"  then one more Pod, {few}", one_more, (("a Pod of the first ones", one / pods),)),
        Row(f"  then one more Pod, {many}", free_more, (("a Pod of the first ones", free / pods),)),
        Row(f"  then one more Pod, {many} {rules}", ruled_more, (("a Pod of the first ones", ruled / pods),)),
    ]


def _templates(number: int) -> str:
    return "one template" if number == 1 else f"{number} templates"


def measure(pods: int, nodes: int, templates: int, rules: str) -> tuple[float, float]:
    """Return how long the pass takes in which all Pods get their nodes, and the one in which another does."""
    now, memo = time.time(), Memo()
    desired = declared_pods(pods, templates, rules)
    cluster = _on(nodes, now)
    observed = replace(waiting_pods(desired["main"], cluster, now), nodes=cluster.nodes)
    observed = replace(observed, objects=Objects().changed(observed.objects.items()))
    spent, answer = _pass(desired, observed, now, memo)
    assert len(answer.actions) == pods, len(answer.actions)
    observed = written(observed, answer)
    grown = declared_pods(pods, templates, rules, more=1)
    # The Pod is made and placed in one pass; what the first pass left to be told was told before.
    for _ in range(2):
        observed = written(observed, plan(desired, observed, POLICY, now, memo))
    more, answer = _pass(grown, observed, now, memo)
    assert len(answer.actions) == 1, len(answer.actions)
    return spent, more


def _pass(desired: Desired, observed: ObservedState, now: float, memo: Memo) -> tuple[float, Plan]:
    began = time.process_time()
    answer = plan(desired, observed, POLICY, now, memo)
    return time.process_time() - began, answer


def declared_pods(pods: int, templates: int, rules: str, more: int = 0) -> Desired:
    """Return so many Pods, declared by as many Deployments as there are templates."""
    files = []
    for number in range(templates):
        tier = f"tier-{number % 10}"
        told = rules.format(number=number, tier=tier)
        replicas = pods // templates + (more if number == 0 else 0)
        text = MANIFEST.format(number=number, tier=tier, replicas=replicas, rules=told)
        files.append(SourceFile(f"{number}.yaml", text.encode(), f"{number}-{replicas}"))
    result = validate(files)
    assert not result.problems, result.problems[:3]
    revision = RevisionInfo(commit=f"{more:040d}")
    return {"main": DesiredState(source="main", revision=revision, objects=result.objects)}


def _on(nodes: int, now: float) -> ObservedState:
    full = in_zones(now)
    some = {f"node-{number}" for number in range(nodes)}
    kept = [(ref, one) for ref, one in full.objects.items() if ref.name in some]
    states = {name: state for name, state in full.nodes.items() if name in some}
    return replace(full, nodes=states, objects=Objects().changed(kept))


def main() -> None:
    """Print what is measured."""
    sizes = ((int(sys.argv[1]), int(sys.argv[2])),) if len(sys.argv) > 2 else SIZES
    for row in (row for size in sizes for row in measure_size(*size)):
        print(f"{row.work}: {row.ours_s or 0:.4f} s {row.note} {row.others_s}", flush=True)


if __name__ == "__main__":
    main()
