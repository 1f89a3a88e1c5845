"""The ReplicaSets of a Deployment: which is the current one, how they are made, numbered and forgotten. Pure."""

from typing import cast

from reconciler.model.canonical import digest
from reconciler.model.kinds import (
    Deployment,
    LabelSelector,
    ObjectMeta,
    PodTemplateSpec,
    ReplicaSet,
    ReplicaSetSpec,
)
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.model.refs import ObjectRef
from reconciler.model.times import seconds
from reconciler.planner.identity import short_hash
from reconciler.planner.view import View, owner_of, replace, with_metadata
from reconciler.planner.workloads.annotations import count_in

REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"
HASH_LABEL = "pod-template-hash"
_NAME_MAX = 253


def current_set(
    view: View, owner: StoredObject, sets: list[StoredObject], template: PodTemplateSpec
) -> StoredObject | None:
    """Return the oldest ReplicaSet of this template: equality of canonical forms, whatever its name."""
    wanted = _identity(view, owner, template)
    found = [one for one in sets if _identity(view, one, cast(ReplicaSet, one.object).spec.template) == wanted]
    return min(found, key=age_of, default=None)


def _identity(view: View, stored: StoredObject, template: PodTemplateSpec) -> str:
    return view.memo.get(("template", stored.ref), (template,), lambda: digest(without_hash(template)))


def age_of(stored: StoredObject) -> tuple[float, str]:
    """Sort ReplicaSets by when they were made, the oldest first."""
    return (seconds(stored.object.metadata.creation_timestamp), stored.ref.name)


def without_hash(template: PodTemplateSpec) -> PodTemplateSpec:
    """Return a template without the label that tells its ReplicaSet."""
    labels = {key: value for key, value in template.metadata.labels.items() if key != HASH_LABEL}
    return replace(template, metadata=replace(template.metadata, labels=labels))


def create_set(view: View, owner: StoredObject, template: PodTemplateSpec) -> StoredObject:
    """Create the ReplicaSet of a template, under a name that nothing has; what had it is counted as a collision."""
    deployment = cast(Deployment, owner.object)
    name, collisions = _free_name(view, owner, template, deployment.status.collision_count or 0)
    if collisions != (deployment.status.collision_count or 0):
        view.set_status(owner, replace(deployment.status, collision_count=collisions))
    stored = view.create(
        _new_set(owner, template, name),
        manager=deployment.metadata.uid,
        reason=Reason.ROLLOUT,
        provenance=owner.provenance,
    )
    view.happened(owner, "NewReplicaSet", f"created replica set {name}")
    return stored


def _free_name(view: View, owner: StoredObject, template: PodTemplateSpec, collisions: int) -> tuple[str, int]:
    while True:
        name = set_name(owner.ref.name, short_hash(_identity(view, owner, template), collisions))
        if view.get(ObjectRef(kind="ReplicaSet", namespace=owner.ref.namespace, name=name)) is None:
            return name, collisions
        collisions += 1


def set_name(deployment: str, hash_: str) -> str:
    """Return the name of a ReplicaSet: the Deployment's, cut where there is no room for it, and the template's hash."""
    return f"{deployment[: _NAME_MAX - 1 - len(hash_)]}-{hash_}"


def _new_set(owner: StoredObject, template: PodTemplateSpec, name: str) -> ReplicaSet:
    deployment = cast(Deployment, owner.object)
    label = {HASH_LABEL: name.rpartition("-")[2]}
    labels = {**template.metadata.labels, **label}
    selector = deployment.spec.selector
    return ReplicaSet(
        metadata=ObjectMeta(
            name=name,
            namespace=owner.ref.namespace,
            labels=labels,
            annotations=_passed_on(deployment),
            owner_references=(owner_of(owner),),
        ),
        spec=ReplicaSetSpec(
            selector=LabelSelector(
                match_labels={**selector.match_labels, **label}, match_expressions=selector.match_expressions
            ),
            template=replace(template, metadata=replace(template.metadata, labels=labels)),
            replicas=0,
            min_ready_seconds=deployment.spec.min_ready_seconds,
        ),
    )


def _passed_on(deployment: Deployment) -> dict[str, str]:
    kept_back = ("kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/", "reconciler.dev/")
    return {key: value for key, value in deployment.metadata.annotations.items() if not key.startswith(kept_back)}


def with_revision(view: View, owner: StoredObject, new: StoredObject, old: list[StoredObject]) -> StoredObject:
    """Give the current ReplicaSet the highest revision number, and pass minReadySeconds on."""
    highest = max((revision_of(one) for one in old), default=0)
    replica_set = cast(ReplicaSet, new.object)
    mine = revision_of(new)
    min_ready = cast(Deployment, owner.object).spec.min_ready_seconds
    if mine > highest and replica_set.spec.min_ready_seconds == min_ready:
        return new
    annotations = {**replica_set.metadata.annotations, REVISION: str(max(highest + 1, mine))}
    if 0 < mine <= highest:
        former = [annotations.get(REVISION_HISTORY, ""), str(mine)]
        annotations[REVISION_HISTORY] = ",".join(number for number in former if number)
    updated = replace(
        replica_set,
        metadata=replace(replica_set.metadata, annotations=annotations),
        spec=replace(replica_set.spec, min_ready_seconds=min_ready),
    )
    return view.update(new, updated, reason=Reason.ROLLOUT, provenance=owner.provenance)


def show_revision(view: View, stored: StoredObject, new: StoredObject) -> None:
    """Write the number of the current revision on the Deployment too, where kubectl looks for it."""
    stored = view.latest(stored)
    metadata, number = stored.object.metadata, str(revision_of(new))
    if metadata.annotations.get(REVISION) != number:
        annotations = {**metadata.annotations, REVISION: number}
        numbered = with_metadata(stored.object, replace(metadata, annotations=annotations))
        view.update(stored, numbered, reason=Reason.STATUS, judged=False)


def revision_of(stored: StoredObject) -> int:
    """Return a ReplicaSet's revision number; 0 when it has none."""
    return count_in(stored.object.metadata.annotations, REVISION) or 0


def forget_history(view: View, deployment: Deployment, old: list[StoredObject]) -> None:
    """Remove the oldest of the old ReplicaSets beyond the history limit, as far as they are empty."""
    found = (view.get(stored.ref) for stored in old)
    present = [one for one in found if one is not None and one.object.metadata.deletion_timestamp is None]
    surplus = len(present) - deployment.spec.revision_history_limit
    for one in sorted(present, key=lambda one: (revision_of(one), age_of(one)))[: max(surplus, 0)]:
        if not replicas_of(one) and not view.owned_by(one.object.metadata.uid, "Pod"):
            message = f"only {deployment.spec.revision_history_limit} old revisions are kept"
            view.remove(one, Reason.HISTORY_LIMIT, message)


def replicas_of(stored: StoredObject) -> int:
    """Return how many Pods a ReplicaSet is to have."""
    return cast(ReplicaSet, stored.object).spec.replicas


def available_of(stored: StoredObject) -> int:
    """Return how many of a ReplicaSet's Pods are available."""
    return cast(ReplicaSet, stored.object).status.available_replicas
