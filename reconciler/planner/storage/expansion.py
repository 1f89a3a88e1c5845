"""Claims that grow: whether their class lets them, and how their volume follows. Pure.

Kubernetes' PersistentVolumeClaimResize decides whether. A directory has no size of its own: only what is written grows.
"""

from fractions import Fraction
from typing import cast

from reconciler.model.kinds import PersistentVolume, PersistentVolumeClaim
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.model.quantity import parse_quantity
from reconciler.model.refs import ObjectRef
from reconciler.planner.storage.classes import Objects, class_of, is_provisioned
from reconciler.planner.storage.provided import grown_by_provider, is_made_by_provider, settle_size
from reconciler.planner.storage.volumes import wanted_size
from reconciler.planner.view import View, replace


def why_not_resized(objects: Objects, before: PersistentVolumeClaim, after: PersistentVolumeClaim) -> str:
    """Return why a claim may not ask for more than before; an empty text: it may, or it does not."""
    if wanted_size(after) <= wanted_size(before):
        return ""
    if before.status.phase != "Bound":
        return "only bound persistent volume claims can be expanded"
    class_ = class_of(objects, before)
    if class_ is None or not class_.allow_volume_expansion:
        return (
            "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc "
            "must support resize"
        )
    return ""


def grow(view: View, stored: StoredObject) -> StoredObject:
    """Have the volume of a bound claim that asks for more grow with it; return the claim as it is then."""
    claim = cast(PersistentVolumeClaim, stored.object)
    size = claim.spec.resources.requests.get("storage", "0")
    if size == claim.status.capacity.get("storage"):
        return settle_size(view, stored)
    class_ = class_of(view, claim) if wanted_size(claim) > _size_noted(claim) else None
    if class_ is None or not (class_.allow_volume_expansion and is_provisioned(class_)):
        return stored
    found = view.get(ObjectRef(kind="PersistentVolume", name=claim.spec.volume_name))
    assert found is not None
    volume = cast(PersistentVolume, found.object)
    if is_made_by_provider(volume):
        size = grown_by_provider(view, stored, volume)
        if not size:
            return stored
    message = f"grows to {size} with claim {stored.ref.namespace}/{stored.ref.name}"
    grown = replace(volume, spec=replace(volume.spec, capacity={**volume.spec.capacity, "storage": size}))
    view.update(found, grown, reason=Reason.SPEC_CHANGED, message=message)
    status = cast(PersistentVolumeClaim, settle_size(view, stored).object).status
    stored = view.set_status(stored, replace(status, capacity={**status.capacity, "storage": size}))
    view.happened(stored, "VolumeResizeSuccessful", f"volume {volume.metadata.name} {message}")
    return stored


def _size_noted(claim: PersistentVolumeClaim) -> Fraction:
    return parse_quantity(claim.status.capacity.get("storage", 0))
