"""The plan: what is to change, the next actions towards it, and why.

Read this first. A Plan is a value: it can be stored, compared, sent and shown; nothing in it does anything.
"""

from collections.abc import Mapping
from enum import StrEnum

from reconciler.model.base import Value
from reconciler.model.desired import Provenance, RevisionInfo
from reconciler.model.details import Detail
from reconciler.model.kinds import AnyObject
from reconciler.model.overrides import OverrideChange
from reconciler.model.refs import ObjectRef


class Verb(StrEnum):
    """What an action does to its object."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    BIND = "bind"
    ATTACH = "attach"
    DETACH = "detach"
    START = "start"
    STOP = "stop"


class Executor(StrEnum):
    """Which technology carries an action out; `api`: a person did it."""

    CONTAINER = "container"
    NETWORK = "network"
    VOLUME = "volume"
    SCHEDULING = "scheduling"
    API = "api"


class Decision(StrEnum):
    """The one bucket every object ends in."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    UNCHANGED = "unchanged"
    BLOCKED = "blocked"


class Reason(StrEnum):
    """Why an object got its verdict, or an action exists. `docs/PLANNING.md` explains each."""

    DECLARED = "declared"
    SPEC_CHANGED = "spec-changed"
    IN_SYNC = "in-sync"
    NO_LONGER_DECLARED = "no-longer-declared"
    OWNER_DELETED = "owner-deleted"
    NAMESPACE_DELETED = "namespace-deleted"
    NOT_PRUNED = "not-pruned"
    SUSPENDED = "suspended"
    HELD = "held"
    DELETION_HELD = "deletion-held"
    SOURCE_NOT_LOADED = "source-not-loaded"
    DECLARED_ELSEWHERE = "declared-elsewhere"
    CONFLICT = "conflict"
    IMMUTABLE_FIELD = "immutable-field"
    WAITING_FOR_DEPENDENCY = "waiting-for-dependency"
    WAITING_FOR_WAVE = "waiting-for-wave"
    MISSING_REFERENCE = "missing-reference"
    QUOTA_EXCEEDED = "quota-exceeded"
    LIMIT_EXCEEDED = "limit-exceeded"
    NAMESPACE_TERMINATING = "namespace-terminating"
    VOLUME_IN_USE = "volume-in-use"
    CLAIM_NOT_BOUND = "claim-not-bound"
    UNSCHEDULABLE = "unschedulable"
    SCHEDULING_GATED = "scheduling-gated"
    NODE_SILENT = "node-silent"
    NODE_TAINTED = "node-tainted"
    NODE_PRESSED = "node-pressed"
    ROLLOUT = "rollout"
    SCALE_UP = "scale-up"
    SCALE_DOWN = "scale-down"
    OLD_REVISION = "old-revision"
    POD_FAILED = "pod-failed"
    POD_FINISHED = "pod-finished"
    POD_DELETED = "pod-deleted"
    JOB_RUNS = "job-runs"
    JOB_FINISHED = "job-finished"
    SCHEDULE_DUE = "schedule-due"
    EARLIER_RUN_ACTIVE = "earlier-run-active"
    REPLACED_BY_NEXT_RUN = "replaced-by-next-run"
    NODE_FITS = "node-fits"
    NODE_UNFIT = "node-unfit"
    HISTORY_LIMIT = "history-limit"
    CLAIM_TEMPLATE = "claim-template"
    ADOPTED = "adopted"
    PROVISIONED = "provisioned"
    RELEASED = "released"
    STATUS = "status"
    PLACED = "placed"
    PREEMPTED = "preempted"
    REBALANCED = "rebalanced"
    POD_ASSIGNED = "pod-assigned"
    POD_UNASSIGNED = "pod-unassigned"
    POD_TERMINATING = "pod-terminating"
    STILL_SERVED = "still-served"
    IMAGE_MISSING = "image-missing"
    IMAGE_PULL_ALWAYS = "image-pull-always"
    SANDBOX_MISSING = "sandbox-missing"
    SANDBOX_CHANGED = "sandbox-changed"
    LINK_BROKEN = "link-broken"
    CONTAINER_MISSING = "container-missing"
    CONTAINER_EXITED = "container-exited"
    CONTAINER_FINISHED = "container-finished"
    CONTAINER_UNHEALTHY = "container-unhealthy"
    CONTAINER_STRAY = "container-stray"
    BACK_OFF = "back-off"
    WAITING_FOR_INIT = "waiting-for-init"
    CONFIGURATION_CHANGED = "configuration-changed"
    VOLUME_MISSING = "volume-missing"
    VOLUME_UNUSED = "volume-unused"
    SERVICES_CHANGED = "services-changed"
    NAMES_CHANGED = "names-changed"
    PEERS_CHANGED = "peers-changed"
    ROUTES_DAMAGED = "routes-damaged"
    INGRESS_CHANGED = "ingress-changed"
    INGRESS_DOWN = "ingress-down"
    INGRESS_NOT_SERVED = "ingress-not-served"
    POLICIES_CHANGED = "policies-changed"
    POLICY_RULES_DAMAGED = "policy-rules-damaged"
    HOST_NOT_PREPARED = "host-not-prepared"
    TABLE_DAMAGED = "table-damaged"
    DEADLINE_EXCEEDED = "deadline-exceeded"
    BACKOFF_LIMIT_EXCEEDED = "backoff-limit-exceeded"
    ENGINE_SILENT = "engine-silent"
    RESTART_REQUESTED = "restart-requested"
    ROLLED_BACK = "rolled-back"
    DELETION_REQUESTED = "deletion-requested"


class FieldChange(Value):
    """One differing field: dotted path, old and new value as text. Secret values are never in it."""

    path: str
    old: str = ""
    new: str = ""


class Verdict(Value):
    """What happens to one object and why. `message` completes the reason with names and numbers."""

    object: ObjectRef
    decision: Decision
    reason: Reason
    message: str = ""
    provenance: Provenance | None = None
    manager: str = ""
    changes: tuple[FieldChange, ...] = ()
    since: float | None = None


class Change(Value):
    """One write of the store that follows from the plan: the complete new object, or the last one for a delete.

    `verb` is create, update (anything but status), `status` or delete. A created Pod carries no node; bindings are
    actions.
    """

    verb: str
    ref: ObjectRef
    object: AnyObject
    manager: str
    reason: Reason
    provenance: Provenance | None = None
    digest: str = ""
    incarnation: int = 1
    expected_resource_version: str = ""


class Happening(Value):
    """Something worth an Event object, about `object`; `field_path` is the part of it, `host` the node that tells.

    `at` is when it was, for what is told later than that; 0: now.
    """

    object: ObjectRef
    uid: str = ""
    type: str = "Normal"
    reason: str
    message: str
    field_path: str = ""
    host: str = ""
    at: float = 0.0


class Action(Value):
    """One verb on one object on one node, as data.

    `key` is the digest of (node, object uid, verb, target, attempt): the same step has the same key in every plan.
    `needs` are keys of actions that must have succeeded first. `expects` is what the executor must find (a container
    id, a digest), else it answers stale.
    """

    key: str
    executor: Executor
    verb: Verb
    object: ObjectRef
    uid: str = ""
    node: str = ""
    needs: tuple[str, ...] = ()
    reason: Reason
    message: str = ""
    expects: str = ""
    deadline_s: float = 120.0
    detail: Detail | None = None


class Blocked(Value):
    """An action that is not taken now, and what it waits for."""

    executor: Executor
    verb: Verb
    object: ObjectRef
    node: str = ""
    reason: Reason
    message: str = ""
    until: float | None = None


class Hold(Value):
    """A set of deletions that waits for a person. `id` is the digest of the set."""

    id: str
    source: str
    objects: tuple[ObjectRef, ...]
    message: str = ""


class RevisionEnding(Value):
    """What a source's revision has come to: it is healthy, or `failed` missed its deadline.

    A failed one gives way to `back_to`, the last healthy revision; None when there was none yet.
    """

    source: str
    revision: RevisionInfo
    failed: ObjectRef | None = None
    uid: str = ""
    message: str = ""
    back_to: RevisionInfo | None = None


class Plan(Value):
    """The answer of one planning pass.

    `id` digests content and basis. `complete`: every source and node that matters was readable. `applyable`: it may be
    applied as it stands. `look_again_at`: earliest time (Unix seconds) at which the answer could differ by itself.
    `notes` say what a person overrides. `unheld` are the sources of which no deletion is held, where that can be told.
    `changes`, `allocations`, `happenings`, `overrides` and `endings` are what the controller writes; they and `unheld`
    are not part of the shown document.
    """

    id: str = ""
    revisions: Mapping[str, RevisionInfo] = {}
    observed_at: float = 0.0
    assumptions: tuple[str, ...] = ()
    complete: bool = True
    applyable: bool = True
    errored: bool = False
    look_again_at: float | None = None
    verdicts: tuple[Verdict, ...] = ()
    actions: tuple[Action, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    holds: tuple[Hold, ...] = ()
    unheld: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    basis: str = ""
    changes: tuple[Change, ...] = ()
    allocations: Mapping[str, str] = {}
    happenings: tuple[Happening, ...] = ()
    overrides: tuple[OverrideChange, ...] = ()
    endings: tuple[RevisionEnding, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change: no object and no host."""
        # By identity first: a large cluster has many verdicts, and nearly all of them say that nothing is to be done.
        unchanged, blocked = Decision.UNCHANGED, Decision.BLOCKED
        if self.actions:
            return False
        busy = [one for one in self.verdicts if one.decision is not unchanged]
        return all(one.decision is blocked for one in busy)


class OutcomeStatus(StrEnum):
    """What came of an action."""

    DONE = "done"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    SKIPPED = "skipped"
    STALE = "stale"
    CANCELLED = "cancelled"


class Outcome(Value):
    """What came of one action. `retry` is transient, stale or terminal for failures; `reason` a stable word such as
    ErrImagePull. `result` is an id the effect produced (a container id). Times are Unix seconds.
    """

    key: str
    status: OutcomeStatus
    reason: str = ""
    message: str = ""
    retry: str = ""
    result: str = ""
    started_at: float = 0.0
    finished_at: float = 0.0
