"""The few interfaces behind which effects sit. Each has a simulated and a real implementation and one contract test."""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from reconciler.model.base import Value
from reconciler.model.capacity import CapacityAnswer
from reconciler.model.forecast import ForecastAnswer
from reconciler.model.kinds import Event
from reconciler.model.metrics import NodeSample, NodeUsage
from reconciler.model.node import Assignment, Materials, NetworkView
from reconciler.model.node_report import NodeFacts, Observation, ProbeTarget
from reconciler.model.observed import StoredObject
from reconciler.model.overrides import Override
from reconciler.model.plan import Action, Outcome
from reconciler.model.refs import ObjectRef
from reconciler.model.status import PlanAnswer, Status

Look = Callable[[str], None]


class Clock(Protocol):
    """Time as the loops see it."""

    def now(self) -> float:
        """Return Unix seconds."""
        ...


class World(Protocol):
    """One host: what it is, and how it is changed."""

    def observe(self, *, full: bool = False) -> NodeFacts:
        """Return the host's state. `full` compares everything anew; otherwise what events kept current is enough.

        Never raises for an Engine that does not answer: the facts are then not `complete`.
        """
        ...

    def execute(self, action: Action, materials: Materials) -> Outcome:
        """Carry one action out, tell what came of it. Bounded by `action.deadline_s`; expected failures are values."""
        ...

    def probe(self, target: ProbeTarget, timeout_s: float) -> tuple[bool, str]:
        """Run a probe once; return whether it succeeded, and a message."""
        ...

    def exec(self, container_id: str, request: "ExecRequest") -> "ExecSession":
        """Start a command in a container of ours; raise LookupError when there is none that runs."""
        ...

    def sample(self) -> NodeSample:
        """Read what the host and every running container of ours have used so far; asks no Engine.

        A container that ends meanwhile is left out. May be called from any thread.
        """
        ...

    def watch(self, look: Look) -> None:
        """Call `look(reason)` (from any thread) whenever the host changed by itself, until `close`."""
        ...

    def close(self) -> None:
        """Stop watching and free handles; the host's state stays as it is."""
        ...


class Binding(Value):
    """Places a Pod (by name and uid) on a node."""

    pod: ObjectRef
    uid: str
    node: str


class Bindings(Protocol):
    """Where bindings are written."""

    def bind(self, bindings: tuple[Binding, ...]) -> None:
        """Write all of them in one transaction; a Pod that is gone or placed already is passed over."""
        ...


class NodeDocuments(Value):
    """What a controller sends a node; a part that is None has not changed."""

    assignment: Assignment | None = None
    view: NetworkView | None = None
    materials: Materials | None = None


class NodeLink(Protocol):
    """The controller's end of the connections to its nodes."""

    def send(self, node: str, documents: NodeDocuments) -> None:
        """Hand over the newest documents; an older unsent one is dropped."""
        ...

    def on_report(self, receive: Callable[[Observation], None]) -> None:
        """Have every observation that arrives given to `receive` (from any thread)."""
        ...

    def on_sample(self, receive: Callable[[NodeSample], None]) -> None:
        """Have every reading of what a node uses given to `receive` (from any thread)."""
        ...


class PushedUpdate(Value):
    """One ref of a push: old and new object ids (forty zeros: created or deleted) and its full name."""

    old: str
    new: str
    ref: str


class ManifestFile(Value):
    """A file as it was read: path relative to the root of the source, Git's blob id, content."""

    path: str
    blob_id: str
    content: bytes


class LogRequest(Value):
    """Which lines of a container's log: as the query of the Kubernetes API. `since` is in Unix seconds.

    `stream` is All, Stdout or Stderr.
    """

    namespace: str
    pod: str
    container: str = ""
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail_lines: int | None = None
    limit_bytes: int | None = None
    since: float | None = None
    stream: str = "All"


class ExecRequest(Value):
    """A command to run in a container, as the query of the Kubernetes API.

    `attach`: no command is run; the streams are those of the container's own process.
    """

    namespace: str
    pod: str
    container: str = ""
    command: tuple[str, ...] = ()
    attach: bool = False
    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    tty: bool = False


class ExecSession(Protocol):
    """A command that runs in a container. Every method may be called from any thread and is bounded."""

    def write(self, data: bytes) -> int:
        """Give bytes to standard input; return how many were taken within about a second.

        Fewer than given, down to none, means that the command does not read. One that has ended takes everything.
        """
        ...

    def end_input(self) -> None:
        """Close standard input."""
        ...

    def resize(self, width: int, height: int) -> None:
        """Tell the terminal's size in characters."""
        ...

    def output(self) -> Iterator[tuple[int, bytes]]:
        """Yield what is written, as (1 for stdout or 2 for stderr, bytes), until the command ends.

        Now and then it yields empty bytes, so that a reader can look whether it is still wanted.
        """
        ...

    def exit_code(self) -> int:
        """Return the command's exit code, once the output has ended."""
        ...

    def close(self) -> None:
        """Let go of the command; one that still runs is ended: hung up on, then killed."""
        ...


class Component(Value):
    """A part of the control plane, live checked: its name, whether it works, and a sentence."""

    name: str
    healthy: bool
    message: str = ""


class PlanRequest(Value):
    """What to plan: files, or a revision, as those of `source` (empty: the only one); neither: the newest revisions."""

    files: tuple[ManifestFile, ...] | None = None
    revision: str = ""
    source: str = ""


class Operations(Protocol):
    """What the daemon does for its API besides serving stored objects. All calls are bounded and thread-safe."""

    def status(self) -> Status:
        """Return the state of everything."""
        ...

    def plan(self) -> PlanAnswer:
        """Plan the newest revisions against what is observed now."""
        ...

    def plan_files(self, files: tuple[ManifestFile, ...], source: str) -> PlanAnswer:
        """Plan as if `source` (empty: the only one) declared these files."""
        ...

    def plan_revision(self, revision: str, source: str) -> PlanAnswer:
        """Plan as if `revision` were the tip of `source`."""
        ...

    def forecast(self, request: PlanRequest) -> ForecastAnswer:
        """Forecast the whole rollout of what is asked for; bounded in time."""
        ...

    def capacity(self, request: PlanRequest) -> CapacityAnswer:
        """Work out what fits on the nodes with what is asked for."""
        ...

    def sync(self, source: str) -> None:
        """Look at `source` (empty: all) now."""
        ...

    def set_suspended(self, source: str, suspended: bool) -> None:
        """Stop or go on reconciling `source` (empty: all)."""
        ...

    def rollback(self, revision: str, source: str) -> str:
        """Return to `revision` and hold what is newer; return the commit."""
        ...

    def acknowledge(self, hold: str, by: str) -> tuple[ObjectRef, ...]:
        """Release the held deletions of set `hold` (empty: all sets); return them."""
        ...

    def explain(self, ref: ObjectRef) -> Mapping[str, object]:
        """Say why an object is as it is, as plain JSON."""
        ...

    def pre_receive(self, repository: str, updates: tuple[PushedUpdate, ...], env: Mapping[str, str]) -> Iterator[str]:
        """Judge a push; yield lines for the pusher, the last one `exit: N`."""
        ...

    def post_receive(self, repository: str, updates: tuple[PushedUpdate, ...]) -> Iterator[str]:
        """Tell the plan of an accepted push and its progress; the last line is `exit: 0`."""
        ...

    def logs(self, request: LogRequest) -> Iterator[bytes]:
        """Stream a container's log; raise LookupError when there is no such container."""
        ...

    def exec(self, request: ExecRequest) -> ExecSession:
        """Start a command in a container; raise LookupError when there is no such running container."""
        ...

    def components(self) -> tuple[Component, ...]:
        """Check the parts of the control plane now: scheduler, controller-manager, store, agent."""
        ...

    def usage(self) -> tuple[NodeUsage, ...]:
        """Return what every node that was measured lately uses, with the Pods on it, by name."""
        ...

    def evict(self, change: Override, *, is_dry: bool = False) -> None:
        """Have a Pod deleted as by `override`, if its disruption budget allows it; `is_dry` only asks.

        Raises DisruptionForbidden when it does not, AmbiguousBudget when there is more than one.
        """
        ...

    def write_event(self, event: Event) -> StoredObject | None:
        """Make an Event of another controller, or change it where it has a resourceVersion; None: another was first."""
        ...

    def override(self, change: Override) -> None:
        """Merge a change into the overrides of its object, and look at it; what is None there stays as it was."""
        ...
