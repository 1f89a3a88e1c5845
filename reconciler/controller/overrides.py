"""A person's override: judged, completed from what is stored and declared, and written with who did it.

Effect: the store.
"""

from typing import cast

import msgspec

from reconciler.controller.loop import Controller
from reconciler.model.canonical import digest
from reconciler.model.errors import StaleError, TerminalError
from reconciler.model.kinds import AnyObject, Deployment, PodTemplateSpec, ReplicaSet
from reconciler.model.observed import StoredObject
from reconciler.model.overrides import RESTARTABLE, RESTARTED_AT, Override, Rollback
from reconciler.model.plan import Action, Executor, Happening, Outcome, OutcomeStatus, Reason, Verb
from reconciler.model.refs import ObjectRef
from reconciler.planner.overrides import plain_template, taint_words
from reconciler.planner.updates.status import KEPT
from reconciler.planner.workloads.deployment_sets import revision_of
from reconciler.store.commit import Commit
from reconciler.store.values import ActionRecord

replace = msgspec.structs.replace


def write_override(controller: Controller, change: Override) -> None:
    """Merge a change into the overrides of its object, with an event and a line of history; see the port.

    Raises LookupError when the object (or the revision to return to) does not exist, StaleError when it is another one
    by now, TerminalError when this cannot be overridden on it.
    """
    stored = controller.index.get(change.ref)
    if stored is None:
        raise LookupError(f"{change.ref} does not exist")
    uid = stored.object.metadata.uid
    if change.uid and change.uid != uid:
        raise StaleError(f"{change.ref} was deleted and made again", reason="Conflict")
    _require_possible(stored, change)
    now = controller.clock.now()
    change = replace(change, uid=uid, at=now)
    said = _said(stored, change)
    declared = _declared(controller, stored)
    if change.paused is False and isinstance(declared, Deployment) and declared.spec.paused:
        raise TerminalError(f"{change.ref} is declared as paused: resume it in the repository", reason="Invalid")
    if change.rollback is not None:
        change = _completed(controller, stored, change, change.rollback)
        said = (Reason.ROLLED_BACK, "DeploymentRollback", _rollback_words(change))
    controller.store.override(change, _told(change, *said))
    controller.look("override")


def _require_possible(stored: StoredObject, change: Override) -> None:
    kind = change.ref.kind
    given = {
        "a restart": (bool(change.restarted_at), kind in RESTARTABLE),
        "a rollback": (change.rollback is not None, kind == "Deployment"),
        "a pause": (change.paused is not None, kind == "Deployment"),
        "a cordon": (change.unschedulable is not None, kind == "Node"),
        "taints": (change.taints is not None, kind == "Node"),
        "labels": (change.labels is not None, kind == "Node"),
        "a deletion": (change.delete_at is not None, kind == "Pod"),
        "a condition": (change.conditions is not None, kind in KEPT),
        "a resize": (change.resources is not None, kind == "Pod"),
        "an ephemeral container": (change.ephemeral is not None, kind == "Pod"),
    }
    for what, (is_given, is_possible) in given.items():
        if is_given and not is_possible:
            raise TerminalError(f"{change.ref}: {what} of this kind is not one of the overrides", reason="Invalid")
    is_of_workload = change.restarted_at or change.rollback is not None or change.paused is not None
    if is_of_workload and not stored.manager.startswith("source/"):
        raise TerminalError(f"{change.ref} is not declared in a repository", reason="Invalid")


def _completed(controller: Controller, stored: StoredObject, change: Override, rollback: Rollback) -> Override:
    """Return the change with the template to return to; a return to what is declared is the end of a rollback."""
    ref = ObjectRef.of("ReplicaSet", change.ref.namespace, rollback.replica_set)
    found = controller.index.get(ref)
    if found is None or found.manager != stored.object.metadata.uid:
        raise LookupError(f"{change.ref} has no revision {rollback.revision or rollback.replica_set}")
    template = plain_template(cast(ReplicaSet, found.object).spec.template)
    restarted_at = template.metadata.annotations.get(RESTARTED_AT, "")
    declared = _declared_template(controller, stored)
    if declared is not None:
        if digest(template) == digest(declared):
            return replace(change, rollback=Rollback())
        if restarted_at and digest(_without_restart(template)) == digest(declared):
            return replace(change, rollback=Rollback(), restarted_at=restarted_at)
    complete = Rollback(
        revision=revision_of(found),
        replica_set=found.ref.name,
        digest=stored.declared_digest,
        template=template,
        by=change.by,
        at=change.at,
    )
    return replace(change, rollback=complete)


def _declared_template(controller: Controller, stored: StoredObject) -> PodTemplateSpec | None:
    declared = _declared(controller, stored)
    return declared.spec.template if isinstance(declared, Deployment) else None


def _declared(controller: Controller, stored: StoredObject) -> AnyObject | None:
    source = controller.declared.states().get(stored.manager.removeprefix("source/"))
    for one in source.objects if source is not None else ():
        if one.ref == stored.ref and one.digest == stored.declared_digest:
            return one.object
    return None


def _without_restart(template: PodTemplateSpec) -> PodTemplateSpec:
    annotations = {key: text for key, text in template.metadata.annotations.items() if key != RESTARTED_AT}
    return replace(template, metadata=replace(template.metadata, annotations=annotations))


def _said(stored: StoredObject, change: Override) -> tuple[Reason, str, str]:
    """Return the reason, the word of the event, and a sentence."""
    if change.delete_at is not None:
        return Reason.DELETION_REQUESTED, "DeletionRequested", f"deletion asked for by {change.by}"
    if change.restarted_at:
        return Reason.RESTART_REQUESTED, "RestartRequested", f"restart asked for by {change.by}"
    if change.conditions is not None:
        words = ", ".join(f"{one.type}={one.status}" for one in change.conditions) or "none"
        return Reason.STATUS, "ConditionsChanged", f"conditions of other controllers set to {words} by {change.by}"
    if change.resources is not None:
        return Reason.SPEC_CHANGED, "ResizeRequested", f"resize asked for by {change.by}"
    if change.ephemeral is not None:
        words = ", ".join(one.name for one in change.ephemeral)
        return Reason.SPEC_CHANGED, "DebuggingRequested", f"ephemeral container {words} asked for by {change.by}"
    if change.paused is not None:
        word = "paused" if change.paused else "resumed"
        return Reason.SPEC_CHANGED, f"Rollout{word.capitalize()}", f"{word} by {change.by}"
    if change.unschedulable is not None:
        word = "cordoned" if change.unschedulable else "uncordoned"
        return Reason.SPEC_CHANGED, word.capitalize(), f"{word} by {change.by}"
    if change.labels:
        words = ", ".join(
            f"{key}={text}" if text is not None else f"{key}-" for key, text in sorted(change.labels.items())
        )
        return Reason.SPEC_CHANGED, "LabelsChanged", f"labels changed by {change.by}: {words}"
    taints = ", ".join(taint_words(taint) for taint in change.taints or ()) or "none"
    return Reason.SPEC_CHANGED, "TaintsChanged", f"taints set to {taints} by {change.by}"


def _rollback_words(change: Override) -> str:
    rollback = change.rollback
    if rollback is None or rollback.template is None:
        return f"back to what is declared, by {change.by}"
    return f"rolled back to revision {rollback.revision} by {change.by}; held until the declaration changes"


def _told(change: Override, reason: Reason, word: str, message: str) -> Commit:
    happening = Happening(object=change.ref, uid=change.uid, reason=word, message=message)
    key = digest("override", change)[:16]
    action = Action(
        key=key,
        executor=Executor.API,
        verb=Verb.DELETE if change.delete_at is not None else Verb.UPDATE,
        object=change.ref,
        uid=change.uid,
        reason=reason,
        message=message,
    )
    outcome = Outcome(key=key, status=OutcomeStatus.DONE, started_at=change.at, finished_at=change.at)
    return Commit(happenings=(happening,), actions=(ActionRecord(action=action, outcome=outcome, at=change.at),))
