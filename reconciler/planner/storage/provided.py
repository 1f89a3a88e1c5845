"""Volumes that a provider makes: asked for by marks on claims, taken over once it tells of them. Pure.

As with Kubernetes' external provisioners, a claim whose volume is to be made bears the annotation
`volume.kubernetes.io/storage-provisioner`, and the node of its first Pod where its class waits for that.
"""

from collections.abc import Iterable, Iterator
from typing import cast

from reconciler.model import kinds as k
from reconciler.model.kinds import Condition, PersistentVolume, PersistentVolumeClaim, StorageClass
from reconciler.model.observed import ObservedState, StoredObject
from reconciler.model.plan import Reason
from reconciler.model.provider import (
    PROVIDER_PROVISIONER,
    Owner,
    ProviderAnswer,
    ProviderState,
    ProviderVolume,
    VolumeMade,
)
from reconciler.model.quantity import bytes_of
from reconciler.model.refs import ObjectRef
from reconciler.planner.storage.finalizers import with_finalizers
from reconciler.planner.storage.provided_faults import fault_of_bound, fault_of_new, place_in_words, reach_of, said
from reconciler.planner.storage.volumes import ASKED_OF, PROVISIONED_BY, SELECTED_NODE, is_trash, size_of, wanted_size
from reconciler.planner.view import SYSTEM, View, replace

_CLAIM, _VOLUME = "PersistentVolumeClaim", "PersistentVolume"
_MADE, _RESIZING, _NOT_RESIZED = "reconciler.dev/VolumeMade", "Resizing", "ControllerResizeError"
_ZONE = "topology.kubernetes.io/zone"


def is_made_by_provider(volume: PersistentVolume) -> bool:
    """Whether the provider made the volume."""
    return volume.metadata.annotations.get(PROVISIONED_BY) == PROVIDER_PROVISIONER


def fate_of(volume: PersistentVolume | None) -> str:
    """Say what becomes of a volume whose claim is gone; nothing where its data is kept."""
    if volume is None or not is_made_by_provider(volume):
        return ""
    is_deleted = volume.spec.persistent_volume_reclaim_policy == "Delete"
    return "the provider is asked to delete it" if is_deleted else ""


# What is asked


def wanted_volumes(observed: ObservedState) -> Iterator[ProviderVolume]:
    """Yield the volumes wanted of a provider: those that claims wait for, and those it has made; in order of names."""
    asked = [one for stored in _of_kind(observed, _CLAIM) if (one := _for_claim(observed, stored)) is not None]
    made = [one for stored in _of_kind(observed, _VOLUME) if (one := _for_volume(observed, stored)) is not None]
    known = {one.name for one in made}
    yield from sorted([*made, *(one for one in asked if one.name not in known)], key=lambda one: one.name)


def deleted_volumes(asked: Iterable[ProviderVolume], answer: ProviderAnswer) -> frozenset[str]:
    """Return the volumes whose deletion was asked for, and that an answer no longer tells of."""
    if "volumes" not in answer.capabilities:
        return frozenset()
    there = {one.name for one in answer.volumes}
    return frozenset(one.name for one in asked if one.deleting and one.name not in there)


def _for_claim(observed: ObservedState, stored: StoredObject) -> ProviderVolume | None:
    claim = cast(PersistentVolumeClaim, stored.object)
    annotations = claim.metadata.annotations
    is_waiting = claim.status.phase == "Pending" and not claim.spec.volume_name
    if annotations.get(ASKED_OF) != PROVIDER_PROVISIONER or not is_waiting or claim.metadata.deletion_timestamp:
        return None
    class_ = _class(observed, claim.spec.storage_class_name or "")
    if class_ is None or class_.provisioner != PROVIDER_PROVISIONER:
        return None
    node = annotations.get(SELECTED_NODE, "")
    place = observed.objects.get(ObjectRef(kind="Node", name=node))
    return ProviderVolume(
        name=_name_for(claim),
        claim=Owner(kind=_CLAIM, namespace=stored.ref.namespace, name=stored.ref.name, uid=claim.metadata.uid),
        size=bytes_of(claim.spec.resources.requests.get("storage", "0")),
        storage_class=class_.metadata.name,
        parameters=class_.parameters,
        access_modes=claim.spec.access_modes,
        node=node,
        zone=place.object.metadata.labels.get(_ZONE, "") if place is not None else "",
    )


def _for_volume(observed: ObservedState, stored: StoredObject) -> ProviderVolume | None:
    volume = cast(PersistentVolume, stored.object)
    ref = volume.spec.claim_ref
    if not is_made_by_provider(volume) or stored.manager != SYSTEM:
        return None
    class_ = _class(observed, volume.spec.storage_class_name)
    size = size_of(volume)
    claim = observed.objects.get(ObjectRef(kind=_CLAIM, namespace=ref.namespace, name=ref.name)) if ref else None
    if claim is not None and class_ is not None and class_.allow_volume_expansion:
        typed = cast(PersistentVolumeClaim, claim.object)
        size = max(size, wanted_size(typed)) if typed.spec.volume_name == volume.metadata.name else size
    return ProviderVolume(
        name=volume.metadata.name,
        claim=Owner(
            kind=_CLAIM,
            namespace=ref.namespace if ref else "",
            name=ref.name if ref else "",
            uid=ref.uid if ref else "",
        ),
        size=-(-size.numerator // size.denominator),
        storage_class=volume.spec.storage_class_name,
        parameters=class_.parameters if class_ is not None else {},
        access_modes=volume.spec.access_modes,
        deleting=is_trash(volume),
    )


def _of_kind(observed: ObservedState, kind: str) -> Iterator[StoredObject]:
    return (stored for ref, stored in observed.objects.items() if ref.kind == kind)


def _class(observed: ObservedState, name: str) -> StorageClass | None:
    stored = observed.objects.get(ObjectRef(kind="StorageClass", name=name)) if name else None
    return cast(StorageClass, stored.object) if stored is not None else None


def _name_for(claim: PersistentVolumeClaim) -> str:
    return f"pvc-{claim.metadata.uid}"


# What is told


def volume_of_provider(
    view: View, stored: StoredObject, class_: StorageClass, node: str, *, is_used: bool
) -> tuple[StoredObject | None, str]:
    """Return the volume of a claim once the provider has made it; before that None, and what the claim waits for.

    `is_used`: a Pod on a node waits for it. Once none does any more, a node for which it cannot be made is given up.
    """
    provider = view.observed.provider
    if provider is None:
        return None, f"class {class_.metadata.name} needs a provider (setting provider.script)"
    stored = _asked(view, stored, node)
    claim = cast(PersistentVolumeClaim, stored.object)
    made = provider.volume(_name_for(claim))
    if provider.answer is not None and not provider.does("volumes"):
        return None, "the provider makes no volumes"
    fault = fault_of_new(view, claim, made, node) if made is not None else ""
    stored = _note(view, stored, _MADE, "ProvisioningFailed", fault)
    if fault and node and not is_used:
        _given_up(view, stored)
    if made is None or fault or not (made.nfs or made.local):
        return None, fault or _waits(provider, f"make volume {_name_for(claim)}")
    return _taken_over(view, stored, class_, made), ""


def heed_provider(view: View, stored: StoredObject, volume: PersistentVolume) -> StoredObject:
    """Have a bound claim tell when the provider says that its volume is not well, or no longer tells of it."""
    claim, provider = cast(PersistentVolumeClaim, stored.object), view.observed.provider
    if not is_made_by_provider(volume):
        return stored
    view.keep_awake()
    if provider is not None and provider.answer is None:
        return stored
    fault = fault_of_bound(provider, volume, claim)
    if fault:
        view.warnings.append(f"claim {stored.ref.namespace}/{stored.ref.name}: {fault}")
    return _note(view, stored, _MADE, "VolumeConditionAbnormal", fault)


def grown_by_provider(view: View, stored: StoredObject, volume: PersistentVolume) -> str:
    """Return the size that a claim's volume has been given at its provider; nothing while it has not."""
    claim, provider = cast(PersistentVolumeClaim, stored.object), view.observed.provider
    # Without a word of its size a volume has not grown.
    wanted, name = claim.spec.resources.requests.get("storage", "0"), volume.metadata.name
    made = provider.volume(name) if provider is not None else None
    if made is not None and made.error:
        _note(view, stored, _NOT_RESIZED, "VolumeResizeFailed", said(made))
    elif made is None or made.size < bytes_of(wanted):
        _note(view, stored, _RESIZING, "Resizing", f"waits for the provider to have volume {name} grow to {wanted}")
    else:
        return str(wanted) if made.size == bytes_of(wanted) else str(made.size)
    return ""


def settle_size(view: View, stored: StoredObject) -> StoredObject:
    """Have a claim no longer tell that its volume is to grow."""
    return _note(view, stored, _RESIZING, "", "")


def forget_deleted(view: View, stored: StoredObject) -> None:
    """A released volume is done with once the provider, asked to delete it, tells of it no more."""
    provider = view.observed.provider
    if provider is None:
        return
    if stored.ref.name in provider.deleted:
        view.remove(stored, Reason.RELEASED, "the provider has deleted it")
        return
    made, status = provider.volume(stored.ref.name), cast(PersistentVolume, stored.object).status
    message = said(made) if made is not None and made.error else ""
    if message:
        view.warnings.append(f"volume {stored.ref.name} is not deleted: {message}")
    if message and message != status.message:
        stored = view.set_status(stored, replace(status, reason="VolumeFailedDelete", message=message))
        view.happened(stored, "VolumeFailedDelete", message, warning=True)


def _asked(view: View, stored: StoredObject, node: str) -> StoredObject:
    """Mark a claim as one that waits for the provider, and for which node."""
    claim = cast(PersistentVolumeClaim, stored.object)
    marks = {ASKED_OF: PROVIDER_PROVISIONER, **({SELECTED_NODE: node} if node else {})}
    if marks.items() <= claim.metadata.annotations.items():
        return stored
    metadata = replace(claim.metadata, annotations={**claim.metadata.annotations, **marks})
    stored = view.update(stored, replace(claim, metadata=metadata), reason=Reason.PLACED, judged=False)
    view.happened(stored, "ExternalProvisioning", f"the provider is asked for volume {_name_for(claim)}")
    return stored


def _given_up(view: View, stored: StoredObject) -> None:
    """Let the next Pod that uses a claim choose its node anew, as Kubernetes' provisioners do."""
    claim = cast(PersistentVolumeClaim, stored.object)
    kept = {name: text for name, text in claim.metadata.annotations.items() if name not in (ASKED_OF, SELECTED_NODE)}
    metadata = replace(claim.metadata, annotations=kept)
    view.update(stored, replace(claim, metadata=metadata), reason=Reason.PLACED, judged=False)


def _waits(provider: ProviderState, what: str) -> str:
    return f"waits for the provider to {what}{f' ({provider.error})' if provider.error else ''}"


def _taken_over(view: View, stored: StoredObject, class_: StorageClass, made: VolumeMade) -> StoredObject:
    claim = cast(PersistentVolumeClaim, stored.object)
    asked = claim.spec.resources.requests.get("storage", "0")
    spec = k.PersistentVolumeSpec(
        capacity={"storage": asked if made.size in (0, bytes_of(asked)) else str(made.size)},
        access_modes=claim.spec.access_modes,
        persistent_volume_reclaim_policy=class_.reclaim_policy,
        storage_class_name=class_.metadata.name,
        volume_mode=claim.spec.volume_mode,
        mount_options=class_.mount_options if made.nfs else (),
        nfs=made.nfs,
        local=k.LocalVolumeSource(path=made.local.path) if made.local else None,
        node_affinity=reach_of(made.local) if made.local else k.VolumeNodeAffinity(),
    )
    where = f"at {made.nfs.server}" if made.nfs else place_in_words(made.local) if made.local else ""
    metadata = k.ObjectMeta(name=_name_for(claim), annotations={PROVISIONED_BY: PROVIDER_PROVISIONER})
    return view.create(
        with_finalizers(PersistentVolume(metadata=metadata, spec=spec)),
        manager=SYSTEM,
        reason=Reason.PROVISIONED,
        message=f"for claim {stored.ref.namespace}/{stored.ref.name} {where}, by the provider",
        provenance=stored.provenance,
    )


def _note(view: View, stored: StoredObject, type_: str, event: str, message: str) -> StoredObject:
    """Have a claim's conditions say one thing of its volume or its size, or nothing; what is new is an Event, too."""
    status = cast(PersistentVolumeClaim, stored.object).status
    group = (_MADE,) if type_ == _MADE else (_RESIZING, _NOT_RESIZED)
    others = tuple(one for one in status.conditions if one.type not in group)
    before = next((one for one in status.conditions if one.type == type_), None)
    if not message:
        return view.set_status(stored, replace(status, conditions=others))
    if before is not None and before.message == message:
        return stored
    is_bad = type_ != _RESIZING
    view.happened(stored, event, message, warning=is_bad)
    condition = Condition(
        type=type_,
        status="False" if type_ == _MADE else "True",
        reason=event,
        message=message,
        last_transition_time=view.timestamp,
    )
    return view.set_status(stored, replace(status, conditions=(*others, condition)))
