"""What an owner says when it could not make an object: condition, event and verdict, in upstream's words. Pure."""

from typing import Any, cast

from reconciler.model.kinds import Condition
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Blocked, Decision, Executor, Verb
from reconciler.planner.health import condition
from reconciler.planner.refusal import Refusal
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.conditions import with_condition, without_condition

REPLICA_FAILURE = "ReplicaFailure"
# Upstream sets the condition on the first two alone; on the others it says for how long they have been kept waiting.
_WITH_CONDITION = ("ReplicaSet", "ReplicationController", "StatefulSet", "DaemonSet", "Job")


def tell_refusals(view: View) -> None:
    """Have every owner say why it could not make an object, or that it now can."""
    for stored in view.due_of(_WITH_CONDITION):
        _set_condition(view, stored, view.refused.get(stored.ref))
    for ref, refusal in sorted(view.refused.items()):
        owner = view.get(ref)
        if owner is not None:
            _judge(view, owner, refusal)


def _set_condition(view: View, stored: StoredObject, refusal: Refusal | None) -> None:
    status = cast(Any, stored.object).status
    old = condition(status.conditions, REPLICA_FAILURE)
    if refusal is None and old is None:
        return
    if refusal is None:
        view.set_status(stored, replace(status, conditions=without_condition(status.conditions, REPLICA_FAILURE)))
        return
    if old is None or old.message != refusal.message:
        view.happened(stored, "FailedCreate", f"Error creating: {refusal.message}", warning=True)
    new = Condition(type=REPLICA_FAILURE, status="True", reason="FailedCreate", message=refusal.message)
    view.set_status(stored, replace(status, conditions=with_condition(view, status.conditions, new)))


def _judge(view: View, stored: StoredObject, refusal: Refusal) -> None:
    verdict = view.verdicts.get(stored.ref)
    if verdict is None or verdict.decision is Decision.UNCHANGED:
        view.judge(stored.ref, Decision.BLOCKED, refusal.reason, refusal.why, stored=stored)
        return
    view.blocked.append(
        Blocked(
            executor=Executor.SCHEDULING,
            verb=Verb.CREATE,
            object=stored.ref,
            reason=refusal.reason,
            message=refusal.why,
        )
    )
