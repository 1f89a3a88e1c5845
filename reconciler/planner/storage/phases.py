"""The phase of a volume: Available, Bound, Released, Failed; and its end. Pure.

Released holds until a person clears `claimRef`: whoever comes next must not find another one's data. What becomes of a
released volume is its reclaim policy's; nothing is destroyed (P29).
"""

from typing import cast

from reconciler.model.kinds import ObjectReference, PersistentVolume, PersistentVolumeClaim, PersistentVolumeStatus
from reconciler.model.observed import StoredObject
from reconciler.model.overrides import without
from reconciler.model.plan import Decision, Reason
from reconciler.planner.storage.finalizers import sync_finalizers
from reconciler.planner.storage.provided import fate_of, forget_deleted, is_made_by_provider
from reconciler.planner.storage.volumes import (
    BOUND_BY_CONTROLLER,
    TRASHED_BY,
    is_directory_on_share,
    is_provisioned_here,
    is_trash,
    node_of,
    path_of,
)
from reconciler.planner.view import SYSTEM, View, replace
from reconciler.planner.workloads.pods import is_silent

_NOT_DELETED = "nothing here deletes a volume that was not made here: its data stays where it is"


def sync_volume(view: View, stored: StoredObject) -> None:
    """Bring a volume's phase to what has become of its claim."""
    stored = _freed(view, _freed_by_person(view, stored) if view.overrides else stored)
    stored = sync_finalizers(view, stored)
    volume = cast(PersistentVolume, stored.object)
    wanted = _status(view, volume)
    if volume.status.phase != wanted.phase:
        stored = view.set_status(stored, replace(wanted, last_phase_transition_time=view.timestamp))
        if wanted.phase == "Released":
            view.happened(stored, "VolumeReleased", f"its claim is gone; {fate_of(volume) or 'the data is kept'}")
        elif wanted.phase == "Failed":
            view.happened(stored, wanted.reason, wanted.message, warning=True)
    if volume.metadata.deletion_timestamp:
        _end(view, stored)
    elif stored.ref not in view.verdicts:
        is_released = wanted.phase in ("Released", "Failed")
        reason = Reason.RELEASED if is_released else Reason.IN_SYNC
        view.judge(stored.ref, Decision.UNCHANGED, reason, wanted.message, stored=stored)
    _forget_trashed(view, stored)


def _freed_by_person(view: View, stored: StoredObject) -> StoredObject:
    """Forget a claim that is gone where a person says so: the volume, with what is on it, is anybody's then."""
    override = view.overrides.get(stored.ref)
    if override is None or not override.freed or override.uid != stored.object.metadata.uid:
        return stored
    volume = cast(PersistentVolume, stored.object)
    ref = volume.spec.claim_ref
    if ref is not None and ref.uid == override.freed and volume.status.phase in ("Released", "Failed"):
        view.happened(stored, "VolumeFreed", f"{override.by} gave it free; it was {ref.namespace}/{ref.name}'s")
        freed = replace(volume, spec=replace(volume.spec, claim_ref=None))
        message = f"given free by {override.by}"
        stored = view.update(stored, freed, reason=Reason.RELEASED, message=message)
    left = without(override, freed="")
    if left is None:
        del view.overrides[stored.ref]
    else:
        view.overrides[stored.ref] = left
    return stored


def _freed(view: View, stored: StoredObject) -> StoredObject:
    """Let go of a claim that has got another volume; what a person wrote stays, for the next one of that name."""
    volume = cast(PersistentVolume, stored.object)
    ref = volume.spec.claim_ref
    claim = _claim(view, ref) if ref is not None else None
    if ref is None or claim is None or claim.spec.volume_name in ("", volume.metadata.name):
        return stored
    if not ref.uid or (_is_made(volume) and volume.spec.persistent_volume_reclaim_policy == "Delete"):
        return stored
    is_ours = BOUND_BY_CONTROLLER in volume.metadata.annotations
    kept = None if is_ours else replace(ref, uid="")
    annotations = {name: text for name, text in volume.metadata.annotations.items() if name != BOUND_BY_CONTROLLER}
    freed = replace(
        volume,
        metadata=replace(volume.metadata, annotations=annotations),
        spec=replace(volume.spec, claim_ref=kept),
    )
    return view.update(stored, freed, reason=Reason.RELEASED, judged=False)


def _status(view: View, volume: PersistentVolume) -> PersistentVolumeStatus:
    ref = volume.spec.claim_ref
    if ref is None or not ref.uid:
        return PersistentVolumeStatus(phase="Available")
    claim = _claim(view, ref)
    if claim is not None and not claim.spec.volume_name:
        return PersistentVolumeStatus(phase="Available")
    if claim is not None and claim.spec.volume_name == volume.metadata.name:
        return PersistentVolumeStatus(phase="Bound")
    if volume.spec.persistent_volume_reclaim_policy == "Delete" and not _is_made(volume):
        return PersistentVolumeStatus(phase="Failed", reason="VolumeFailedDelete", message=_NOT_DELETED)
    return PersistentVolumeStatus(phase="Released")


def _is_made(volume: PersistentVolume) -> bool:
    """Whether the volume was made for a claim: here, or by the provider."""
    return is_provisioned_here(volume) or is_made_by_provider(volume)


def _claim(view: View, ref: ObjectReference) -> PersistentVolumeClaim | None:
    """Return the very claim that is referred to; another one of its name is not meant."""
    found = view.typed(PersistentVolumeClaim, ref.namespace, ref.name)
    return found if found is not None and ref.uid in ("", found.metadata.uid) else None


def _end(view: View, stored: StoredObject) -> None:
    """A volume that is bound stays until its claim is gone, as Kubernetes protects it."""
    volume = cast(PersistentVolume, stored.object)
    ref = volume.spec.claim_ref
    if volume.status.phase == "Bound" and ref is not None:
        message = f"bound to claim {ref.namespace}/{ref.name}; goes when that is gone"
        view.judge(stored.ref, Decision.BLOCKED, Reason.VOLUME_IN_USE, message, stored=stored)
        return
    view.remove(stored, Reason.NO_LONGER_DECLARED, "its data is kept")


def _forget_trashed(view: View, stored: StoredObject) -> None:
    """A volume whose directory a node has moved to the trash is done with."""
    volume = cast(PersistentVolume, stored.object)
    if not is_trash(volume) or stored.manager != SYSTEM:
        return
    # Nodes, and the provider, tell of it.
    view.keep_awake()
    if is_made_by_provider(volume):
        forget_deleted(view, stored)
        return
    if is_directory_on_share(volume):
        _forget_on_share(view, stored)
        return
    node = view.observed.nodes.get(node_of(volume))
    facts = node.observation.facts if node and node.observation else None
    if facts and facts.complete and not {volume.metadata.name, path_of(volume)} & set(facts.directories):
        view.remove(stored, Reason.RELEASED, "its directory was moved to the trash")


def _forget_on_share(view: View, stored: StoredObject) -> None:
    """Have one node that is heard move the directory to the share's trash, and hear that it has."""
    annotations = stored.object.metadata.annotations
    name = annotations.get(TRASHED_BY, "")
    node = view.observed.nodes.get(name)
    if node is not None and node.observation is not None:
        if stored.ref.name in node.observation.facts.storage.trashed:
            view.remove(stored, Reason.RELEASED, "its directory was moved to the trash of its share")
            return
        if not is_silent(view, node):
            return
    heard = (other for other in sorted(view.observed.nodes) if not is_silent(view, view.observed.nodes[other]))
    chosen = next(heard, "")
    if chosen and chosen != name:
        metadata = replace(stored.object.metadata, annotations={**annotations, TRASHED_BY: chosen})
        volume = replace(cast(PersistentVolume, stored.object), metadata=metadata)
        view.update(stored, volume, reason=Reason.RELEASED, judged=False)
