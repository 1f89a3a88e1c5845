"""What the sources declare against what is stored: create, update, replace, delete or blocked. Pure.

Every object has one manager; only its own source changes or deletes it.
"""

from collections.abc import Iterable, Mapping
from functools import partial

from reconciler.model.desired import DesiredObject, DesiredState
from reconciler.model.kinds import AnyObject, Pod
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Decision, Reason
from reconciler.model.refs import ObjectRef
from reconciler.planner.access.roles import BUILT_IN as BUILT_IN_ROLES
from reconciler.planner.admission.admit import given_defaults, why_not_admitted
from reconciler.planner.dependencies import waits_for, wave_of
from reconciler.planner.diff import field_changes
from reconciler.planner.merging import merged
from reconciler.planner.overrides import end_restart, overlaid, overlay_of, why_laid
from reconciler.planner.propagation import delete_declared
from reconciler.planner.safety import held_deletions
from reconciler.planner.storage.volumes import what_stays_behind
from reconciler.planner.updates.fault import Fault
from reconciler.planner.updates.pod import ends_with_its_image
from reconciler.planner.updates.resize import changed_resources, needs_restart, resize_faults, with_resources
from reconciler.planner.updates.rules import update_faults
from reconciler.planner.view import SYSTEM, View, in_apply_order

REPLACE_ON_CHANGE = "reconciler.dev/on-immutable-change"
ADOPT = "reconciler.dev/adopt"
# What grows with a change is weighed again; a Pod only with what it is to use.
_ADMITTED_ANEW = frozenset({"PersistentVolumeClaim", "Service"})
BUILT_IN_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


def apply_declared(view: View, desired: Mapping[str, DesiredState]) -> None:
    """Bring the view to what the sources declare, and prune what they no longer do."""
    view.read_sources = frozenset(desired)
    owners = _declared(view, desired)
    waves = {name: view.memo.get(("waves", name), (state,), partial(_waves, state)) for name, state in desired.items()}
    view.declared = owners
    for ref in view.each(in_apply_order(ref for ref in view.awake() if ref in owners)):
        source, one = owners[ref]
        _apply_one(view, source, one, waves[source])
    undeclared = sorted(ref for ref in view.awake() if ref not in owners)
    for source in sorted(desired):
        _prune(view, source, desired, undeclared)


def _waves(state: DesiredState) -> list[tuple[int, DesiredObject]]:
    return sorted(((wave_of(one), one) for one in state.objects), key=_by_wave)


def _by_wave(pair: tuple[int, DesiredObject]) -> tuple[int, ObjectRef]:
    return (pair[0], pair[1].ref)


Declared = Mapping[ObjectRef, tuple[str, DesiredObject]]


def _declared(view: View, desired: Mapping[str, DesiredState]) -> Declared:
    """Return what is declared by whom, and wake what is declared otherwise than in the pass before."""
    last: Declared = view.memo.declared
    states = tuple(desired[name] for name in sorted(desired))
    warned = len(view.warnings)
    found: Declared | None = view.memo.known("declared", states)
    if found is None:
        found = _declared_by(view, desired)
    if len(view.warnings) == warned:
        view.memo.keep("declared", states, found)
    if found is not last:
        for ref in sorted([ref for ref in {*last, *found} if not _is_declared_alike(last.get(ref), found.get(ref))]):
            view.wake(ref)
    view.memo.declared = found
    return found


def _is_declared_alike(old: tuple[str, DesiredObject] | None, new: tuple[str, DesiredObject] | None) -> bool:
    """Whether an object that was in order is so still: another commit alone changes nothing of it."""
    if old is None or new is None or old[0] != new[0]:
        return False
    one, other = old[1], new[1]
    if one is other:
        return True
    places = [(declared.provenance.file, declared.provenance.line) for declared in (one, other)]
    return one.digest == other.digest and places[0] == places[1]


def _declared_by(view: View, desired: Mapping[str, DesiredState]) -> dict[ObjectRef, tuple[str, DesiredObject]]:
    """Choose for each declared object the source that manages it; the others are told in a warning."""
    found: dict[ObjectRef, tuple[str, DesiredObject]] = {}
    for source in sorted(desired):
        for one in desired[source].objects:
            if one.ref not in found:
                found[one.ref] = (source, one)
                continue
            other_source, other = found[one.ref]
            stored = view.was_observed(one.ref)
            winner, loser = (source, one), (other_source, other)
            if stored is None or stored.manager != f"source/{source}":
                winner, loser = loser, winner
            found[one.ref] = winner
            view.warnings.append(
                f"{one.ref} is declared by two sources: {_place(*winner)} manages it, {_place(*loser)} is ignored"
            )
    return found


def _place(source: str, one: DesiredObject) -> str:
    return f"{source} ({one.provenance.file}:{one.provenance.line})"


def _apply_one(view: View, source: str, one: DesiredObject, by_wave: list[tuple[int, DesiredObject]]) -> None:
    stored = view.get(one.ref)
    if stored is not None and stored.declared_digest == one.digest and stored.manager == f"source/{source}":
        _keep(view, stored, one)
        return
    if blocked := _why_blocked(view, source, one, stored, by_wave):
        reason, message = blocked
        view.judge(one.ref, Decision.BLOCKED, reason, message, provenance=one.provenance, stored=stored)
    elif stored is None:
        _create(view, source, one, Reason.DECLARED)
    else:
        _change(view, source, one, stored)


def _create(view: View, source: str, one: DesiredObject, reason: Reason, message: str = "") -> None:
    """Create an object as its namespace admits it."""
    object = given_defaults(view, one.object)
    if refusal := why_not_admitted(view, object, view.get(one.ref)):
        view.judge(one.ref, Decision.BLOCKED, refusal.reason, refusal.why, provenance=one.provenance)
        return
    view.create(
        object,
        manager=f"source/{source}",
        reason=reason,
        message=message,
        provenance=one.provenance,
        digest=one.digest,
    )


def _keep(view: View, stored: StoredObject, one: DesiredObject) -> None:
    """Only where it was declared may have moved, which is no change, and what a person laid over it."""
    if stored.provenance != one.provenance and _moved(stored, one):
        stored = view.update(stored, stored.object, reason=Reason.IN_SYNC, provenance=one.provenance, judged=False)
    overlay = overlay_of(view, stored, one.digest)
    if stored.digest == overlay.digest_with(one.digest):
        view.judge(one.ref, Decision.UNCHANGED, Reason.IN_SYNC, stored=stored)
        return
    wanted, digest = overlaid(view, stored, merged(view, stored, one.object), one.digest)
    reason, message = why_laid(view, stored, overlay)
    changes = field_changes(stored.object, wanted)
    if not changes:
        # Only who decides on a part of it has changed.
        stored = view.update(stored, wanted, reason=reason, digest=digest, judged=False)
        view.judge(one.ref, Decision.UNCHANGED, Reason.IN_SYNC, stored=stored)
        return
    view.update(stored, wanted, reason=reason, message=message, changes=changes, digest=digest)


def _moved(stored: StoredObject, one: DesiredObject) -> bool:
    """Whether file or line changed: another commit alone does not rewrite every object."""
    old, new = stored.provenance, one.provenance
    return old is None or (old.file, old.line) != (new.file, new.line)


def _why_blocked(
    view: View,
    source: str,
    one: DesiredObject,
    stored: StoredObject | None,
    by_wave: list[tuple[int, DesiredObject]],
) -> tuple[Reason, str] | None:
    state = view.observed.sources.get(source)
    if state is not None and state.suspended:
        return Reason.SUSPENDED, f"source {source} is suspended"
    if stored is not None and (conflict := _why_not_ours(view, source, one, stored)):
        return Reason.CONFLICT, conflict
    if missing := _namespace_problem(view, one.ref):
        return missing
    if stored is not None and stored.object.metadata.deletion_timestamp:
        return Reason.POD_TERMINATING, "waits until the old one has ended"
    return waits_for(view, one, by_wave)


def _why_not_ours(view: View, source: str, one: DesiredObject, stored: StoredObject) -> str:
    """Return why a source may not take an object over; empty when it may, or has it already.

    Had another source that was read declared the object still, that would have stayed the manager, see `_declared_by`.
    """
    if stored.manager == f"source/{source}":
        return ""
    other = stored.manager.removeprefix("source/") if stored.manager.startswith("source/") else ""
    # After a start either source may be read first.
    is_unread = other in view.observed.sources and other not in view.read_sources
    if one.object.metadata.annotations.get(ADOPT) == "true":
        why = f"it is managed by {stored.manager}, which has not been read since the start and may declare it still"
        return why if is_unread else ""
    # What is built in may simply be declared; a source that is gone gives its objects up.
    is_built_in = stored.ref.kind in ("Namespace", "StorageClass", "PriorityClass") or stored.ref in BUILT_IN_ROLES
    if (is_built_in and stored.manager == SYSTEM and not stored.digest) or (other and not is_unread):
        return ""
    return f'it exists already and is managed by {stored.manager}; adopt with {ADOPT}: "true"'


def _namespace_problem(view: View, ref: ObjectRef) -> tuple[Reason, str] | None:
    if not ref.namespace:
        return None
    namespace = view.get(ObjectRef(kind="Namespace", name=ref.namespace))
    if namespace is None:
        return Reason.MISSING_REFERENCE, f"namespace {ref.namespace} does not exist"
    if namespace.object.metadata.deletion_timestamp:
        return Reason.NAMESPACE_TERMINATING, f"namespace {ref.namespace} is terminating"
    return None


def _change(view: View, source: str, one: DesiredObject, stored: StoredObject) -> None:
    end_restart(view, stored, one)
    wanted, digest = overlaid(view, stored, merged(view, stored, one.object), one.digest)
    fixed = _why_not_in_place(stored.object, wanted)
    changes = field_changes(stored.object, wanted)
    how = _how(stored.object, wanted)
    is_weighed = not fixed and (one.ref.kind in _ADMITTED_ANEW or bool(how))
    refusal = why_not_admitted(view, wanted, stored) if is_weighed else None
    if refusal is not None:
        view.judge(
            one.ref,
            Decision.BLOCKED,
            refusal.reason,
            refusal.why,
            changes=changes,
            stored=stored,
            provenance=one.provenance,
        )
    elif not fixed:
        view.update(
            stored,
            wanted,
            reason=Reason.SPEC_CHANGED,
            message=how,
            changes=changes,
            provenance=one.provenance,
            digest=digest,
            manager=f"source/{source}",
        )
    elif one.ref.kind == "Pod" or one.object.metadata.annotations.get(REPLACE_ON_CHANGE) == "replace":
        _replace(view, source, one, stored, fixed)
    else:
        hint = f"set the annotation {REPLACE_ON_CHANGE}: replace, or give it another name"
        view.judge(
            one.ref,
            Decision.BLOCKED,
            Reason.IMMUTABLE_FIELD,
            f"{fixed}; {hint}",
            changes=changes,
            stored=stored,
            provenance=one.provenance,
        )


def _why_not_in_place(old: AnyObject, wanted: AnyObject) -> str:
    """Return what Kubernetes refuses of a change of an object that exists, as a sentence; empty when it takes it."""
    if not (isinstance(old, Pod) and isinstance(wanted, Pod)):
        return _sentence(update_faults(old, wanted))
    resized = with_resources(old, wanted)
    faults = (*(resize_faults(old, resized) if resized is not old else ()), *update_faults(resized, wanted))
    if not faults and (ends_with_its_image(old, wanted) or needs_restart(old, wanted)):
        return "spec.containers of a Pod whose containers are not started again cannot be changed"
    return _sentence(faults)


def _sentence(faults: Iterable[Fault]) -> str:
    return "; ".join(f"{fault.field} {fault.message}" for fault in faults)


def _how(old: AnyObject, wanted: AnyObject) -> str:
    """Say how a placed Pod comes to use more or less than before."""
    if not (isinstance(old, Pod) and isinstance(wanted, Pod) and old.spec.node_name):
        return ""
    return "resize in place" if changed_resources(old, wanted) else ""


def _replace(view: View, source: str, one: DesiredObject, stored: StoredObject, fixed: str) -> None:
    """Replace an object: a Pod first has to end, anything else changes over at once with its children."""
    message = f"replaced: {fixed}{what_stays_behind(stored.object)}"
    if one.ref.kind == "Pod" and not _has_ended(stored):
        view.terminate(stored, Reason.SPEC_CHANGED, message)
        view.judge(one.ref, Decision.REPLACE, Reason.SPEC_CHANGED, message, stored=stored, provenance=one.provenance)
        return
    _create(view, source, one, Reason.SPEC_CHANGED, message)


def _has_ended(stored: StoredObject) -> bool:
    return not getattr(stored.object.spec, "node_name", "")  # type: ignore[union-attr]


def _prune(view: View, source: str, desired: Mapping[str, DesiredState], undeclared: list[ObjectRef]) -> None:
    manager = f"source/{source}"
    found = map(view.observed.objects.get, undeclared)
    gone = [stored for stored in found if stored is not None and stored.manager == manager]
    # What earlier steps of this pass took away is in no record of deletions yet: it counts as ending.
    present = [stored for stored in gone if stored.ref in view.objects]
    pending = [stored for stored in present if not stored.object.metadata.deletion_timestamp]
    for stored in present:
        if stored.object.metadata.deletion_timestamp:
            _delete(view, stored)
    if why := _why_not_pruned(view, source, desired):
        for stored in pending:
            view.judge(stored.ref, Decision.BLOCKED, why[0], why[1], stored=stored)
        return
    hold = held_deletions(view, source, pending, len(gone) - len(pending))
    if hold is not None:
        view.holds.append(hold)
        message = f"held (set {hold.id}): {hold.message}; release with: reconciler apply --ack"
        for stored in pending:
            view.judge(stored.ref, Decision.BLOCKED, Reason.DELETION_HELD, message, stored=stored)
        return
    view.unheld.append(source)
    by_ref = {stored.ref: stored for stored in pending}
    for ref in reversed(in_apply_order(by_ref)):
        _delete(view, by_ref[ref])


def _why_not_pruned(view: View, source: str, desired: Mapping[str, DesiredState]) -> tuple[Reason, str] | None:
    if not (desired[source].prune and view.policy.source(source).prune):
        return Reason.NOT_PRUNED, f"source {source} does not prune"
    state = view.observed.sources.get(source)
    if state is not None and state.suspended:
        return Reason.SUSPENDED, f"source {source} is suspended"
    unread = sorted(name for name, one in view.observed.sources.items() if not one.loaded and name not in desired)
    if unread:
        return (
            Reason.SOURCE_NOT_LOADED,
            f"source {unread[0]} has not been read since start and might declare it",
        )
    return None


def _delete(view: View, stored: StoredObject) -> None:
    message = "no longer in the repository"
    if stored.ref.kind in ("Pod", "Namespace", "PersistentVolumeClaim", "PersistentVolume"):
        # These end gracefully: what they hold goes first, see `workloads.pods`, `namespaces` and `storage`.
        grace = getattr(stored.object.spec, "termination_grace_period_seconds", None)  # type: ignore[union-attr]
        view.terminate(stored, Reason.NO_LONGER_DECLARED, message, grace_s=grace)
    else:
        delete_declared(view, stored, Reason.NO_LONGER_DECLARED, message)
