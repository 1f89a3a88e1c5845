"""What Pods cost that wait for room: a pass in which nothing changes, and one in which another comes. Planner alone.

By itself: `python -m benchmarks.bench_waiting`.
"""

from __future__ import annotations

import statistics
import time

from msgspec.structs import replace

from benchmarks.bench_placing import MANIFEST, POLICY
from benchmarks.bench_planning import written
from benchmarks.bench_spread import in_zones
from benchmarks.row import Row
from reconciler.model.desired import DesiredState, RevisionInfo
from reconciler.model.observed import ObservedState
from reconciler.planner.memo import Memo
from reconciler.planner.plan import plan
from reconciler.schema.validate import SourceFile, validate
from reconciler.store.objects import Objects

WAITING, REPEATS = 1_000, 9
FEW_NODES, MANY_NODES = 100, 1_000


def run() -> list[Row]:
    """Measure Pods of one template and of many, on few nodes and on many."""
    return [row for nodes in (FEW_NODES, MANY_NODES) for templates in (1, 100) for row in measure(templates, nodes)]


def measure(templates: int, nodes: int) -> list[Row]:
    """Return how long such passes take, once every waiting Pod has been told why it waits."""
    now = time.time()
    # What no node has, so that all of them wait.
    texts = [MANIFEST.format(number=n, replicas=WAITING // templates, cpu=70_000 + n) for n in range(templates)]
    observed, memo = _on(nodes, now), Memo()
    for _ in range(4):
        observed = written(observed, plan({"main": _declared(texts)}, observed, POLICY, now, memo))
    desired = {"main": _declared(texts)}
    plan(desired, observed, POLICY, now, memo)
    idle = []
    for _ in range(REPEATS):
        began = time.process_time()
        answer = plan(desired, observed, POLICY, now, memo)
        idle.append(time.process_time() - began)
        assert not answer.changes
        assert len(answer.blocked) == WAITING, len(answer.blocked)
    busy = []
    for number in range(REPEATS):
        more = [MANIFEST.format(number=f"more-{n}", replicas=1, cpu=10) for n in range(number + 1)]
        grown = {"main": _declared([*texts, *more])}
        for is_first in (True, False, False):
            began = time.process_time()
            answer = plan(grown, observed, POLICY, now, memo)
            if is_first:
                busy.append(time.process_time() - began)
                assert len(answer.actions) == 1
            observed = written(observed, answer)
    work = f"{WAITING:,} Pods of {templates} templates wait for one of {nodes:,} nodes"
    return [
        Row(f"{work}: nothing changes", statistics.median(idle)),
        Row(f"{work}: another Pod is placed", statistics.median(busy)),
    ]


def _on(nodes: int, now: float) -> ObservedState:
    full = in_zones(now)
    some = {f"node-{number}" for number in range(nodes)}
    kept = [(ref, one) for ref, one in full.objects.items() if ref.name in some]
    states = {name: state for name, state in full.nodes.items() if name in some}
    return replace(full, nodes=states, objects=Objects().changed(kept))


def _declared(texts: list[str]) -> DesiredState:
    result = validate([SourceFile(f"{n}.yaml", text.encode(), f"{n}") for n, text in enumerate(texts)])
    assert not result.problems, result.problems[:3]
    return DesiredState(source="main", revision=RevisionInfo(commit="c" * 40), objects=result.objects)


def main() -> None:
    """Print what is measured."""
    for row in run():
        print(f"{row.work}: {(row.ours_s or 0) * 1000:.1f} ms")


if __name__ == "__main__":
    main()
