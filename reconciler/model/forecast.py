"""The forecast of a rollout: every step until nothing changes, what is available meanwhile, and what it rests on.

Values only. Times are seconds from the beginning of the rollout.
"""

from collections.abc import Mapping

from reconciler.model.base import Value
from reconciler.model.desired import RevisionInfo
from reconciler.model.plan import Action, OutcomeStatus, Reason
from reconciler.model.problem import Problem
from reconciler.model.refs import ObjectRef

CLUSTER = "cluster"


class Estimate(Value):
    """How long one thing takes: the median of `samples` recorded durations; without samples it is a default.

    `of` is the type of a step (`pullImage`), or `ready` (from a container's start until its readiness probe succeeds)
    or `task` (from the start of a container that ends by itself until its end). An empty `image`: of any image.
    """

    of: str
    image: str = ""
    seconds: float
    samples: int = 0


class ForecastStep(Value):
    """One step: a change of the cluster's objects (`executor` is `cluster`), or an action with its detail.

    `verb` of a change is create, update, terminate (asked to end) or delete (gone).
    """

    at_s: float
    took_s: float = 0.0
    executor: str
    verb: str
    object: ObjectRef
    node: str = ""
    reason: Reason
    message: str = ""
    outcome: OutcomeStatus = OutcomeStatus.DONE
    action: Action | None = None


class Availability(Value):
    """How many ready replicas (a Service: ready endpoints) there are in the course of a rollout.

    `before` and `after` are the counts at its two ends, `wanted` is what is asked for in the end (-1: no number is).
    `lowest` is the least count between them, first reached at `lowest_at_s`. `down_s` is how long it was none, from
    the first time that there was one.
    """

    object: ObjectRef
    before: int = 0
    lowest: int = 0
    lowest_at_s: float = 0.0
    after: int = 0
    wanted: int = -1
    down_s: float = 0.0
    created: bool = False
    deleted: bool = False


class Refusal(Value):
    """Why one node does not take a Pod, in kube-scheduler's words."""

    node: str
    why: str


class Unplaced(Value):
    """A Pod that has no node in the end, with the scheduler's sentence and what each node has against it."""

    pod: ObjectRef
    message: str
    nodes: tuple[Refusal, ...] = ()


class Unsettled(Value):
    """An object that is not as it should be in the end, and why."""

    object: ObjectRef
    reason: str
    message: str = ""


class Forecast(Value):
    """A whole rollout before it happens. It is never applyable.

    `took_s` is when the last step ends; `cut` says why the forecast ends before the rollout does (empty: it does not).
    """

    revisions: Mapping[str, RevisionInfo] = {}
    observed_at: float = 0.0
    assumptions: tuple[str, ...] = ()
    took_s: float = 0.0
    cut: str = ""
    steps: tuple[ForecastStep, ...] = ()
    availability: tuple[Availability, ...] = ()
    unplaced: tuple[Unplaced, ...] = ()
    unsettled: tuple[Unsettled, ...] = ()
    estimates: tuple[Estimate, ...] = ()
    warnings: tuple[str, ...] = ()


class ForecastAnswer(Value):
    """A forecast, or the problems that prevent one."""

    forecast: Forecast | None = None
    problems: tuple[Problem, ...] = ()
