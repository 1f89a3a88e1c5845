"""A plan as its JSON document. Pure.

Neither the objects that a plan writes nor any value of a Secret is in it: of a Secret only the keys show.
"""

from collections.abc import Iterable

from reconciler.model.details import TrashVolume
from reconciler.model.plan import Action, Blocked, Decision, Hold, Plan, Reason, Verdict
from reconciler.model.problem import Problem
from reconciler.model.refs import ObjectRef
from reconciler.render.details import detail_text
from reconciler.render.documents import (
    ActionPart,
    BlockedPart,
    ChangePart,
    HoldPart,
    PlanDocument,
    ProblemPart,
    RevisionPart,
    Summary,
    VerdictPart,
    change_part,
)
from reconciler.render.words import count

HIDDEN = "***"
_SECRET_FIELDS = ("data", "stringData")


def plan_document(plan: Plan, problems: Iterable[Problem] = ()) -> PlanDocument:
    """Return what is shown of a plan, actions in an order in which they could be carried out.

    `problems` are the warnings about the manifests that it was made from.
    """
    revisions = tuple(
        RevisionPart(
            source=source,
            commit=revision.commit,
            subject=revision.subject,
            author=revision.author,
            committed_at=revision.committed_at,
            branch=revision.branch,
        )
        for source, revision in sorted(plan.revisions.items())
    )
    return PlanDocument(
        id=plan.id,
        revision=revisions[0].commit if len(revisions) == 1 else "",
        revisions=revisions,
        observed_at=plan.observed_at,
        assumptions=plan.assumptions,
        complete=plan.complete,
        applyable=plan.applyable,
        errored=plan.errored,
        look_again_at=plan.look_again_at,
        verdicts=tuple(_verdict(verdict) for verdict in plan.verdicts),
        actions=tuple(_action(action) for action in in_dependency_order(plan.actions)),
        blocked=tuple(_blocked(blocked) for blocked in plan.blocked),
        holds=tuple(_hold(hold) for hold in plan.holds),
        warnings=plan.warnings,
        notes=plan.notes,
        problems=tuple(problem_part(problem) for problem in problems),
        summary=_summary(plan),
    )


def in_dependency_order(actions: Iterable[Action]) -> tuple[Action, ...]:
    """Sort actions so that each comes after what it needs, keeping the given order otherwise.

    Needs that are not among the actions have been met; a cycle, which no valid plan has, keeps its order.
    """
    pending = {action.key: action for action in actions}
    ordered: list[Action] = []
    while pending:
        ready = [action for action in pending.values() if not any(need in pending for need in action.needs)]
        for action in ready or list(pending.values()):
            ordered.append(pending.pop(action.key))
    return tuple(ordered)


def problem_part(problem: Problem) -> ProblemPart:
    """Return a problem as part of a document."""
    return ProblemPart(
        severity=problem.severity,
        file=problem.file,
        line=problem.line,
        column=problem.column,
        object=problem.object,
        pointer=problem.pointer,
        message=problem.message,
        hint=problem.hint,
        code=problem.code,
    )


def _verdict(verdict: Verdict) -> VerdictPart:
    place = verdict.provenance
    return VerdictPart(
        object=str(verdict.object),
        verdict=verdict.decision,
        reason=verdict.reason,
        message=verdict.message,
        manager=verdict.manager,
        source=place.source if place else "",
        commit=place.commit if place else "",
        file=place.file if place else "",
        line=place.line if place else 0,
        author=place.author if place else "",
        since=verdict.since,
        changes=tuple(_without_secrets(verdict.object, change_part(change)) for change in verdict.changes),
    )


def _without_secrets(ref: ObjectRef, change: ChangePart) -> ChangePart:
    field = change.path.replace("[", ".").lstrip(".").split(".", 1)[0]
    if ref.kind.lower() != "secret" or field not in _SECRET_FIELDS:
        return change
    return ChangePart(path=change.path, old=HIDDEN if change.old else "", new=HIDDEN if change.new else "")


def _action(action: Action) -> ActionPart:
    return ActionPart(
        id=action.key,
        executor=action.executor,
        verb=action.verb,
        node=action.node,
        object=str(action.object),
        detail=detail_text(action.detail),
        reason=action.reason,
        message=action.message,
        needs=action.needs,
    )


def _blocked(blocked: Blocked) -> BlockedPart:
    return BlockedPart(
        executor=blocked.executor,
        verb=blocked.verb,
        object=str(blocked.object),
        node=blocked.node,
        reason=blocked.reason,
        message=blocked.message,
        until=blocked.until,
    )


def _hold(hold: Hold) -> HoldPart:
    return HoldPart(
        id=hold.id,
        source=hold.source,
        objects=tuple(str(ref) for ref in hold.objects),
        message=hold.message,
    )


def _summary(plan: Plan) -> Summary:
    counts = dict.fromkeys(Decision, 0)
    for verdict in plan.verdicts:
        # A deletion that is held is counted as held, not once more as blocked.
        counts[verdict.decision] += verdict.reason is not Reason.DELETION_HELD
    told = {verdict.object for verdict in plan.verdicts if verdict.decision is Decision.BLOCKED}
    return Summary(
        create=counts[Decision.CREATE],
        update=counts[Decision.UPDATE],
        replace=counts[Decision.REPLACE],
        delete=counts[Decision.DELETE],
        unchanged=counts[Decision.UNCHANGED],
        blocked=counts[Decision.BLOCKED] + sum(one.object not in told for one in plan.blocked),
        actions=len(plan.actions),
        held=sum(len(hold.objects) for hold in plan.holds),
        is_empty=plan.is_empty,
        data=_data_sentence(plan),
    )


def _data_sentence(plan: Plan) -> str:
    """Say what becomes of data: none is destroyed, volumes are kept or moved to the trash."""
    trashed = sum(1 for action in plan.actions if isinstance(action.detail, TrashVolume))
    if trashed:
        return f"Data of {count(trashed, 'volume')} moves to the trash."
    released = sum(
        1
        for verdict in plan.verdicts
        if verdict.decision is Decision.DELETE and verdict.object.kind == "PersistentVolumeClaim"
    )
    if released:
        return f"No data is lost: the data of {count(released, 'claim')} is kept."
    return "No data is lost."
