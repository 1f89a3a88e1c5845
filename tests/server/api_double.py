"""In-memory stand-ins for what the API serves: objects with a change log, history, operations; and a real socket."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from reconciler.client import ApiClient
from reconciler.model.capacity import Capacity, CapacityAnswer, NodesNeeded
from reconciler.model.desired import Provenance, RevisionInfo
from reconciler.model.forecast import Forecast, ForecastAnswer
from reconciler.model.kinds import Container, Event, Namespace, ObjectMeta, Pod, PodSpec, PodStatus, Secret, ref_of
from reconciler.model.metrics import NodeUsage
from reconciler.model.observed import StoredObject
from reconciler.model.overrides import Override
from reconciler.model.plan import Decision, Plan, Reason, Verdict
from reconciler.model.ports import (
    Component,
    ExecRequest,
    ExecSession,
    LogRequest,
    ManifestFile,
    PlanRequest,
    PushedUpdate,
)
from reconciler.model.refs import ObjectRef
from reconciler.model.status import Health, PlanAnswer, Status
from reconciler.server.app import make_app
from reconciler.server.audit import AuditLog
from reconciler.server.limits import Limits
from reconciler.server.serve import serve
from reconciler.server.tls import SecureListener
from reconciler.server.users import Access
from reconciler.store.errors import Gone
from reconciler.store.index import View
from reconciler.store.objects import Objects as ObjectsOfMoment
from reconciler.store.values import EventType, Logged

COMMIT = "4f2c1e9d0a7b33c1f2e4d5a6b7c8d9e0f1a2b3c4"


class MemoryObjects:
    """Objects in a dictionary, with the change log that watches follow."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._objects: dict[ObjectRef, StoredObject] = {}
        self._log: list[Logged] = []
        self._floor = 100
        self._callbacks: list[Callable[[Sequence[Logged]], None]] = []

    @property
    def resource_version(self) -> int:
        return self._log[-1].resource_version if self._log else self._floor

    @property
    def view(self) -> View:
        with self._lock:
            return View(self.resource_version, ObjectsOfMoment(self._objects.values()))

    @property
    def followers(self) -> int:
        return len(self._callbacks)

    def get(self, ref: ObjectRef) -> StoredObject | None:
        return self._objects.get(ref)

    def by_kind(self, kind: str) -> list[StoredObject]:
        with self._lock:
            return [stored for ref, stored in self._objects.items() if ref.kind == kind]

    def subscribe(self, callback: Callable[[Sequence[Logged]], None]) -> Callable[[], None]:
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def since(self, resource_version: int) -> tuple[Logged, ...]:
        with self._lock:
            if resource_version < self._floor or resource_version > self.resource_version:
                raise Gone(f"{resource_version} is not kept")
            return tuple(entry for entry in self._log if entry.resource_version > resource_version)

    def put(self, object: Any, manager: str = "source/main", provenance: Provenance | None = None) -> int:
        """Write an object; return the number of the change."""
        with self._lock:
            version = self.resource_version + 1
            uid = object.metadata.uid or "u-1"
            metadata = msgspec.structs.replace(object.metadata, resource_version=str(version), uid=uid)
            object = msgspec.structs.replace(object, metadata=metadata)
            ref = ref_of(object)
            previous = self._objects.get(ref)
            stored = StoredObject(ref=ref, object=object, manager=manager, provenance=provenance)
            self._objects[ref] = stored
            word = EventType.MODIFIED if previous else EventType.ADDED
            return self._tell(Logged(version, word, stored, previous))

    def delete(self, ref: ObjectRef) -> int:
        """Delete an object; return the number of the change."""
        with self._lock:
            previous = self._objects.pop(ref)
            return self._tell(Logged(self.resource_version + 1, EventType.DELETED, previous, previous))

    def forget_log(self) -> None:
        """Keep no change from before now."""
        with self._lock:
            self._floor, self._log = self.resource_version, []

    def _tell(self, entry: Logged) -> int:
        self._log.append(entry)
        for callback in list(self._callbacks):
            callback((entry,))
        return entry.resource_version


class MemoryHistory:
    """History that has what a test puts there."""

    def __init__(self) -> None:
        self.kept: dict[str, list[Any]] = {"revisions": [], "plans": [], "actions": []}

    def revisions(self, source: str = "", limit: int = 50) -> list[Any]:
        return self.kept["revisions"][:limit]

    def plans(self, limit: int = 50) -> list[Any]:
        return self.kept["plans"][:limit]

    def plan(self, id: str) -> Any:
        return next((record for record in self.kept["plans"] if record.id.startswith(id)), None)

    def actions(
        self, *, object: ObjectRef | None = None, node: str = "", plan: str = "", limit: int = 100
    ) -> list[Any]:
        found = [record for record in self.kept["actions"] if object in (None, record.action.object)]
        return found[:limit]


@dataclass
class MemoryOperations:
    """Operations that note how they were called and answer what a test has set."""

    answer: PlanAnswer = field(default_factory=lambda: PlanAnswer(plan=sample_plan()))
    current: Status = field(
        default_factory=lambda: Status(at=0.0, version="0.1.0", cluster_id="c-1", health=Health.HEALTHY)
    )
    log_lines: Sequence[bytes] = ()
    push_lines: Sequence[str] = ("exit: 0",)
    parts: tuple[Component, ...] = (
        Component(name="agent", healthy=True, message="ok"),
        Component(name="controller-manager", healthy=True, message="ok"),
        Component(name="scheduler", healthy=True, message="ok"),
        Component(name="store", healthy=True, message="ok"),
    )
    measured: tuple[NodeUsage, ...] = ()
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    failure: Exception | None = None
    on_override: Callable[[Override], None] | None = None
    on_event: Callable[[Event], StoredObject | None] | None = None
    commands: Callable[[ExecRequest], ExecSession] | None = None
    log_gate: threading.Event | None = None
    log_ended: threading.Event = field(default_factory=threading.Event)

    def status(self) -> Status:
        self._note("status")
        return self.current

    def plan(self) -> PlanAnswer:
        self._note("plan")
        return self.answer

    def plan_files(self, files: tuple[ManifestFile, ...], source: str) -> PlanAnswer:
        self._note("plan_files", files, source)
        return self.answer

    def plan_revision(self, revision: str, source: str) -> PlanAnswer:
        self._note("plan_revision", revision, source)
        return self.answer

    def forecast(self, request: PlanRequest) -> ForecastAnswer:
        self._note("forecast", request)
        return ForecastAnswer(forecast=Forecast(took_s=2.5, warnings=("deployment/default/web is down",)))

    def capacity(self, request: PlanRequest) -> CapacityAnswer:
        self._note("capacity", request)
        return CapacityAnswer(capacity=Capacity(needed=NodesNeeded(count=1, present=2, shapes={"node-1": 1})))

    def sync(self, source: str) -> None:
        self._note("sync", source)

    def set_suspended(self, source: str, suspended: bool) -> None:
        self._note("set_suspended", source, suspended)

    def rollback(self, revision: str, source: str) -> str:
        self._note("rollback", revision, source)
        return COMMIT

    def acknowledge(self, hold: str, by: str) -> tuple[ObjectRef, ...]:
        self._note("acknowledge", hold, by)
        return (ObjectRef.of("Namespace", "", "old"),)

    def explain(self, ref: ObjectRef) -> Mapping[str, object]:
        self._note("explain", ref)
        return {"object": str(ref), "reason": "in-sync"}

    def pre_receive(self, repository: str, updates: tuple[PushedUpdate, ...], env: Mapping[str, str]) -> Iterator[str]:
        self._note("pre_receive", repository, updates, dict(env))
        yield from self.push_lines

    def post_receive(self, repository: str, updates: tuple[PushedUpdate, ...]) -> Iterator[str]:
        self._note("post_receive", repository, updates)
        yield from self.push_lines

    def logs(self, request: LogRequest) -> Iterator[bytes]:
        self._note("logs", request)
        try:
            yield from self.log_lines
            while self.log_gate is not None and not self.log_gate.wait(0.02):
                yield b""
        finally:
            self.log_ended.set()

    def components(self) -> tuple[Component, ...]:
        self._note("components")
        return self.parts

    def usage(self) -> tuple[NodeUsage, ...]:
        """Return what nodes use."""
        return self.measured

    def evict(self, change: Override, *, is_dry: bool = False) -> None:
        self._note("evict", change, is_dry)
        if self.on_override is not None and not is_dry:
            self.on_override(change)

    def write_event(self, event: Event) -> StoredObject | None:
        self._note("write_event", event)
        return self.on_event(event) if self.on_event is not None else None

    def override(self, change: Override) -> None:
        self._note("override", change)
        if self.on_override is not None:
            self.on_override(change)

    def exec(self, request: ExecRequest) -> ExecSession:
        self._note("exec", request)
        assert self.commands is not None
        return self.commands(request)

    def _note(self, *call: Any) -> None:
        self.calls.append(call)
        if self.failure is not None:
            raise self.failure


def sample_plan() -> Plan:
    """Return a plan that creates one object."""
    verdict = Verdict(
        object=ObjectRef.of("Deployment", "shop", "web"),
        decision=Decision.CREATE,
        reason=Reason.DECLARED,
        provenance=Provenance(source="main", commit=COMMIT, file="web.yaml", line=1),
    )
    return Plan(id="abcdef123456", revisions={"main": RevisionInfo(commit=COMMIT)}, verdicts=(verdict,))


def pod(name: str, *, node: str = "node-1", phase: Any = "Running", **labels: str) -> Pod:
    """Return a Pod of one container in namespace shop."""
    return Pod(
        metadata=ObjectMeta(name=name, namespace="shop", labels=labels),
        spec=PodSpec(containers=(Container(name="web", image="web:1"),), node_name=node),
        status=PodStatus(phase=phase),
    )


def secret() -> Secret:
    """Return a Secret with one value."""
    return Secret(metadata=ObjectMeta(name="token", namespace="shop"), data={"password": "aHVudGVyMg=="})


def namespace() -> Namespace:
    """Return the namespace shop."""
    return Namespace(metadata=ObjectMeta(name="shop"))


@dataclass
class Api:
    """A served API with what is behind it."""

    path: Path
    client: ApiClient
    objects: MemoryObjects
    history: MemoryHistory
    operations: MemoryOperations
    app: Any


@contextmanager
def served(
    path: Path,
    limits: Limits | None = None,
    access: Access | None = None,
    secure: SecureListener | None = None,
    audit: AuditLog | None = None,
) -> Iterator[Api]:
    """Serve an API on a real Unix socket, and over TLS where that is given, in a thread of its own."""
    objects, history, operations = MemoryObjects(), MemoryHistory(), MemoryOperations()
    app = make_app(operations, objects, history, limits, access, audit)
    ready = threading.Event()
    box: dict[str, Any] = {}

    def run() -> None:
        asyncio.run(_serve_until_stopped(app, path, secure, ready, box))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10), "the server did not start"
    try:
        yield Api(path, ApiClient(path, answer_s=10), objects, history, operations, app)
    finally:
        box["loop"].call_soon_threadsafe(box["stop"].set)
        thread.join(10)
        assert not thread.is_alive(), "the server did not stop"


async def _serve_until_stopped(
    app: Any, path: Path, secure: SecureListener | None, ready: threading.Event, box: dict[str, Any]
) -> None:
    started = asyncio.Event()
    box |= {"loop": asyncio.get_running_loop(), "stop": asyncio.Event()}
    serving = asyncio.create_task(serve(app, path, box["stop"], started=started, secure=secure))
    await started.wait()
    ready.set()
    await serving
