"""Claims: binding, provisioning, releasing. Pure.

The rules are those of Kubernetes' persistent volume controller. Reconciling never destroys data (P29): a claim that
goes releases its volume; with reclaim policy Delete the directory is moved to a dated trash, and otherwise stays until
a person removes it.
"""

from typing import cast

from reconciler.model.kinds import Node, PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimStatus, Pod
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Decision, Reason
from reconciler.model.refs import ObjectRef
from reconciler.planner.storage.catalogue import Catalogue
from reconciler.planner.storage.classes import LOCAL_PROVISIONER as LOCAL_PROVISIONER
from reconciler.planner.storage.classes import class_name_of as class_name_of
from reconciler.planner.storage.classes import class_of, is_of_provider, is_on_share, is_provisioned, waits_for_consumer
from reconciler.planner.storage.classes import ensure_default_class as ensure_default_class
from reconciler.planner.storage.expansion import grow
from reconciler.planner.storage.phases import sync_volume
from reconciler.planner.storage.provided import fate_of, heed_provider, volume_of_provider
from reconciler.planner.storage.provision import node_for_any, provision, why_not_made
from reconciler.planner.storage.stranded import warn_of_stranded
from reconciler.planner.storage.volumes import (
    BOUND_BY_CONTROLLER,
    SELECTED_NODE,
    is_for,
    reference_to,
    wanted_size,
    why_unfit,
)
from reconciler.planner.storage.volumes import PROVISIONED_BY as PROVISIONED_BY
from reconciler.planner.storage.volumes import is_trash as is_trash
from reconciler.planner.storage.volumes import node_of as node_of
from reconciler.planner.storage.volumes import path_of as path_of
from reconciler.planner.view import View, replace

_CLAIM, _VOLUME = "PersistentVolumeClaim", "PersistentVolume"
_WAITS_FOR_POD = "waits for the first Pod that uses it to be placed"


def sync_claims(view: View) -> None:
    """Before Pods are placed: release what is no longer claimed, and bind claims that wait for no Pod."""
    for stored in view.due(_CLAIM):
        if stored.object.metadata.deletion_timestamp:
            _end(view, stored)
    for stored in view.due(_VOLUME):
        sync_volume(view, stored)
    for stored in view.due(_CLAIM):
        if not _is_pending(stored) and not stored.object.metadata.deletion_timestamp:
            _check_bound(view, stored)
    _bind_pending(view)


def bind_placed_claims(view: View) -> None:
    """Once Pods are placed: bind or provision what they use on their nodes, and say what the other claims wait for."""
    for stored, why in _bind_pending(view):
        if why == _WAITS_FOR_POD and view.was_observed(stored.ref) is None:
            view.happened(stored, "WaitForFirstConsumer", why)
        verdict = view.verdicts.get(stored.ref)
        if verdict is None or verdict.decision is Decision.UNCHANGED:
            view.judge(stored.ref, Decision.BLOCKED, Reason.CLAIM_NOT_BOUND, why, stored=stored)
    warn_of_stranded(view)


def _is_pending(stored: StoredObject) -> bool:
    return cast(PersistentVolumeClaim, stored.object).status.phase == "Pending"


def _end(view: View, stored: StoredObject) -> None:
    """A claim in use stays until its Pods are gone, as Kubernetes protects it; none is placed with it any more."""
    users = _users(view, stored)
    if users:
        message = f"in use by pod/{stored.ref.namespace}/{users[0].metadata.name}; goes when that has ended"
        view.judge(stored.ref, Decision.BLOCKED, Reason.VOLUME_IN_USE, message, stored=stored)
        return
    claim = cast(PersistentVolumeClaim, stored.object)
    volume = claim.spec.volume_name
    message = "it had no volume"
    if volume:
        fate = fate_of(view.typed(PersistentVolume, "", volume))
        message = f"volume {volume} is released, {fate or 'its data is kept'}"
    view.remove(stored, Reason.NO_LONGER_DECLARED, message)


def _users(view: View, claim: StoredObject) -> list[Pod]:
    """Return the Pods on nodes that use a claim, in the order of their names."""
    pods = (cast(Pod, one.object) for one in view.mounting(claim.ref.namespace, claim.ref.name))
    return [pod for pod in pods if pod.spec.node_name and pod.status.phase not in ("Succeeded", "Failed")]


# Claims that were bound


def _check_bound(view: View, stored: StoredObject) -> None:
    """A claim whose volume is gone, or has become another one's, is lost; it is found again with its volume."""
    claim = cast(PersistentVolumeClaim, stored.object)
    found = view.get(ObjectRef(kind=_VOLUME, name=claim.spec.volume_name)) if claim.spec.volume_name else None
    volume = cast(PersistentVolume, found.object) if found is not None else None
    if found is None or volume is None:
        _lose(view, stored, "ClaimLost", "its volume is gone: the data on it is lost")
    elif volume.spec.claim_ref is not None and not is_for(volume, claim):
        _lose(view, stored, "ClaimMisbound", f"volume {found.ref.name} belongs to another claim")
    elif claim.status.phase == "Lost" or volume.spec.claim_ref is None or not volume.spec.claim_ref.uid:
        tie(view, stored, found)
    else:
        grow(view, heed_provider(view, stored, volume))


def _lose(view: View, stored: StoredObject, reason: str, message: str) -> None:
    claim = cast(PersistentVolumeClaim, stored.object)
    if claim.status.phase != "Lost":
        stored = view.set_status(stored, replace(claim.status, phase="Lost"))
        view.happened(stored, reason, message, warning=True)


# Claims without a volume


def _bind_pending(view: View) -> list[tuple[StoredObject, str]]:
    """Bind what can be bound; return the other claims with what they wait for."""
    pending = [one for one in view.due(_CLAIM) if _is_pending(one) and not one.object.metadata.deletion_timestamp]
    if not pending:
        return []
    volumes, waiting = Catalogue(view), []
    for stored in pending:
        stored = _with_class(view, stored)
        places = [pod.spec.node_name for pod in _users(view, stored)]
        volume, why = _volume_for(view, stored, volumes, min(places, default=""))
        if volume is None:
            waiting.append((stored, why))
        else:
            tie(view, stored, volume)
    return waiting


def _with_class(view: View, stored: StoredObject) -> StoredObject:
    """Write the default class into a claim that names none, whenever there comes to be one."""
    claim = cast(PersistentVolumeClaim, stored.object)
    name = class_name_of(view, claim)
    if claim.spec.storage_class_name is not None or not name:
        return stored
    spec = replace(claim.spec, storage_class_name=name)
    return view.update(stored, replace(claim, spec=spec), reason=Reason.PLACED, judged=False)


def _volume_for(view: View, stored: StoredObject, volumes: Catalogue, place: str) -> tuple[StoredObject | None, str]:
    """Return the volume for a claim, which may be made now, or None and what the claim waits for.

    `place` is the node of a Pod that uses the claim.
    """
    claim = cast(PersistentVolumeClaim, stored.object)
    if claim.spec.volume_name:
        return _named(view, claim)
    class_name, class_ = class_name_of(view, claim), class_of(view, claim)
    if (claim.spec.data_source or claim.spec.data_source_ref) and not volumes.keeps_for(claim):
        return None, "nothing here fills a volume from a data source: it waits for one that reserves itself"
    is_delayed = waits_for_consumer(class_)
    node = claim.metadata.annotations.get(SELECTED_NODE) or (place if is_delayed else "")
    there = view.typed(Node, "", node) if node else None
    found = volumes.find(claim, class_name, there, reserved_only=is_delayed and there is None)
    if found is not None:
        return view.get(ObjectRef(kind=_VOLUME, name=found.metadata.name)), ""
    if is_delayed and not node:
        return None, _WAITS_FOR_POD
    if not class_name:
        return None, "no volume fits, and there is no storage class to make one"
    if class_ is None:
        return None, f"storage class {class_name} does not exist"
    if not is_provisioned(class_):
        return None, f"no volume fits, and provisioner {class_.provisioner} is not one of ours"
    if why := why_not_made(claim, class_):
        return None, why
    if is_of_provider(class_):
        return volume_of_provider(view, stored, class_, node, is_used=bool(place))
    node = node or ("" if is_on_share(class_) else node_for_any(view, class_, wanted_size(claim)))
    if not node and not is_on_share(class_):
        return None, f"there is no node with room on which class {class_name} makes volumes"
    return provision(view, stored, class_, node), ""


def _named(view: View, claim: PersistentVolumeClaim) -> tuple[StoredObject | None, str]:
    name = claim.spec.volume_name
    found = view.get(ObjectRef(kind=_VOLUME, name=name))
    volume = cast(PersistentVolume, found.object) if found is not None else None
    if volume is None or (volume.spec.claim_ref is not None and not is_for(volume, claim)):
        return None, f"volume {name} does not exist or belongs to another claim"
    if volume.spec.claim_ref is None and (why := why_unfit(volume, claim, class_name_of(view, claim))):
        return None, f"volume {name} cannot be bound: {why}"
    return found, ""


def tie(view: View, stored: StoredObject, volume: StoredObject) -> None:
    """Bind a claim and a volume, both ends in one transaction."""
    claim, typed = cast(PersistentVolumeClaim, stored.object), cast(PersistentVolume, volume.object)
    metadata = typed.metadata
    if typed.spec.claim_ref is None:
        metadata = replace(metadata, annotations={**metadata.annotations, BOUND_BY_CONTROLLER: "yes"})
    bound = replace(typed, metadata=metadata, spec=replace(typed.spec, claim_ref=reference_to(claim)))
    volume = view.update(volume, bound, reason=Reason.PLACED, judged=False)
    if typed.status.phase != "Bound":
        status = replace(typed.status, phase="Bound", last_phase_transition_time=view.timestamp)
        view.set_status(volume, status)
    class_name = claim.spec.storage_class_name
    spec = replace(
        claim.spec,
        volume_name=volume.ref.name,
        storage_class_name=typed.spec.storage_class_name if class_name is None else class_name,
    )
    stored = view.update(stored, replace(claim, spec=spec), reason=Reason.PLACED, judged=False)
    view.set_status(
        stored,
        PersistentVolumeClaimStatus(phase="Bound", access_modes=typed.spec.access_modes, capacity=typed.spec.capacity),
    )
    view.happened(stored, "Bound", f"bound to volume {volume.ref.name}")
