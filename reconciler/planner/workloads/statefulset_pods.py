"""The Pods of a StatefulSet: their names, what they are made from, and which belong to it. Pure."""

import re
from functools import cache
from typing import cast

from reconciler.model.canonical import digest
from reconciler.model.kinds import (
    LabelSelector,
    ObjectMeta,
    PersistentVolumeClaimVolumeSource,
    Pod,
    PodSpec,
    PodTemplateSpec,
    StatefulSet,
    Volume,
)
from reconciler.model.labels import matches
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.model.refs import ObjectRef
from reconciler.planner.admission.admit import given_defaults, refuse, why_not_admitted
from reconciler.planner.view import SYSTEM, View, owner_of, replace
from reconciler.planner.workloads.create import with_defaults
from reconciler.planner.workloads.revisions import REVISION_LABEL

POD_NAME = "statefulset.kubernetes.io/pod-name"
POD_INDEX = "apps.kubernetes.io/pod-index"


def pod_ref(owner: StoredObject, ordinal: int) -> ObjectRef:
    """Return the reference of the Pod with a number."""
    return ObjectRef(kind="Pod", namespace=owner.ref.namespace, name=f"{owner.ref.name}-{ordinal}")


def claim_ref(owner: StoredObject, template: str, ordinal: int) -> ObjectRef:
    """Return the reference of the claim that a Pod has from a template."""
    name = f"{template}-{owner.ref.name}-{ordinal}"
    return ObjectRef(kind="PersistentVolumeClaim", namespace=owner.ref.namespace, name=name)


def ordinal_of(owner: StoredObject, name: str) -> int | None:
    """Return the number in a Pod's name; None when the name is not of this set."""
    found = _form(owner.ref.name).fullmatch(name)
    return int(found[1]) if found else None


@cache
def _form(name: str) -> re.Pattern[str]:
    return re.compile(re.escape(name) + "-(0|[1-9][0-9]*)")


def members(view: View, owner: StoredObject) -> dict[int, StoredObject]:
    """Return the Pods of a set by number, after taking in those without an owner and letting go those not its own."""
    selector = cast(StatefulSet, owner.object).spec.selector
    found: dict[int, StoredObject] = {}
    for stored in view.owned_by(owner.object.metadata.uid, "Pod"):
        ordinal = ordinal_of(owner, stored.ref.name)
        if ordinal is None or not matches(selector, stored.object.metadata.labels):
            _release(view, owner, stored)
        else:
            found[ordinal] = stored
    for stored in _orphans(view, owner, selector):
        ordinal = ordinal_of(owner, stored.ref.name)
        if ordinal is not None and ordinal not in found:
            found[ordinal] = _adopt(view, owner, stored, ordinal)
    return found


def _orphans(view: View, owner: StoredObject, selector: LabelSelector) -> list[StoredObject]:
    """Return Pods that nobody manages: neither an owner nor a repository."""
    return [
        stored
        for stored in view.bare_pods(owner.ref.namespace)
        if stored.manager == SYSTEM
        and stored.object.metadata.deletion_timestamp is None
        and matches(selector, stored.object.metadata.labels)
    ]


def _release(view: View, owner: StoredObject, stored: StoredObject) -> None:
    uid = owner.object.metadata.uid
    kept = tuple(one for one in stored.object.metadata.owner_references if one.uid != uid)
    metadata = replace(stored.object.metadata, owner_references=kept)
    pod = replace(cast(Pod, stored.object), metadata=metadata)
    view.update(stored, pod, reason=Reason.RELEASED, message=f"is no longer of {owner.ref}", manager=SYSTEM)


def _adopt(view: View, owner: StoredObject, stored: StoredObject, ordinal: int) -> StoredObject:
    old = stored.object.metadata
    references = (*old.owner_references, owner_of(owner))
    labels = {**old.labels, **_identity_labels(stored.ref.name, ordinal)}
    pod = replace(cast(Pod, stored.object), metadata=replace(old, owner_references=references, labels=labels))
    message = f"is taken in by {owner.ref}"
    return view.update(stored, pod, reason=Reason.ADOPTED, message=message, manager=owner.object.metadata.uid)


def create_member(
    view: View, owner: StoredObject, template: PodTemplateSpec, revision: str, ordinal: int, reason: Reason
) -> StoredObject | None:
    """Create the Pod with a number from a template; None when it is not admitted."""
    ref = pod_ref(owner, ordinal)
    spec = _spec(owner, with_defaults(template.spec), ordinal)
    pod = Pod(
        metadata=ObjectMeta(
            name=ref.name,
            namespace=ref.namespace,
            labels={**template.metadata.labels, **_identity_labels(ref.name, ordinal), REVISION_LABEL: revision},
            annotations=template.metadata.annotations,
            owner_references=(owner_of(owner),),
        ),
        spec=spec,
    )
    pod = given_defaults(view, pod)
    if refusal := why_not_admitted(view, pod):
        refuse(view, owner, refusal)
        return None
    manager = owner.object.metadata.uid
    return view.create(pod, manager=manager, reason=reason, provenance=owner.provenance, digest=digest(pod.spec))


def _identity_labels(name: str, ordinal: int) -> dict[str, str]:
    return {POD_NAME: name, POD_INDEX: str(ordinal)}


def _spec(owner: StoredObject, spec: PodSpec, ordinal: int) -> PodSpec:
    """Return a Pod's spec with its name on the network and its own claims as volumes."""
    stateful_set = cast(StatefulSet, owner.object)
    templates = [template.metadata.name for template in stateful_set.spec.volume_claim_templates]
    own = tuple(_volume(owner, name, ordinal) for name in templates)
    others = tuple(volume for volume in spec.volumes if volume.name not in templates)
    return replace(
        spec,
        hostname=pod_ref(owner, ordinal).name,
        subdomain=stateful_set.spec.service_name or None,
        volumes=(*own, *others),
    )


def _volume(owner: StoredObject, template: str, ordinal: int) -> Volume:
    source = PersistentVolumeClaimVolumeSource(claim_name=claim_ref(owner, template, ordinal).name)
    return Volume(name=template, persistent_volume_claim=source)
