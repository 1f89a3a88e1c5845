"""Generic ephemeral volumes: claims that a Pod brings along, and that go with it. Pure.

As upstream's ephemeral volume controller: the claim is named after the Pod and the volume, belongs to the Pod, and
goes when the Pod is gone; what becomes of its data is the reclaim policy's. A claim of that name that belongs to nobody
or to somebody else is never used. The name is written into the stored Pod's template of the claim.
"""

from collections.abc import Mapping
from typing import cast

from reconciler.model.kinds import (
    EphemeralVolumeSource,
    PersistentVolumeClaim,
    PersistentVolumeClaimVolumeSource,
    Pod,
    PodSpec,
    Volume,
)
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Decision, Reason
from reconciler.model.refs import ObjectRef
from reconciler.planner.admission.admit import refuse, why_not_admitted
from reconciler.planner.view import SYSTEM, View, owner_of, replace


def sync_ephemeral_claims(view: View) -> None:
    """Make the claims that Pods bring along; one that an earlier Pod of the name left goes first."""
    for stored in view.due("Pod"):
        pod = cast(Pod, stored.object)
        if not pod.spec.volumes or pod.metadata.deletion_timestamp or pod.status.phase in ("Succeeded", "Failed"):
            continue
        for volume in pod.spec.volumes:
            if volume.ephemeral is not None:
                _ensure(view, stored, volume.ephemeral)


def _ensure(view: View, owner: StoredObject, source: EphemeralVolumeSource) -> None:
    template = source.volume_claim_template
    ref = ObjectRef(kind="PersistentVolumeClaim", namespace=owner.ref.namespace, name=template.metadata.name)
    found = view.get(ref)
    if found is None:
        _create(view, owner, source, ref)
    elif _is_of_earlier(found, owner) and found.object.metadata.deletion_timestamp is None:
        view.terminate(found, Reason.OWNER_DELETED, f"it was that of an earlier {owner.ref}")
    elif not is_claim_of(cast(Pod, owner.object), cast(PersistentVolumeClaim, found.object)):
        why = not_made_for(ref.name, owner.ref.name)
        view.judge(owner.ref, Decision.BLOCKED, Reason.CONFLICT, why, stored=owner)


def _create(view: View, owner: StoredObject, source: EphemeralVolumeSource, ref: ObjectRef) -> None:
    template = source.volume_claim_template
    metadata = replace(template.metadata, name=ref.name, namespace=ref.namespace, owner_references=(owner_of(owner),))
    claim = PersistentVolumeClaim(metadata=metadata, spec=template.spec)
    if refusal := why_not_admitted(view, claim):
        refuse(view, owner, refusal)
        view.judge(owner.ref, Decision.BLOCKED, refusal.reason, refusal.message, stored=owner)
        return
    message = f"for {owner.ref}"
    view.create(claim, manager=SYSTEM, reason=Reason.CLAIM_TEMPLATE, message=message, provenance=owner.provenance)


def _is_of_earlier(claim: StoredObject, owner: StoredObject) -> bool:
    uid = owner.object.metadata.uid
    return any(
        one.controller and (one.kind, one.name) == ("Pod", owner.ref.name) and one.uid != uid
        for one in claim.object.metadata.owner_references
    )


def is_claim_of(pod: Pod, claim: PersistentVolumeClaim) -> bool:
    """Whether a Pod brought this claim along."""
    return any(one.controller and one.uid == pod.metadata.uid for one in claim.metadata.owner_references)


def not_made_for(claim: str, pod: str) -> str:
    """Return the sentence about a claim of the right name that is not the Pod's."""
    return f'PVC "{claim}" was not created for pod "{pod}" (pod is not owner)'


def claims_brought_along(spec: PodSpec) -> Mapping[str, EphemeralVolumeSource]:
    """Return the claims that a stored Pod brings along, by name."""
    sources = (volume.ephemeral for volume in spec.volumes)
    return {one.volume_claim_template.metadata.name: one for one in sources if one is not None}


def with_mounted_claims(spec: PodSpec) -> PodSpec:
    """Return the spec for the node, to which the claim of an ephemeral volume is like any other."""
    if not claims_brought_along(spec):
        return spec
    return replace(spec, volumes=tuple(_mounted(volume) for volume in spec.volumes))


def _mounted(volume: Volume) -> Volume:
    if volume.ephemeral is None:
        return volume
    name = volume.ephemeral.volume_claim_template.metadata.name
    return Volume(name=volume.name, persistent_volume_claim=PersistentVolumeClaimVolumeSource(claim_name=name))
