"""What the daemon offers its API, behind the Operations port."""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, cast

import msgspec

from reconciler.config import RECEIVED, Settings
from reconciler.controller.components import components_of
from reconciler.controller.evictions import Evictions
from reconciler.controller.explain import explanation_of
from reconciler.controller.failures import records_of_return
from reconciler.controller.foreign_events import write_event
from reconciler.controller.loading import Loaded
from reconciler.controller.loop import Controller
from reconciler.controller.outlook import Outlook, Run
from reconciler.controller.overrides import write_override
from reconciler.controller.preview import whole_plan
from reconciler.controller.pushes import Pushes
from reconciler.controller.source import Source
from reconciler.controller.status import status_of
from reconciler.model.capacity import CapacityAnswer
from reconciler.model.container_id import shown_id
from reconciler.model.desired import DesiredState, RevisionInfo
from reconciler.model.errors import TerminalError, TransientError
from reconciler.model.forecast import ForecastAnswer
from reconciler.model.kinds import Event, Pod
from reconciler.model.metrics import NodeUsage
from reconciler.model.observed import Acknowledgement, StoredObject
from reconciler.model.overrides import Override
from reconciler.model.plan import Action, Plan
from reconciler.model.ports import (
    Component,
    ExecRequest,
    ExecSession,
    LogRequest,
    ManifestFile,
    PlanRequest,
    PushedUpdate,
)
from reconciler.model.problem import Problem
from reconciler.model.refs import ObjectRef
from reconciler.model.status import LoopStatus, PlanAnswer, Status
from reconciler.model.streams import (
    ContainerNotRunning,
    ContainerUnavailable,
    logged_container_id,
    running_container_id,
)
from reconciler.store.commit import Commit

replace = msgspec.structs.replace

Loops = Callable[[], tuple[LoopStatus, ...]]
Running = Callable[[], tuple[Action, ...]]
Warnings = Callable[[], tuple[str, ...]]


class Host(Protocol):
    """What is asked of the Engine on a Pod's host, by the Engine's id of the container."""

    def logs(self, container_id: str, request: LogRequest) -> Iterator[bytes]:
        """Stream a container's log; raise LookupError when there is no such container."""
        ...

    def exec(self, container_id: str, request: ExecRequest) -> ExecSession:
        """Start a command; raise LookupError when there is no such container that runs."""
        ...


class DaemonOperations:
    """Implements Operations; every call is bounded and may come from any thread."""

    def __init__(
        self,
        settings: Settings,
        controller: Controller,
        loops: Loops,
        host: Host,
        running: Running,
        forecast: Run,
        warnings: Warnings = tuple,
        remote: Callable[[str], Host | None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._controller = controller
        self._evictions = Evictions(controller)
        self._loops = loops
        self._host = host
        self._remote = remote
        self._running = running
        self._warnings = warnings
        self._outlook = Outlook(controller, forecast)
        self._pushes = Pushes(controller, self.status)

    def status(self) -> Status:
        """Return the state of everything; see the port."""
        status = status_of(self._controller, self._settings.sources, self._loops())
        running = tuple(f"{action.verb.value} {action.object}" for action in self._running())
        return replace(status, running=running, warnings=(*status.warnings, *self._warnings()))

    def plan(self) -> PlanAnswer:
        """Plan the newest revisions; see the port."""
        return PlanAnswer(plan=self._planned({}), problems=self._all_problems())

    def plan_files(self, files: tuple[ManifestFile, ...], source: str) -> PlanAnswer:
        """Plan as if `source` declared these files; see the port."""
        one = self._source(source)
        loaded = one.loader.load(RevisionInfo(commit="", subject="working tree"), files)
        return self._answer(one, loaded, applyable=False)

    def plan_revision(self, revision: str, source: str) -> PlanAnswer:
        """Plan as if `revision` were the tip; see the port."""
        one = self._source(source)
        found = self._resolve(one, revision)
        tip = one.repository.tip(one.settings.branch)
        return self._answer(one, one.load(found), applyable=tip is not None and tip.commit == found.commit)

    def forecast(self, request: PlanRequest) -> ForecastAnswer:
        """Forecast a whole rollout; see the port."""
        desired, problems = self._asked(request)
        return ForecastAnswer(forecast=self._outlook.forecast(desired) if desired else None, problems=problems)

    def capacity(self, request: PlanRequest) -> CapacityAnswer:
        """Work out what fits; see the port."""
        desired, problems = self._asked(request)
        return CapacityAnswer(capacity=self._outlook.capacity(desired) if desired else None, problems=problems)

    def sync(self, source: str) -> None:
        """Look at a source now; see the port."""
        for one in self._chosen(source):
            one.ask()

    def set_suspended(self, source: str, suspended: bool) -> None:
        """Stop or go on; going on also ends the hold of a rollback. See the port."""
        for one in self._chosen(source):
            if suspended:
                self._controller.store.change_source(one.name, suspended=True)
            else:
                self._controller.store.change_source(one.name, suspended=False, held="", held_because="")
            one.ask()
        self._controller.look("suspended" if suspended else "resumed")

    def rollback(self, revision: str, source: str) -> str:
        """Return to a revision and hold the present tip until a newer commit arrives; see the port."""
        one = self._source(source)
        found = self._resolve(one, revision)
        loaded = one.load(found)
        if loaded.state is None:
            raise TerminalError(f"{found.commit[:12]} has {len(loaded.errors)} problems: {loaded.errors[0].message}")
        tip = one.repository.tip(one.settings.branch)
        held = tip if tip is not None and tip.commit != found.commit else None
        store, now = self._controller.store, self._controller.clock.now()
        store.commit(Commit(revisions=records_of_return(one.name, held, found, now)), term=None)
        store.change_source(one.name, applied=found, held=held.commit if held else "", held_because="")
        one.ask()
        return found.commit

    def acknowledge(self, hold: str, by: str) -> tuple[ObjectRef, ...]:
        """Release held deletions; see the port."""
        plan = self._controller.last_plan
        holds = [one for one in plan.holds if not hold or one.id.startswith(hold)]
        if not holds and not (self._controller.ticks and plan.complete):
            raise TransientError(
                "what is held is not known: not every source was read since the start",
                reason="SourceNotLoaded",
                hint="reconciler status says which; then try again",
            )
        if hold and not holds:
            raise LookupError(f"no held set {hold}; see: reconciler status")
        released: list[ObjectRef] = []
        for one in holds:
            word = Acknowledgement(source=one.source, objects=one.objects, by=by, at=self._controller.clock.now())
            self._controller.store.acknowledge(word)
            released += one.objects
        self._controller.look("acknowledged")
        return tuple(released)

    def explain(self, ref: ObjectRef) -> Mapping[str, object]:
        """Say why; see the port."""
        return explanation_of(self._controller, self._controller.store, ref)

    def pre_receive(self, repository: str, updates: tuple[PushedUpdate, ...], env: Mapping[str, str]) -> Iterator[str]:
        """Judge a push; see the port."""
        return self._pushes.pre_receive(self._received(repository), updates, env)

    def post_receive(self, repository: str, updates: tuple[PushedUpdate, ...]) -> Iterator[str]:
        """Tell plan and progress; see the port."""
        return self._pushes.post_receive(self._received(repository), updates)

    def logs(self, request: LogRequest) -> Iterator[bytes]:
        """Stream a container's log; see the port."""
        pod = self._pod(request.namespace, request.pod)
        container_id = logged_container_id(pod, request.container, previous=request.previous)
        try:
            return self._host_of(pod).logs(container_id, request)
        except LookupError as error:
            message = f"unable to retrieve container logs for {shown_id(container_id)}: it was removed from the host"
            raise ContainerUnavailable(message) from error

    def exec(self, request: ExecRequest) -> ExecSession:
        """Start a command in a container; see the port."""
        pod = self._pod(request.namespace, request.pod)
        container_id = running_container_id(pod, request.container)
        try:
            return self._host_of(pod).exec(container_id, request)
        except LookupError as error:
            raise ContainerNotRunning(f'container not found ("{container_id[:12]}")') from error

    def components(self) -> tuple[Component, ...]:
        """Check the parts of the control plane now; see the port."""
        return components_of(self._controller, self._loops())

    def usage(self) -> tuple[NodeUsage, ...]:
        """Return what the nodes use; see the port."""
        return tuple(self._controller.usage.latest().values())

    def evict(self, change: Override, *, is_dry: bool = False) -> None:
        """Delete a Pod if its disruption budget allows it; see the port."""
        self._evictions.evict(change, is_dry=is_dry)

    def override(self, change: Override) -> None:
        """Merge a change into the overrides of its object; see the port."""
        write_override(self._controller, change)

    def write_event(self, event: Event) -> StoredObject | None:
        """Make or change an Event of another controller; see the port."""
        return write_event(self._controller, event)

    # Helpers

    def _asked(self, request: PlanRequest) -> tuple[Mapping[str, DesiredState] | None, tuple[Problem, ...]]:
        """Return what the sources declare with what is asked for; None when its problems prevent that."""
        if request.files is None and not request.revision:
            return self._controller.declared.states(), self._all_problems()
        one = self._source(request.source)
        if request.files is not None:
            loaded = one.loader.load(RevisionInfo(commit="", subject="working tree"), request.files)
        else:
            loaded = one.load(self._resolve(one, request.revision))
        if loaded.state is None:
            return None, loaded.problems
        return {**self._controller.declared.states(), one.name: loaded.state}, loaded.problems

    def _planned(self, instead: Mapping[str, DesiredState]) -> Plan:
        controller = self._controller
        desired = {**controller.declared.states(), **instead}
        return whole_plan(desired, controller.picture(), controller.policy, controller.clock.now())

    def _answer(self, source: Source, loaded: Loaded, *, applyable: bool) -> PlanAnswer:
        if loaded.state is None:
            return PlanAnswer(problems=loaded.problems)
        answer = self._planned({source.name: loaded.state})
        return PlanAnswer(plan=replace(answer, applyable=answer.applyable and applyable), problems=loaded.problems)

    def _all_problems(self) -> tuple[Problem, ...]:
        return tuple(problem for name in sorted(self._controller.declared.sources) for problem in self._problems(name))

    def _problems(self, name: str) -> tuple[Problem, ...]:
        reading = self._controller.declared.reading(name)
        return reading.loaded.problems if reading and reading.loaded else ()

    def _resolve(self, source: Source, revision: str) -> RevisionInfo:
        found = source.repository.resolve(revision, source.settings.branch)
        if found is None:
            raise TerminalError(f"{revision} is not a commit of {source.name}", reason="UnknownRevision")
        return found

    def _source(self, name: str) -> Source:
        """Return the named source; without a name the only one."""
        sources = self._controller.declared.sources
        if name in sources:
            return sources[name]
        if not name and len(sources) == 1:
            return next(iter(sources.values()))
        known = ", ".join(sorted(sources))
        raise LookupError(f"no source {name!r}; there are: {known}" if name else f"name one of the sources: {known}")

    def _chosen(self, name: str) -> tuple[Source, ...]:
        return (self._source(name),) if name else tuple(self._controller.declared.sources.values())

    def _received(self, repository: str) -> Source:
        for one in self._controller.declared.sources.values():
            if one.settings.url == RECEIVED and str(one.repository.directory.resolve()) == repository:
                return one
        raise LookupError(f"{repository} is not a source of this daemon")

    def _host_of(self, pod: Pod) -> Host:
        """Return the host that a Pod is on: this one, or one whose agent is elsewhere."""
        return self._remote(pod.spec.node_name) or self._host

    def _pod(self, namespace: str, name: str) -> Pod:
        stored = self._controller.index.get(ObjectRef.of("Pod", namespace, name))
        if stored is None:
            raise ContainerUnavailable(f'pods "{name}" not found')
        return cast(Pod, stored.object)
