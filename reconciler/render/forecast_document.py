"""A forecast as its JSON document. Pure. Values of Secrets are not in it: a step shows what it does, not with what."""

from collections.abc import Iterable

from reconciler.model.desired import RevisionInfo
from reconciler.model.details import image_of, type_of
from reconciler.model.forecast import Availability, Estimate, Forecast, ForecastStep, Unplaced, Unsettled
from reconciler.model.problem import Problem
from reconciler.render.details import detail_text
from reconciler.render.documents import Document, Part, ProblemPart, RevisionPart
from reconciler.render.plan_document import problem_part


class StepPart(Part):
    """One step: when it begins (seconds from the start of the rollout), how long it takes, and what it does.

    `executor` is `cluster` for a change of the cluster's objects; `type` is that of a step on a host.
    """

    at_s: float
    took_s: float
    executor: str
    verb: str
    object: str
    node: str = ""
    type: str = ""
    image: str = ""
    detail: str = ""
    reason: str = ""
    message: str = ""
    outcome: str = ""


class AvailabilityPart(Part):
    """How many ready replicas, or ready endpoints of a Service, there are; `wanted` is -1 where no number is."""

    object: str
    before: int
    lowest: int
    lowest_at_s: float
    after: int
    wanted: int
    down_s: float
    created: bool
    deleted: bool


class RefusalPart(Part):
    """What one node has against a Pod."""

    node: str
    why: str


class UnplacedPart(Part):
    """A Pod without a node, and what each node has against it."""

    object: str
    message: str
    nodes: tuple[RefusalPart, ...] = ()


class UnsettledPart(Part):
    """An object that is not as it should be in the end."""

    object: str
    reason: str
    message: str = ""


class EstimatePart(Part):
    """How long one thing takes, from how many recorded durations (0: a default); an empty image is any."""

    of: str
    image: str
    seconds: float
    samples: int


class ForecastDocument(Document):
    """A whole rollout before it happens. It is never applyable."""

    kind: str = "Forecast"
    revisions: tuple[RevisionPart, ...] = ()
    observed_at: float = 0.0
    assumptions: tuple[str, ...] = ()
    applyable: bool = False
    took_s: float = 0.0
    cut: str = ""
    steps: tuple[StepPart, ...] = ()
    availability: tuple[AvailabilityPart, ...] = ()
    unplaced: tuple[UnplacedPart, ...] = ()
    unsettled: tuple[UnsettledPart, ...] = ()
    estimates: tuple[EstimatePart, ...] = ()
    warnings: tuple[str, ...] = ()
    problems: tuple[ProblemPart, ...] = ()


def forecast_document(forecast: Forecast, problems: Iterable[Problem] = ()) -> ForecastDocument:
    """Return what is shown of a forecast; `problems` are the warnings about the manifests that it was made from."""
    return ForecastDocument(
        revisions=tuple(revision_part(name, one) for name, one in sorted(forecast.revisions.items())),
        observed_at=forecast.observed_at,
        assumptions=forecast.assumptions,
        took_s=forecast.took_s,
        cut=forecast.cut,
        steps=tuple(_step(one) for one in forecast.steps),
        availability=tuple(_availability(one) for one in forecast.availability),
        unplaced=tuple(unplaced_part(one) for one in forecast.unplaced),
        unsettled=tuple(_unsettled(one) for one in forecast.unsettled),
        estimates=tuple(_estimate(one) for one in forecast.estimates),
        warnings=forecast.warnings,
        problems=tuple(problem_part(problem) for problem in problems),
    )


def revision_part(source: str, revision: RevisionInfo) -> RevisionPart:
    """Return a revision as part of a document."""
    return RevisionPart(
        source=source,
        commit=revision.commit,
        subject=revision.subject,
        author=revision.author,
        committed_at=revision.committed_at,
        branch=revision.branch,
    )


def unplaced_part(one: Unplaced) -> UnplacedPart:
    """Return a Pod without a node as part of a document."""
    nodes = tuple(RefusalPart(node=refusal.node, why=refusal.why) for refusal in one.nodes)
    return UnplacedPart(object=str(one.pod), message=one.message, nodes=nodes)


def _step(step: ForecastStep) -> StepPart:
    detail = step.action.detail if step.action is not None else None
    return StepPart(
        at_s=step.at_s,
        took_s=step.took_s,
        executor=step.executor,
        verb=step.verb,
        object=str(step.object),
        node=step.node,
        type=type_of(detail),
        image=image_of(detail),
        detail=detail_text(detail),
        reason=step.reason,
        message=step.message,
        outcome=step.outcome,
    )


def _availability(one: Availability) -> AvailabilityPart:
    return AvailabilityPart(
        object=str(one.object),
        before=one.before,
        lowest=one.lowest,
        lowest_at_s=one.lowest_at_s,
        after=one.after,
        wanted=one.wanted,
        down_s=one.down_s,
        created=one.created,
        deleted=one.deleted,
    )


def _unsettled(one: Unsettled) -> UnsettledPart:
    return UnsettledPart(object=str(one.object), reason=one.reason, message=one.message)


def _estimate(one: Estimate) -> EstimatePart:
    return EstimatePart(of=one.of, image=one.image, seconds=one.seconds, samples=one.samples)
