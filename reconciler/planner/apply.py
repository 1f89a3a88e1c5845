"""What the cluster looks like once a plan's changes are written. Pure; for previews, forecasts and simulations."""

from typing import cast

from reconciler.model.details import Bind
from reconciler.model.kinds import Pod
from reconciler.model.observed import ObservedState, SourceState, StoredObject
from reconciler.model.plan import Change, Plan
from reconciler.planner.view import replace


def apply_plan(observed: ObservedState, plan: Plan) -> ObservedState:
    """Return the observed state after the plan's changes and bindings, as the store would hold it."""
    objects = dict(observed.objects)
    tombstones = dict(observed.tombstones)
    sources = dict(observed.sources)
    for change in plan.changes:
        if change.verb == "delete":
            objects.pop(change.ref, None)
            tombstones[change.ref] = max(tombstones.get(change.ref, 0), change.incarnation)
            source = change.manager.removeprefix("source/")
            if change.manager.startswith("source/") and source in sources:
                state = sources[source]
                sources[source] = replace(state, deleted_at=(*state.deleted_at, plan.observed_at))
        else:
            objects[change.ref] = _stored(change)
    for action in plan.actions:
        if isinstance(action.detail, Bind) and action.object in objects:
            stored = objects[action.object]
            pod = cast(Pod, stored.object)
            bound = replace(pod, spec=replace(pod.spec, node_name=action.detail.node))
            objects[action.object] = replace(stored, object=bound)
    for name, revision in plan.revisions.items():
        if name in sources:
            sources[name] = replace(sources[name], applied=revision, loaded=True)
    for ending in plan.endings:
        if ending.failed is None and ending.source in sources:
            sources[ending.source] = replace(sources[ending.source], healthy=ending.revision)
    for name in sources:
        sources[name] = with_holds(sources[name], plan)
    overrides = dict(observed.overrides)
    for one in plan.overrides:
        if one.after is None:
            overrides.pop(one.before.ref, None)
        else:
            overrides[one.before.ref] = one.after
    return replace(
        observed,
        objects=objects,
        tombstones=tombstones,
        sources=sources,
        allocations={key: value for key, value in {**observed.allocations, **plan.allocations}.items() if value},
        overrides=overrides,
    )


def with_holds(state: SourceState, plan: Plan) -> SourceState:
    """Return what is known of a source with the deletions that the plan holds; where it could not tell, as before."""
    for hold in plan.holds:
        if hold.source == state.name:
            return replace(state, awaiting=hold.objects, awaiting_because=hold.message)
    return replace(state, awaiting=(), awaiting_because="") if state.name in plan.unheld else state


def _stored(change: Change) -> StoredObject:
    return StoredObject(
        ref=change.ref,
        object=change.object,
        manager=change.manager,
        provenance=change.provenance,
        digest=change.digest,
        incarnation=change.incarnation,
    )
