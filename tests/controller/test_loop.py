"""The controller's loop: it leads, ticks when something may have changed, and writes nothing otherwise."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from msgspec.structs import replace

from reconciler.controller.loading import Loaded
from reconciler.controller.loop import LEASE_TTL_S, Controller
from reconciler.controller.provider import ProviderBoard
from reconciler.controller.source import Reading
from reconciler.model.desired import RevisionInfo
from reconciler.model.kinds import Node
from reconciler.model.metrics import NodeSample
from reconciler.model.node_report import HostFact, NodeFacts, Observation
from reconciler.model.observed import ClusterInfo
from reconciler.model.policy import Policy
from reconciler.model.ports import NodeDocuments
from reconciler.model.problem import Problem
from reconciler.model.provider import Instance, ProviderAnswer, ProviderRequest
from reconciler.model.refs import ObjectRef
from reconciler.store.index import Index
from reconciler.store.store import Store
from tests.planner.test_deployment import web
from tests.planner.world import desired

CLUSTER = ClusterInfo(id="test")


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.at = 1_800_000_000.0

    def now(self) -> float:
        """Return the time."""
        return self.at


class Link:
    """Keeps what a node was sent last."""

    def __init__(self) -> None:
        self.sent: list[NodeDocuments] = []
        # What is done once, while something is sent.
        self.meanwhile: Callable[[], None] | None = None

    def send(self, node: str, documents: NodeDocuments) -> None:
        """Keep the documents."""
        self.sent.append(documents)
        act, self.meanwhile = self.meanwhile, None
        if act is not None:
            act()

    def on_report(self, receive: Callable[[Observation], None]) -> None:
        """Reports are given to the controller by the tests themselves."""

    def on_sample(self, receive: Callable[[NodeSample], None]) -> None:
        """Nobody measures here."""


def observation(clock: Clock, sequence: int = 1) -> Observation:
    """A node that reports no Pods."""
    host = HostFact(boot_id="b", address="10.0.0.1", cpu_millis=4000, memory_bytes=2**33)
    facts = NodeFacts(node="node-1", observed_at=clock.now(), host=host)
    return Observation(
        node="node-1", boot_id="b", sequence=sequence, observed_at=clock.now(), generation=1, facts=facts
    )


def reading(text: str, commit: str = "c1") -> Reading:
    """A source that was read without a problem."""
    state = desired(text, commit=commit)
    return Reading("main", 0.0, tip=state.revision, loaded=Loaded(state.revision, state, ()))


@contextmanager
def controller(path: Path, clock: Clock, holder: str = "a") -> Iterator[tuple[Controller, Link]]:
    """A running controller on a database."""
    store = Store.open(f"sqlite:///{path}", key=b"k" * 32, clock=clock)
    store.set_cluster(CLUSTER)
    link = Link()
    one = Controller(store, Index(store), CLUSTER, Policy(digest_key="00" * 16), link, clock, holder)
    one.start()
    try:
        yield one, link
    finally:
        one.stop()
        store.close()


def wait(one: Controller, holds: Callable[[], bool]) -> None:
    """Await that something holds; the loop tells when it has ticked, and what it writes beside ticks is looked for."""
    deadline = time.monotonic() + 10
    with one.changed:
        while not one.changed.wait_for(holds, timeout=0.05):
            assert time.monotonic() < deadline


def pods(one: Controller) -> int:
    """How many Pods the store has."""
    return sum(1 for _ in one.index.by_kind("Pod"))


def readiness(one: Controller) -> str | None:
    """Return what the Node object says of the node."""
    stored = one.index.get(ObjectRef(kind="Node", name="node-1"))
    conditions = cast(Node, stored.object).status.conditions if stored is not None else ()
    return next((ready.status for ready in conditions if ready.type == "Ready"), None)


def test_a_reading_becomes_objects_and_an_assignment(tmp_path: Path) -> None:
    """From a revision to what the node is sent, in one wake-up."""
    clock = Clock()
    with controller(tmp_path / "db", clock) as (one, link):
        one.receive(observation(clock))
        one.receive_reading(reading(web()))
        wait(one, lambda: pods(one) == 3 and any(d.assignment and len(d.assignment.pods) == 3 for d in link.sent))
        state = one.index.side.sources["main"]
        assert state.applied is not None
        assert state.applied.commit == "c1"


def test_nothing_is_written_when_nothing_has_changed(tmp_path: Path) -> None:
    """P09: looking again, polling again and a heartbeat leave the resource version as it is."""
    clock = Clock()
    with controller(tmp_path / "db", clock) as (one, _):
        one.receive(observation(clock))
        one.receive_reading(reading(web()))
        wait(one, lambda: pods(one) == 3 and one.index.resource_version == one.index.view.resource_version)
        clock.at += 1
        one.receive(observation(clock, 2))
        wait(one, lambda: one.last_plan.changes == ())
        before = one.index.resource_version
        for sequence in range(3, 8):
            one.receive_reading(reading(web()))
            one.receive(observation(clock, sequence))
            one.look("test")
        one.stop()
        assert one.index.resource_version == before


def test_a_broken_revision_changes_nothing_also_after_a_restart(tmp_path: Path) -> None:
    """P03: with a broken tip and no earlier revision read, nothing is deleted."""
    clock = Clock()
    with controller(tmp_path / "db", clock) as (one, _):
        one.receive(observation(clock))
        one.receive_reading(reading(web()))
        wait(one, lambda: pods(one) == 3)
    broken = RevisionInfo(commit="c2")
    problem = Problem(file="a.yaml", line=1, message="broken")
    with controller(tmp_path / "db", clock) as (one, _):
        one.receive(observation(clock, 9))
        one.receive_reading(Reading("main", 1.0, tip=broken, loaded=Loaded(broken, None, (problem,))))
        wait(one, lambda: one.ticks > 0 and one.store.revisions("main")[0].problems == (problem,))
        one.stop()
        assert pods(one) == 3


def test_a_second_daemon_leads_only_once_the_first_is_gone(tmp_path: Path) -> None:
    """P18: the lease expires; the first one's next write is refused and it stops leading."""
    clock = Clock()
    with (
        controller(tmp_path / "db", clock, "a") as (first, _),
        controller(tmp_path / "db", clock, "b") as (second, _),
    ):
        first.receive(observation(clock))
        wait(first, lambda: first.term > 0)
        second.look("test")
        assert second.term == 0
        clock.at += LEASE_TTL_S + 1
        second.look("lease")
        wait(second, lambda: second.term > first.term or second.term > 1)
        first.receive_reading(reading(web()))
        first.look("test")
        second.receive_reading(reading(web()))
        wait(second, lambda: pods(second) == 3)
        assert second.index.get(ObjectRef.of("Deployment", "default", "web")) is not None


def test_a_daemon_that_comes_to_lead_notes_the_broken_revision_it_read_before(tmp_path: Path) -> None:
    """P03: `status` and `history` tell what is wrong with a tip, whoever read it first."""
    clock = Clock()
    broken, problem = RevisionInfo(commit="c2"), Problem(file="a.yaml", line=1, message="broken")
    read = Reading("main", 1.0, tip=broken, loaded=Loaded(broken, None, (problem,)))
    with (
        controller(tmp_path / "db", clock, "a") as (first, _),
        controller(tmp_path / "db", clock, "b") as (second, _),
    ):
        wait(first, lambda: first.term > 0)
        second.receive_reading(read)
        wait(second, lambda: second.declared.reading("main") is not None)
        first.stop()
        second.receive_reading(read)
        wait(second, lambda: second.store.revisions("main") != ())
        assert second.store.revisions("main")[0].problems == (problem,)


def test_a_node_that_lost_its_documents_gets_them_again(tmp_path: Path) -> None:
    """An agent that reports no generation is sent everything anew."""
    clock = Clock()
    with controller(tmp_path / "db", clock) as (one, link):
        one.receive(observation(clock))
        one.receive_reading(reading(web()))
        wait(one, lambda: any(d.assignment and len(d.assignment.pods) == 3 for d in link.sent))
        link.sent.clear()
        lost = observation(clock, 2)
        clock.at += 1
        one.receive(replace(lost, generation=0, observed_at=clock.now()))
        wait(one, lambda: any(d.assignment and len(d.assignment.pods) == 3 for d in link.sent))


def test_a_node_that_comes_back_with_nothing_new_is_ready_at_once(tmp_path: Path) -> None:
    """P20: being heard again ends the silence of a node, though its report says what the last one said."""
    clock = Clock()
    with controller(tmp_path / "db", clock) as (one, _):
        one.receive(observation(clock))
        wait(one, lambda: readiness(one) == "True")
        clock.at += one.policy.node_lease_s + 1
        one.look("test")
        wait(one, lambda: readiness(one) == "Unknown" and one.last_plan.changes == ())
        one.receive(observation(clock, 2))
        wait(one, lambda: readiness(one) == "True")


def test_a_node_is_heard_again_when_the_clock_was_set_back(tmp_path: Path) -> None:
    """A jump of the clock made a node silent and the way back makes it heard, without any report."""
    clock = Clock()
    with controller(tmp_path / "db", clock) as (one, _):
        one.receive(observation(clock))
        wait(one, lambda: readiness(one) == "True")
        clock.at += 3600
        one.look("test")
        wait(one, lambda: readiness(one) == "Unknown" and one.last_plan.changes == ())
        clock.at -= 3600
        one.look("test")
        wait(one, lambda: readiness(one) == "True")


def test_a_silent_node_is_noticed_also_when_the_clock_was_set_back(tmp_path: Path) -> None:
    """P27: within its lease from then on, not once the clock has made up for it."""
    clock = Clock()
    with controller(tmp_path / "db", clock) as (one, _):
        one.receive(observation(clock))
        # No pass is under way any more that would have begun by the old clock and end by the new one.
        wait(one, lambda: readiness(one) == "True" and one.last_plan.changes == ())
        clock.at -= 3600
        one.look("test")
        wait(one, lambda: one.status().ran_at == clock.at)
        assert readiness(one) == "True"
        clock.at += one.policy.node_lease_s + 1
        one.look("test")
        wait(one, lambda: readiness(one) == "Unknown")


def test_everything_is_looked_at_anew_now_and_then(tmp_path: Path) -> None:
    """A net under what passes remember of each other: it costs one pass in ten minutes, and writes nothing."""
    clock = Clock()
    with controller(tmp_path / "db", clock) as (one, _):
        one.receive(observation(clock))
        wait(one, lambda: bool(list(one.index.by_kind("Node"))))
        first = one.planned_afresh_at
        clock.at += 599
        one.receive(observation(clock, 2))
        wait(one, lambda: one.status().ran_at == clock.at)
        assert one.planned_afresh_at == first
        clock.at += 1
        one.receive(observation(clock, 3))
        wait(one, lambda: one.planned_afresh_at == clock.at and one.last_plan.changes == ())


class Machines:
    """A provider that knows in which zone the node is."""

    zone = "a"

    def ask(self, request: ProviderRequest) -> ProviderAnswer:
        """Answer."""
        return ProviderAnswer(api_version="v", instances=(Instance(node="node-1", zone=self.zone),))


def test_what_a_provider_tells_is_taken_over_at_once(tmp_path: Path) -> None:
    """Although nothing else has changed."""
    clock, machines = Clock(), Machines()
    with controller(tmp_path / "db", clock) as (one, _):
        one.provider = ProviderBoard(machines, one.picture, one.look)
        one.receive(observation(clock))
        for machines.zone in ("a", "b"):
            wait(one, lambda: bool(list(one.index.by_kind("Node"))) and one.last_plan.changes == ())
            one.provider.ask()
            wait(one, lambda: _zones(one) == {machines.zone})


def _zones(one: Controller) -> set[str | None]:
    found = (node.object.metadata.labels for node in one.index.by_kind("Node"))
    return {labels.get("topology.kubernetes.io/zone") for labels in found}


def test_a_node_is_not_silent_because_no_daemon_listened(tmp_path: Path) -> None:
    """P10: after a long absence of the daemon nodes have their whole lease to be heard; one that was silent has not."""
    clock = Clock()
    with controller(tmp_path / "db", clock) as (one, _):
        one.receive(observation(clock))
        wait(one, lambda: readiness(one) == "True")
    clock.at += 3600
    with controller(tmp_path / "db", clock) as (one, _):
        wait(one, lambda: one.ticks > 0)
        assert readiness(one) == "True"
        clock.at += one.policy.node_lease_s + 1
        one.look("test")
        wait(one, lambda: readiness(one) == "Unknown")
    with controller(tmp_path / "db", clock) as (one, _):
        one.look("test")
        wait(one, lambda: one.ticks > 0)
        assert readiness(one) == "Unknown"
