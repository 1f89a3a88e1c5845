"""One tick of the controller over a whole cluster: real loop and store, nodes that only report; beside the bare reads.

By itself: `python -m benchmarks.bench_tick [DEPLOYMENTS]`; with a profile of the ticks: `... DEPLOYMENTS profile`.
"""

from __future__ import annotations

import cProfile
import pstats
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import cast

import msgspec
from msgspec.structs import replace

from benchmarks.row import Row
from reconciler.controller.embedded import EmbeddedLink
from reconciler.controller.loading import Loaded
from reconciler.controller.loop import Controller
from reconciler.controller.remote import NodeLinks
from reconciler.controller.source import Reading
from reconciler.controller.tick import tick
from reconciler.model.agents import Heartbeat
from reconciler.model.desired import DesiredState, RevisionInfo
from reconciler.model.kinds import ContainerState, ContainerStateRunning, ContainerStatus, Deployment, PodCondition
from reconciler.model.node import Assignment, PodAssignment
from reconciler.model.node_report import HostFact, NodeFacts, Observation, PodReport
from reconciler.model.observed import ClusterInfo
from reconciler.model.policy import Policy
from reconciler.model.refs import ObjectRef
from reconciler.schema.validate import SourceFile, validate
from reconciler.service.memory import settle
from reconciler.store.index import Index
from reconciler.store.store import Store

SMALL, DEPLOYMENTS, REPLICAS, NODES, REPEATS = 50, 1_000, 3, 30, 9
DEADLINE_S = 240
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
        image: example.org/shop/web:{tag}
        ports: [{{containerPort: 8080}}]
        resources: {{requests: {{cpu: 10m, memory: 16Mi}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: app-{number}, namespace: default}}
spec:
  selector: {{app: app-{number}}}
  ports: [{{port: 80, targetPort: 8080}}]
"""


class Clock:
    """This machine's time."""

    def now(self) -> float:
        """Return Unix seconds."""
        return time.time()


class Nodes:
    """Hosts whose Pods are all ready as soon as they are assigned, behind the link that agents on other hosts have.

    Each fetches as soon as it is woken, within the tick: what it is sent is found and encoded in the time measured.
    """

    def __init__(self, clock: Clock) -> None:
        self.link = NodeLinks(EmbeddedLink(), clock)
        self.observations: dict[str, Observation] = {}
        self.views = 0
        self.seen = threading.Condition()
        self._cursors: dict[str, str] = {}

    def join(self) -> None:
        """Report every node, without Pods."""
        for number in range(NODES):
            name = f"node-{number}"
            host = HostFact(
                boot_id=name, address=f"10.0.0.{number}", cpu_millis=64_000, memory_bytes=2**38, pods_max=500
            )
            facts = NodeFacts(node=name, observed_at=time.time(), host=host)
            self.link.subscribe(name, partial(self._fetch, name))
            self.report(
                Observation(node=name, boot_id=name, sequence=0, observed_at=time.time(), generation=1, facts=facts)
            )

    def report(self, observation: Observation) -> None:
        """Send the next report of a node."""
        fresh = replace(observation, sequence=observation.sequence + 1, observed_at=time.time())
        self.observations[fresh.node] = fresh
        self.link.report(msgspec.json.decode(msgspec.json.encode(fresh), type=Observation), 0.0)

    def beat(self) -> None:
        """Tell that every node is there still."""
        for name, last in tuple(self.observations.items()):
            beat = Heartbeat(boot_id=name, of=last.sequence, sequence=last.sequence, observed_at=time.time())
            self.link.heartbeat(name, beat, 0.0)

    def flip(self) -> None:
        """Report one Pod of one node with the other readiness; return when every node was sent it."""
        observation = self.observations["node-1"]
        first, *others = observation.pods
        ready = first.conditions[0].status == "True"
        target = self.views + NODES
        self.report(replace(observation, pods=(_as_ready(first, not ready), *others)))
        with self.seen:
            assert self.seen.wait_for(lambda: self.views >= target, DEADLINE_S)

    def _fetch(self, node: str) -> None:
        """Take what there is for a node and report all of its Pods ready. Encoding is ours, decoding the nodes'."""
        documents = self.link.documents(node, self._cursors.get(node, ""))
        if documents is None:
            return
        msgspec.json.encode(documents)
        self._cursors[node] = documents.cursor
        if documents.assignment is not None:
            self.report(replace(self.observations[node], pods=tuple(_reports(documents.assignment))))
        if documents.view is not None or documents.view_delta is not None:
            with self.seen:
                self.views += 1
                self.seen.notify_all()


def run() -> list[Row]:
    """Measure a small cluster and a large one."""
    return [*measure(SMALL), *measure(DEPLOYMENTS)]


def measure(count: int, profile: bool = False) -> list[Row]:
    """Bring the cluster up, then measure a look, a tick without change, and a readiness flip."""
    with (
        tempfile.TemporaryDirectory(dir="/var/tmp") as directory,
        cluster(Path(directory) / "bench.db") as (one, nodes),
    ):
        first = timed(lambda: _roll_out(one, nodes, count))
        look = statistics.median(timed(lambda: _look(one)) for _ in range(REPEATS))
        profiler = cProfile.Profile()
        if profile:
            profiler.enable()
        full = statistics.median(timed(lambda: _tick(one)) for _ in range(REPEATS))
        profiler.disable()
        flip = statistics.median(_settled(one, nodes.flip) for _ in range(REPEATS))
        change = statistics.median(_change(one, count, tag) for tag in range(2, 2 + REPEATS))
        bare = timed(lambda: msgspec.msgpack.encode(list(one.index.objects.values())))
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(35)
    size = f"{count:,} Deployments, {count * REPLICAS:,} Pods, {count:,} Services"
    other = (("encoding the same objects once", bare),)
    return [
        Row(f"{size}: from a revision to all available", first, other, note="nodes report at once"),
        Row("  a look, nothing changed", look, other, "10 ms, no write"),
        Row("  a tick planned anew, nothing changed", full, other, "10 ms, no write"),
        Row(f"  one Pod's readiness flips -> the view sent to {NODES} nodes", flip, other),
        Row("  one Deployment changed: the mean tick of its rollout that plans", change, other, "20 ms"),
    ]


@contextmanager
def cluster(path: Path) -> Iterator[tuple[Controller, Nodes]]:
    """A leading controller on a database of its own, with nodes."""
    store = Store.open(f"sqlite:///{path}", key=bytes(32), clock=Clock())
    info = ClusterInfo(id="bench", pod_cidr="10.0.0.0/8", service_cidr="172.16.0.0/12")
    store.set_cluster(info)
    nodes = Nodes(Clock())
    controller = Controller(store, Index(store), info, Policy(digest_key="00" * 16), nodes.link, Clock(), "bench")
    controller.start()
    # As a daemon does once it has started.
    settle()
    renew = threading.Event()
    keeper = threading.Thread(target=lambda: _keep_going(controller, nodes, renew), daemon=True)
    keeper.start()
    try:
        yield controller, nodes
    finally:
        renew.set()
        controller.stop(60)
        store.close()


def _keep_going(controller: Controller, nodes: Nodes, stop: threading.Event) -> None:
    while not stop.wait(4):
        controller.renew()
        nodes.beat()


def _roll_out(controller: Controller, nodes: Nodes, count: int) -> None:
    nodes.join()
    _push(controller, declared([manifest(number) for number in range(count)], "c" * 40))
    _wait(controller, lambda: _available(controller) == count)
    _wait_idle(controller)


def manifest(number: int, *, replicas: int = REPLICAS, tag: int = 1) -> str:
    """Return a Deployment and its Service."""
    return MANIFEST.format(number=number, replicas=replicas, tag=tag)


def declared(texts: list[str], commit: str) -> DesiredState:
    """Return what a commit with these files declares."""
    result = validate([SourceFile(f"{n}.yaml", text.encode(), f"{commit}{n}") for n, text in enumerate(texts)])
    assert not result.problems, result.problems[:3]
    return DesiredState(source="main", revision=RevisionInfo(commit=commit), objects=result.objects)


def _push(controller: Controller, state: DesiredState) -> None:
    revision = state.revision
    controller.receive_reading(Reading("main", time.time(), tip=revision, loaded=Loaded(revision, state, ())))


def _change(controller: Controller, count: int, tag: int) -> float:
    """Roll one Deployment out anew; return how long a tick of it took in the mean, from its plan to what is sent."""
    texts = [manifest(number, tag=tag if number == 1 else 1) for number in range(count)]
    state = declared(texts, f"{tag:040d}")
    before, spent = controller.ticks, _Spent(controller)
    with spent:
        _push(controller, state)
        _wait(controller, lambda: controller.ticks > before and _is_at(controller, tag))
        _wait_idle(controller)
    return spent.seconds / (controller.ticks - before)


def _is_at(controller: Controller, tag: int) -> bool:
    ref = ObjectRef(kind="Deployment", namespace="default", name="app-1")
    object = cast(Deployment, controller.index.objects[ref].object)
    is_new = object.spec.template.spec.containers[0].image.endswith(f":{tag}")
    return is_new and object.status.updated_replicas == object.status.available_replicas == REPLICAS


class _Spent:
    """Sums up how long the loop's ticks take while it is entered."""

    def __init__(self, controller: Controller) -> None:
        self.seconds = 0.0
        self._controller = controller
        self._once = controller._once

    def __enter__(self) -> None:
        self._controller._once = self._measured  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        self._controller._once = self._once  # type: ignore[method-assign]

    def _measured(self) -> float | None:
        before, start = self._controller.ticks, time.perf_counter()
        answer = self._once()
        if self._controller.ticks != before:
            self.seconds += time.perf_counter() - start
        return answer


def _available(controller: Controller) -> int:
    found = controller.index.by_kind("Deployment")
    return sum(cast(Deployment, one.object).status.available_replicas == REPLICAS for one in found)


def _wait(controller: Controller, holds: Callable[[], bool]) -> None:
    with controller.changed:
        assert controller.changed.wait_for(holds, DEADLINE_S), "the controller did not get there in time"


def _wait_idle(controller: Controller) -> None:
    """Return when the loop has stopped ticking."""
    ticks = -1
    while ticks != controller.ticks:
        ticks = controller.ticks
        time.sleep(0.5)


def _look(controller: Controller) -> None:
    before = controller.status().ran_at
    controller.look("benchmark")
    while controller.status().ran_at == before:
        time.sleep(0.0002)


def _tick(controller: Controller) -> None:
    """What the loop does when its time to look again has come: the last answer does not stand any longer."""
    observed = controller.picture()
    memo = controller._memo
    memo.answered = None
    answer = tick(controller.store, controller.declared.states(), observed, controller.policy, time.time(), (), memo)
    assert answer.is_empty


def _settled(controller: Controller, work: Callable[[], object]) -> float:
    spent = timed(work)
    _wait_idle(controller)
    return spent


def _reports(assignment: Assignment) -> Iterator[PodReport]:
    for pod in assignment.pods:
        # A Pod keeps its address whatever else comes to its node.
        yield _report(pod, ".".join(("10", *map(str, bytes.fromhex(pod.uid[-6:])))))


def _report(pod: PodAssignment, address: str) -> PodReport:
    running = ContainerState(running=ContainerStateRunning(started_at="2026-01-01T00:00:00Z"))
    status = ContainerStatus(name="web", image="web", image_id="web", ready=True, started=True, state=running)
    gone = pod.deletion_requested_at is not None
    report = PodReport(
        uid=pod.uid,
        namespace=pod.namespace,
        name=pod.name,
        phase="Running",
        pod_ip=address,
        host_ip="10.0.0.1",
        start_time="2026-01-01T00:00:00Z",
        container_statuses=(status,),
        realised_digest=pod.digest,
        gone=gone,
    )
    return _as_ready(report, True)


def _as_ready(report: PodReport, ready: bool) -> PodReport:
    conditions = tuple(
        PodCondition(type=type_, status="True" if ready else "False") for type_ in ("ContainersReady", "Initialized")
    )
    return replace(report, conditions=conditions)


def timed(work: Callable[[], object]) -> float:
    """Return how long it takes, in seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Print what is measured."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else DEPLOYMENTS
    for row in measure(count, "profile" in sys.argv):
        print(f"{row.work:<80} {(row.ours_s or 0) * 1000:10.1f} ms   {row.others_s}")


if __name__ == "__main__":
    main()
