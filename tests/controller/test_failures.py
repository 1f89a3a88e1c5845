"""P16: a rollout that misses its deadline returns to the last healthy commit, which holds the failed one (P15)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from msgspec.structs import replace

from reconciler.controller.loading import Loaded
from reconciler.controller.loop import Controller
from reconciler.controller.source import Source
from reconciler.model.desired import DesiredState, RevisionInfo
from reconciler.model.errors import TerminalError
from reconciler.model.kinds import Condition, Deployment, Pod
from reconciler.model.node_report import Observation, PodReport
from reconciler.model.policy import Policy, SourcePolicy
from reconciler.model.refs import ObjectRef
from reconciler.store.index import Index
from reconciler.store.store import Store
from reconciler.store.values import RevisionState
from tests.controller.test_loop import CLUSTER, Clock, Link, observation, reading
from tests.planner.test_deployment import web
from tests.planner.world import desired

DEADLINE = "progressDeadlineSeconds: 6\n  replicas:"
WEB = ObjectRef(kind="Deployment", namespace="default", name="web")


def manifests(version: str) -> str:
    """Return a Deployment that has a few seconds for its rollouts."""
    return web(version).replace("replicas:", DEADLINE)


class Repository:
    """Stands in for a source: it can be read at any commit, unless it is away."""

    name = "main"

    def __init__(self) -> None:
        self.states: dict[str, DesiredState] = {}
        self.polls = 0
        self.is_away = False

    def load(self, revision: RevisionInfo) -> Loaded:
        """Return what was pushed as this commit."""
        if self.is_away:
            raise TerminalError("the repository is away")
        return Loaded(revision, self.states[revision.commit], ())

    def poll(self) -> None:
        """Count the polls."""
        self.polls += 1

    def stop(self) -> None:
        """Nothing runs."""


class Stage:
    """A controller whose only node runs every Pod, and whose Pods are ready unless their image is `web:bad`."""

    def __init__(self, one: Controller, clock: Clock, repository: Repository) -> None:
        self.one, self.clock, self.repository = one, clock, repository
        self._sequence = 1

    def push(self, version: str, commit: str) -> None:
        """Have the source be read at a new commit."""
        self.repository.states[commit] = desired(manifests(version), commit=commit)
        self.one.receive_reading(reading(manifests(version), commit=commit))

    def run(self, seconds: int) -> None:
        """Let time pass; the node reports what it runs every second."""
        for _ in range(seconds):
            self.clock.at += 1
            self._sequence += 1
            ticks = self.one.ticks
            self.one.receive(self._report())
            self.one.look("time")
            with self.one.changed:
                self.one.changed.wait_for(lambda before=ticks: self.one.ticks > before, timeout=0.2)

    def until(self, reason: str, seconds: int = 120) -> None:
        """Let time pass until the Deployment's rollout is as wanted."""
        for _ in range(seconds):
            self.run(1)
            if self.reason() == reason:
                return
        raise AssertionError(f"{self.reason()!r} instead of {reason!r}")

    def until_held(self, commit: str, seconds: int = 120) -> None:
        """Let time pass until a commit is held."""
        for _ in range(seconds):
            self.run(1)
            if self.held() == commit:
                return
        raise AssertionError(f"{commit} is not held; the rollout is at {self.reason()!r}")

    def reason(self) -> str:
        """Return how the rollout goes."""
        stored = self.one.index.get(WEB)
        conditions = cast(Deployment, stored.object).status.conditions if stored else ()
        return next((one.reason for one in conditions if one.type == "Progressing"), "")

    def images(self) -> set[str]:
        """Return which images run."""
        return {one.spec.containers[0].image for one in self._pods()}

    def held(self) -> str:
        """Return the commit that is held."""
        return self.one.index.side.sources["main"].held

    def _pods(self) -> list[Pod]:
        return [cast(Pod, one.object) for one in self.one.index.by_kind("Pod")]

    def _report(self) -> Observation:
        plain = observation(self.clock, self._sequence)
        return replace(plain, observed_at=self.clock.at, pods=tuple(map(_report_of, self._pods())))


def _report_of(pod: Pod) -> PodReport:
    ending = pod.metadata.deletion_timestamp is not None
    is_ready = not ending and pod.spec.containers[0].image != "web:bad"
    ready = Condition(type="ContainersReady", status="True" if is_ready else "False")
    metadata = pod.metadata
    return PodReport(
        uid=metadata.uid,
        namespace=metadata.namespace,
        name=metadata.name,
        phase="Running",
        conditions=(ready,),
        gone=ending,
    )


@contextmanager
def stage(path: Path, on_failure: str = "rollback") -> Iterator[Stage]:
    """A running controller that returns failed commits."""
    clock, repository = Clock(), Repository()
    store = Store.open(f"sqlite:///{path}", key=b"k" * 32, clock=clock)
    store.set_cluster(CLUSTER)
    policy = Policy(digest_key="00" * 16, sources={"main": SourcePolicy(on_failure=on_failure)})
    one = Controller(store, Index(store), CLUSTER, policy, Link(), clock, "a")
    one.declared.sources["main"] = cast(Source, repository)
    one.start()
    try:
        yield Stage(one, clock, repository)
    finally:
        one.stop()
        store.close()


def healthy(stage: Stage) -> None:
    """Have the first commit run well."""
    stage.push("1", "c1")
    stage.until("NewReplicaSetAvailable")
    stage.run(2)


def test_a_failed_rollout_returns_to_the_last_healthy_commit(tmp_path: Path) -> None:
    """P16: the failed commit is held, the last healthy one is back, and history, event and source say so."""
    with stage(tmp_path / "db") as here:
        healthy(here)
        here.push("bad", "c2")
        here.until_held("c2")
        here.until("NewReplicaSetAvailable")
        here.run(3)
        assert here.images() == {"web:1"}
        state = here.one.index.side.sources["main"]
        assert state.applied is not None
        assert (state.applied.commit, state.healthy and state.healthy.commit) == ("c1", "c1")
        assert "deployment/default/web missed its deadline" in state.held_because
        records = here.one.store.revisions(limit=10)
        assert (RevisionState.ROLLED_BACK, "c2") in {(one.state, one.revision.commit) for one in records}
        events = [one.object for one in here.one.index.by_kind("Event")]
        assert any(event.reason == "RolledBack" for event in events)  # type: ignore[union-attr]


def test_the_held_commit_stays_away_however_often_it_is_read(tmp_path: Path) -> None:
    """P15: a poll that saw the failed commit does not bring it back; the next commit ends the hold."""
    with stage(tmp_path / "db") as here:
        healthy(here)
        here.push("bad", "c2")
        here.until_held("c2")
        here.push("bad", "c2")
        here.run(15)
        assert here.images() == {"web:1"}
        assert here.held() == "c2"
        here.push("3", "c3")
        here.until("NewReplicaSetAvailable")
        here.run(5)
        assert here.images() == {"web:3"}
        assert here.held() == ""
        assert here.one.index.side.sources["main"].held_because == ""


def test_without_the_setting_a_failure_is_only_reported(tmp_path: Path) -> None:
    """P06: by default the rollout stands, degraded, with the old Pods serving."""
    with stage(tmp_path / "db", on_failure="report") as here:
        healthy(here)
        here.push("bad", "c2")
        here.until("ProgressDeadlineExceeded")
        here.run(5)
        assert here.held() == ""
        assert here.images() == {"web:1", "web:bad"}


def test_a_first_commit_that_fails_has_nothing_to_return_to(tmp_path: Path) -> None:
    """P16: without a healthy commit the failure stands, and an event says why."""
    with stage(tmp_path / "db") as here:
        here.push("bad", "c1")
        here.until("ProgressDeadlineExceeded")
        here.run(3)
        assert here.held() == ""
        reasons = [one.object.reason for one in here.one.index.by_kind("Event")]  # type: ignore[union-attr]
        assert reasons.count("NoHealthyRevision") == 1


def test_a_repository_that_is_away_is_tried_again(tmp_path: Path) -> None:
    """P25: what could not be read at first is returned to once it can be."""
    with stage(tmp_path / "db") as here:
        healthy(here)
        here.push("bad", "c2")
        here.repository.is_away = True
        here.until("ProgressDeadlineExceeded")
        here.run(2)
        assert here.held() == ""
        here.repository.is_away = False
        here.push("bad", "c2")
        here.until_held("c2")
