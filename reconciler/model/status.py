"""What `status` shows: one honest word for the whole, and everything it rests on."""

from collections.abc import Mapping
from enum import StrEnum

from reconciler.model.base import Value
from reconciler.model.desired import RevisionInfo
from reconciler.model.plan import Hold, Plan
from reconciler.model.problem import Problem


class Health(StrEnum):
    """How something is, from best to worst; the whole is as bad as its worst part."""

    HEALTHY = "healthy"
    SUSPENDED = "suspended"
    PROGRESSING = "progressing"
    HELD = "held"
    ROLLED_BACK = "rolled back"
    UNKNOWN = "unknown"
    DEGRADED = "degraded"


class ObjectHealth(Value):
    """How one object is. `object` is `kind/namespace/name`; `ready` such as `2/3`."""

    object: str
    health: Health
    reason: str = ""
    message: str = ""
    ready: str = ""
    since: float | None = None


class SourceStatus(Value):
    """One source: where it points, what was read and applied, and what is in the way. Ages in seconds."""

    name: str
    url: str = ""
    branch: str = ""
    path: str = ""
    health: Health = Health.UNKNOWN
    newest: RevisionInfo | None = None
    applied: RevisionInfo | None = None
    suspended: bool = False
    held: str = ""
    held_because: str = ""
    error: str = ""
    problems: tuple[Problem, ...] = ()
    last_good_poll_at: float | None = None


# Conditions of a Node that is ready all the same: no Pod gets its network there; something else is not done.
NETWORK_UNAVAILABLE = "NetworkUnavailable"
NODE_DEGRADED = "reconciler.dev/Degraded"
TROUBLES = (NETWORK_UNAVAILABLE, NODE_DEGRADED)


class NodeTrouble(Value):
    """What is wrong with a node for all that it is ready: a `condition` of it that is True. `since` is Unix seconds."""

    condition: str
    reason: str = ""
    message: str = ""
    since: float | None = None


class NodeStatus(Value):
    """One node: when it last reported, whether it is ready, and what lasts that it cannot do.

    `is_unsure`: it is not known yet how it is; the `message` says why: this daemon has not heard it, or what has failed
    there once is tried again.
    `running_pods` counts its Pods whose sandbox runs, `containers` its containers by state, as of that report.
    """

    name: str
    ready: bool
    message: str = ""
    reported_at: float | None = None
    pods: int = 0
    pods_ready: int = 0
    running_pods: int = 0
    containers: Mapping[str, int] = {}
    live_restore: bool = True
    troubles: tuple[NodeTrouble, ...] = ()
    is_unsure: bool = False


class LoopStatus(Value):
    """One control loop: last run (Unix seconds), how long it took (seconds), last error, whether it has ended."""

    name: str
    ran_at: float | None = None
    took_s: float = 0.0
    error: str = ""
    ended: bool = False


class Status(Value):
    """The whole. `term` is the leader's; `at` is Unix seconds; `running` are the actions under way on this host,
    `notes` what persons hold otherwise than it is declared; `counts` what was counted since the start, by metric."""

    at: float
    version: str
    cluster_id: str
    health: Health
    term: int = 0
    sources: tuple[SourceStatus, ...] = ()
    nodes: tuple[NodeStatus, ...] = ()
    objects: tuple[ObjectHealth, ...] = ()
    holds: tuple[Hold, ...] = ()
    loops: tuple[LoopStatus, ...] = ()
    running: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    counts: Mapping[str, Mapping[str, int]] = {}


class PlanAnswer(Value):
    """A plan, or the problems that prevent one."""

    plan: Plan | None = None
    problems: tuple[Problem, ...] = ()
