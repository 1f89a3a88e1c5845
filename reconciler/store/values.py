"""What goes into the store in one transaction and what comes out: plain frozen values, no SQL."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from reconciler.model.base import Value
from reconciler.model.desired import RevisionInfo
from reconciler.model.node_report import ContainerFact, PodReport
from reconciler.model.observed import Acknowledgement, NodeState, SourceState, StoredObject
from reconciler.model.overrides import Override
from reconciler.model.plan import Action, Outcome, Plan
from reconciler.model.problem import Problem
from reconciler.model.refs import ObjectRef

LEADER = "leader"
"""The name of the lease whose term every leader's transaction relies on."""


@dataclass(frozen=True, slots=True)
class Lease:
    """An exclusive right until `expires_at` (Unix seconds). `term` rises whenever it changes hands or had expired."""

    name: str
    holder: str
    term: int
    expires_at: float
    ttl_s: float


class EventType(StrEnum):
    """What the change log says of an object; the words of a Kubernetes watch."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Logged:
    """One entry of the change log: the object's new state, or its last one when it was deleted.

    `previous` is the state before, where the reader still knows it (an Index does, the stored log does not).
    """

    resource_version: int
    type: EventType
    stored: StoredObject
    previous: StoredObject | None = None


class RevisionState(StrEnum):
    """What became of a revision."""

    APPLIED = "applied"
    FAILED = "failed"
    HELD = "held"
    ROLLED_BACK = "rolled back"


class RevisionRecord(Value):
    """One revision of a source in history, with the problems that refused it. `at` is Unix seconds."""

    source: str
    revision: RevisionInfo
    state: RevisionState
    problems: tuple[Problem, ...] = ()
    at: float = 0.0


class ActionRecord(Value):
    """One action with what came of it. `plan` is the id of the plan it belonged to.

    Of its detail only the `type` (as on the wire) and the `image` it is about are kept.
    """

    plan: str = ""
    action: Action
    outcome: Outcome
    at: float = 0.0
    type: str = ""
    image: str = ""


class PlanRecord(Value):
    """One plan in history: the document as shown, without unchanged verdicts (only their number) and details."""

    id: str
    at: float
    unchanged: int = 0
    plan: Plan


class RanPod(Value):
    """What one Pod was at a time in the past: since when it had been so, and its containers (image, revision)."""

    since: float
    node: str
    report: PodReport
    containers: tuple[ContainerFact, ...] = ()


class Binding(NamedTuple):
    """A Pod (of this uid) is placed on a node."""

    pod: ObjectRef
    uid: str
    node: str


@dataclass(frozen=True, slots=True)
class SideState:
    """The small tables beside the objects, read whole."""

    allocations: Mapping[str, str] = field(default_factory=dict)
    acknowledgements: tuple[Acknowledgement, ...] = ()
    sources: Mapping[str, SourceState] = field(default_factory=dict)
    overrides: Mapping[ObjectRef, Override] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that a planning pass reads, as of one moment (of one `resource_version`)."""

    resource_version: int
    side_version: int
    objects: Mapping[ObjectRef, StoredObject]
    tombstones: Mapping[ObjectRef, int]
    allocations: Mapping[str, str]
    acknowledgements: tuple[Acknowledgement, ...]
    sources: Mapping[str, SourceState]
    overrides: Mapping[ObjectRef, Override]
    nodes: Mapping[str, NodeState]
