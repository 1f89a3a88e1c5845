"""Why an object is as it is: verdict, reason, what it waits for, where it comes from. Pure but for its input."""

from typing import Any, cast

from reconciler.controller.loop import Controller
from reconciler.model.kinds import EndpointSlice
from reconciler.model.observed import ObservedState, StoredObject
from reconciler.model.overrides import Override
from reconciler.model.plan import Verdict
from reconciler.model.refs import ObjectRef
from reconciler.planner.health import health_of, node_health
from reconciler.planner.overrides import taint_words
from reconciler.planner.services.hints import zones_told
from reconciler.planner.unready import faults_of_pods, with_fault
from reconciler.store.store import Store


def explanation_of(controller: Controller, store: Store, ref: ObjectRef) -> dict[str, Any]:
    """Return everything that is known about why; raise LookupError when the object was never heard of."""
    observed, plan = controller.picture(), controller.last_plan
    stored = observed.objects.get(ref)
    verdict = next((one for one in plan.verdicts if one.object == ref), None)
    if stored is None and verdict is None:
        raise LookupError(f"{ref} does not exist and nothing declares it")
    told: dict[str, Any] = {"object": str(ref)}
    if verdict is not None:
        told |= _verdict(verdict)
    if stored is not None:
        told |= _stored(observed, stored)
    if stored is not None and ref.kind == "Service":
        told |= zones_told(stored, _slices_of(observed, stored))
    if ref in observed.overrides:
        told["overrides"] = _override(observed.overrides[ref])
    told["actions"] = [
        {
            "verb": record.action.verb.value,
            "executor": record.action.executor.value,
            "reason": record.action.reason.value,
            "message": record.action.message,
            "status": record.outcome.status.value,
            "outcome": record.outcome.message,
            "at": record.at,
        }
        for record in store.actions(object=ref, limit=10)
    ]
    told["events"] = [
        {"reason": event.reason, "message": event.message, "count": event.count, "last": event.last_timestamp}
        for event in store.events(object=ref, limit=10)
    ]
    return told


def _override(override: Override) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if override.rollback is not None:
        told["rolledBackTo"] = f"revision {override.rollback.revision} ({override.rollback.replica_set})"
        told["until"] = "the declaration changes in the repository, or it is rolled back to what is declared"
    if override.restarted_at:
        told["restarted"] = override.restarted_at
    if override.paused:
        told["paused"] = True
    if override.unschedulable:
        told["cordoned"] = True
    if override.taints:
        told["taints"] = [taint_words(taint) for taint in override.taints]
    if labels := {key: text for key, text in (override.labels or {}).items() if text is not None}:
        told["labels"] = labels
    if override.delete_at is not None:
        told["deletion"] = f"asked for, with {override.grace_s} s to end"
    return told | {"by": override.by, "since": override.at}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "verdict": verdict.decision.value,
        "reason": verdict.reason.value,
        "message": verdict.message,
        "changes": [f"{one.path}: {one.old} → {one.new}" for one in verdict.changes],
        "since": verdict.since,
    }


def _stored(observed: ObservedState, stored: StoredObject) -> dict[str, Any]:
    if stored.ref.kind == "Node":
        health = node_health(stored)
    else:
        health = with_fault(health_of(stored), stored, faults_of_pods(observed.objects))
    told: dict[str, Any] = {
        "health": health.health.value,
        "healthReason": health.reason,
        "healthMessage": health.message,
        "ready": health.ready,
        "manager": _manager(observed, stored),
        "uid": stored.object.metadata.uid,
        "created": stored.object.metadata.creation_timestamp,
    }
    if stored.provenance is not None:
        told |= {
            "source": stored.provenance.source,
            "commit": stored.provenance.commit,
            "file": f"{stored.provenance.file}:{stored.provenance.line}",
            "author": stored.provenance.author,
        }
    node = getattr(getattr(stored.object, "spec", None), "node_name", "")
    if node:
        told["node"] = node
    children = [
        str(other.ref)
        for other_ref, other in sorted(observed.objects.items())
        if other.manager == stored.object.metadata.uid and other_ref.kind not in ("Endpoints", "EndpointSlice")
    ]
    if children:
        told["owns"] = children
    return told


def _slices_of(observed: ObservedState, service: StoredObject) -> tuple[EndpointSlice, ...]:
    uid = service.object.metadata.uid
    found = (
        one.object
        for ref, one in sorted(observed.objects.items())
        if ref.kind == "EndpointSlice" and one.manager == uid
    )
    return tuple(cast(EndpointSlice, one) for one in found)


def _manager(observed: ObservedState, stored: StoredObject) -> str:
    """An owner's uid is told as the owner's name."""
    owner = next((one for one in stored.object.metadata.owner_references if one.controller), None)
    return f"{owner.kind.lower()}/{stored.ref.namespace}/{owner.name}" if owner else stored.manager
