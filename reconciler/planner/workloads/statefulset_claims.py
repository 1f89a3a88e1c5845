"""The claims of a StatefulSet's Pods: made once, kept by name, removed only where its policy says so (P29). Pure.

As in Kubernetes, whom a claim goes with is written as its owner: the set, a Pod that is too many, or nobody. What
becomes of the data behind a removed claim is then decided by the reclaim policy of its volume.
"""

from collections.abc import Iterable, Iterator
from typing import cast

from reconciler.model.kinds import (
    ObjectMeta,
    PersistentVolumeClaim,
    PersistentVolumeClaimTemplate,
    StatefulSet,
    StatefulSetPersistentVolumeClaimRetentionPolicy,
)
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.planner.admission.admit import refuse, why_not_admitted
from reconciler.planner.view import SYSTEM, View, replace
from reconciler.planner.workloads.claim_owners import Named, are_same_owners, owners_with
from reconciler.planner.workloads.statefulset_pods import claim_ref, pod_ref


def ensure_claims(view: View, owner: StoredObject, ordinal: int) -> str:
    """Create the claims of a Pod that do not exist; return what the Pod has to wait for, or an empty text."""
    waits = ""
    for template in _templates(owner):
        found = view.get(claim_ref(owner, template.metadata.name, ordinal))
        if found is None:
            waits = _create(view, owner, template, ordinal) or waits
        elif found.object.metadata.deletion_timestamp is not None:
            waits = waits or f"{found.ref} is ending"
    return waits


def keep_claims(view: View, owner: StoredObject, wanted: Iterable[int], surplus: Iterable[int]) -> None:
    """Have each claim say what it goes with: `wanted` are the numbers of Pods that stay, `surplus` of those that go."""
    policy = cast(StatefulSet, owner.object).spec.persistent_volume_claim_retention_policy
    for numbers, condemned in ((wanted, False), (surplus, True)):
        for ordinal in numbers:
            for stored in _existing(view, owner, ordinal):
                _own(view, owner, stored, ordinal, owner_word(policy, condemned=condemned))


def owner_word(policy: StatefulSetPersistentVolumeClaimRetentionPolicy, *, condemned: bool) -> str:
    """Return whom a claim goes with: `set`, `pod`, or nobody."""
    if condemned and policy.when_scaled == "Delete":
        return "pod"
    return "set" if policy.when_deleted == "Delete" else ""


def _templates(owner: StoredObject) -> tuple[PersistentVolumeClaimTemplate, ...]:
    return cast(StatefulSet, owner.object).spec.volume_claim_templates


def _create(view: View, owner: StoredObject, template: PersistentVolumeClaimTemplate, ordinal: int) -> str:
    """Create a claim; return why it is not admitted, or an empty text."""
    ref = claim_ref(owner, template.metadata.name, ordinal)
    selector = cast(StatefulSet, owner.object).spec.selector
    claim = PersistentVolumeClaim(
        metadata=ObjectMeta(
            name=ref.name,
            namespace=ref.namespace,
            labels={**template.metadata.labels, **selector.match_labels},
            annotations=template.metadata.annotations,
        ),
        spec=template.spec,
    )
    if refusal := why_not_admitted(view, claim):
        refuse(view, owner, refusal)
        return refusal.message
    message = f"for {pod_ref(owner, ordinal)}"
    # It belongs to nobody but the data: it stays when the set goes.
    view.create(claim, manager=SYSTEM, reason=Reason.CLAIM_TEMPLATE, message=message, provenance=owner.provenance)
    return ""


def _existing(view: View, owner: StoredObject, ordinal: int) -> Iterator[StoredObject]:
    for template in _templates(owner):
        found = view.get(claim_ref(owner, template.metadata.name, ordinal))
        if found is not None and not found.manager.startswith("source/"):
            yield found


def _own(view: View, owner: StoredObject, claim: StoredObject, ordinal: int, word: str) -> None:
    """Write the owner down; a claim that something else controls goes with that."""
    pod = pod_ref(owner, ordinal)
    ours = (Named("apps/v1", "StatefulSet", owner.ref.name), Named("v1", "Pod", pod.name))
    keeper = {"set": owner, "pod": view.get(pod)}.get(word)
    before = claim.object.metadata.owner_references
    wanted = owners_with(before, ours, keeper)
    if are_same_owners(wanted, before):
        return
    metadata = replace(claim.object.metadata, owner_references=wanted)
    updated = replace(cast(PersistentVolumeClaim, claim.object), metadata=metadata)
    message = f"goes with {keeper.ref}" if keeper is not None else f"stays without {owner.ref}"
    view.update(claim, updated, reason=Reason.CLAIM_TEMPLATE, message=message)
