"""Deployments: one ReplicaSet per template, and a gradual change from the old ones to the new. Pure.

Semantics of Kubernetes' Deployment controller; every step follows from what is observed now.
"""

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
from reconciler.model.plan import Decision, Reason
from reconciler.model.times import unix
from reconciler.planner.identity import short_hash
from reconciler.planner.view import View, owner_of, replace, with_metadata
from reconciler.planner.workloads.configuration import bound_template
from reconciler.planner.workloads.deployment_status import deployment_status
from reconciler.planner.workloads.rolling import limits_of

REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
HASH_LABEL = "pod-template-hash"


def sync_deployments(view: View) -> None:
    """Advance every Deployment by what may be done now."""
    for stored in view.of_kind("Deployment"):
        if stored.object.metadata.deletion_timestamp is None:
            _sync(view, stored)


def _sync(view: View, stored: StoredObject) -> None:
    deployment = cast(Deployment, stored.object)
    template = bound_template(view, stored, deployment.spec.template)
    sets = view.owned_by(deployment.metadata.uid, "ReplicaSet")
    new = _matching(view, stored, sets, template)
    if new is None and not (deployment.spec.paused and sets):
        new = _create(view, stored, template, sets)
    old = [one for one in view.owned_by(deployment.metadata.uid, "ReplicaSet") if new is None or one.ref != new.ref]
    if new is not None:
        new = _with_revision(view, stored, new, old)
        _show_revision(view, stored, new)
    if deployment.spec.paused:
        _scale_in_proportion(view, deployment, [*old, *([new] if new else [])])
    elif deployment.spec.strategy.type == "Recreate":
        _recreate(view, deployment, new, old)
    else:
        _roll(view, deployment, new, old)
    _forget_history(view, deployment, old)


def finish_deployments(view: View) -> None:
    """Write the statuses, after the ReplicaSets had their turn."""
    for stored in view.of_kind("Deployment"):
        if stored.object.metadata.deletion_timestamp is None:
            view.set_status(stored, deployment_status(view, stored))


def _matching(
    view: View, owner: StoredObject, sets: list[StoredObject], template: PodTemplateSpec
) -> StoredObject | None:
    """Return the oldest ReplicaSet of this template: equality of canonical forms, whatever its name."""
    wanted = _identity(view, owner, template)
    found = [one for one in sets if _identity(view, one, cast(ReplicaSet, one.object).spec.template) == wanted]
    return min(found, key=_age, default=None)


def _identity(view: View, stored: StoredObject, template: PodTemplateSpec) -> str:
    return view.memo.get(("template", stored.ref), (template,), lambda: digest(_without_hash(template)))


def _age(stored: StoredObject) -> tuple[float, str]:
    return (unix(stored.object.metadata.creation_timestamp) or 0.0, stored.ref.name)


def _without_hash(template: PodTemplateSpec) -> PodTemplateSpec:
    labels = {key: value for key, value in template.metadata.labels.items() if key != HASH_LABEL}
    return replace(template, metadata=replace(template.metadata, labels=labels))


def _create(view: View, owner: StoredObject, template: PodTemplateSpec, sets: list[StoredObject]) -> StoredObject:
    taken = {one.ref.name for one in sets}
    collision = 0
    while (name := f"{owner.ref.name}-{_hash(template, collision)}") in taken:
        collision += 1
    label = {HASH_LABEL: name.rpartition("-")[2]}
    deployment = cast(Deployment, owner.object)
    labels = {**template.metadata.labels, **label}
    template = replace(template, metadata=replace(template.metadata, labels=labels))
    selector = deployment.spec.selector
    replica_set = ReplicaSet(
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
            template=template,
            replicas=0,
            min_ready_seconds=deployment.spec.min_ready_seconds,
        ),
    )
    stored = view.create(
        replica_set, manager=deployment.metadata.uid, reason=Reason.ROLLOUT, provenance=owner.provenance
    )
    view.happened(owner, "NewReplicaSet", f"created replica set {name}")
    return stored


def _hash(template: PodTemplateSpec, collision: int) -> str:
    return short_hash(digest(_without_hash(template)), collision)


def _passed_on(deployment: Deployment) -> dict[str, str]:
    kept_back = ("kubectl.kubernetes.io/last-applied-configuration", REVISION, "reconciler.dev/")
    return {key: value for key, value in deployment.metadata.annotations.items() if not key.startswith(kept_back)}


def _with_revision(view: View, owner: StoredObject, new: StoredObject, old: list[StoredObject]) -> StoredObject:
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


def _show_revision(view: View, stored: StoredObject, new: StoredObject) -> None:
    """Write the number of the current revision on the Deployment too, where kubectl looks for it."""
    metadata, number = stored.object.metadata, str(revision_of(new))
    if metadata.annotations.get(REVISION) != number:
        annotations = {**metadata.annotations, REVISION: number}
        numbered = with_metadata(stored.object, replace(metadata, annotations=annotations))
        view.update(stored, numbered, reason=Reason.STATUS, judged=False)


def revision_of(stored: StoredObject) -> int:
    """Return a ReplicaSet's revision number; 0 when it has none."""
    text = stored.object.metadata.annotations.get(REVISION, "0")
    return int(text) if text.isdigit() else 0


# Strategies


def _recreate(view: View, deployment: Deployment, new: StoredObject | None, old: list[StoredObject]) -> None:
    for one in old:
        _scale(view, one, 0, Reason.OLD_REVISION)
    remaining = [pod for one in old for pod in view.owned_by(one.object.metadata.uid, "Pod")]
    running = [pod for pod in remaining if pod.object.status.phase not in ("Succeeded", "Failed")]  # type: ignore[union-attr]
    if new is not None and not running:
        _scale(view, new, deployment.spec.replicas, Reason.ROLLOUT)


def _roll(view: View, deployment: Deployment, new: StoredObject | None, old: list[StoredObject]) -> None:
    assert new is not None
    active = [one for one in old if _replicas(one) > 0]
    if not active:
        _scale(view, new, deployment.spec.replicas, _why_scaled(new))
        return
    surge, unavailable = limits_of(deployment)
    new = _scale_up_new(view, deployment, new, active, surge)
    _scale_down_old(view, deployment, new, active, unavailable)


def _why_scaled(new: StoredObject) -> Reason:
    return Reason.ROLLOUT if _replicas(new) == 0 else Reason.SCALE_UP


def _scale_up_new(
    view: View, deployment: Deployment, new: StoredObject, active: list[StoredObject], surge: int
) -> StoredObject:
    wanted = deployment.spec.replicas
    if _replicas(new) >= wanted:
        return _scale(view, new, wanted, Reason.SCALE_DOWN)
    total = _replicas(new) + sum(_replicas(one) for one in active)
    room = wanted + surge - total
    return _scale(view, new, min(_replicas(new) + max(room, 0), wanted), Reason.ROLLOUT)


def _scale_down_old(
    view: View, deployment: Deployment, new: StoredObject, active: list[StoredObject], unavailable: int
) -> None:
    """Take old Pods away as far as availability allows: first those that are not available anyhow."""
    minimum = deployment.spec.replicas - unavailable
    total = _replicas(new) + sum(_replicas(one) for one in active)
    new_unavailable = _replicas(new) - min(_available(new), _replicas(new))
    budget = total - minimum - new_unavailable
    remaining: list[StoredObject] = []
    for one in sorted(active, key=_age):
        sick = max(_replicas(one) - _available(one), 0)
        take = min(sick, max(budget, 0))
        budget -= take
        remaining.append(_scale(view, one, _replicas(one) - take, Reason.OLD_REVISION))
    spare = (
        min(_available(new), _replicas(new)) + sum(min(_available(one), _replicas(one)) for one in remaining) - minimum
    )
    spare = min(spare, budget)
    for one in remaining:
        take = min(_replicas(one), max(spare, 0))
        spare -= take
        _scale(view, one, _replicas(one) - take, Reason.OLD_REVISION)


def _scale_in_proportion(view: View, deployment: Deployment, sets: list[StoredObject]) -> None:
    """While paused, a change of `replicas` is shared out over what exists; the newest takes what rounding leaves."""
    active = [one for one in sets if _replicas(one) > 0]
    if not active:
        if sets:
            _scale(view, sets[-1], deployment.spec.replicas, Reason.SCALE_UP)
        return
    surge = limits_of(deployment)[0] if len(active) > 1 else 0
    have = sum(_replicas(one) for one in active)
    wanted = deployment.spec.replicas + (surge if have > deployment.spec.replicas else 0)
    if len(active) == 1:
        wanted = deployment.spec.replicas
    left = wanted
    for one in active[:-1]:
        share = round(_replicas(one) * wanted / have)
        left -= share
        _scale(view, one, share, Reason.SCALE_UP)
    _scale(view, active[-1], max(left, 0), Reason.SCALE_UP)


def _scale(view: View, stored: StoredObject, replicas: int, reason: Reason) -> StoredObject:
    replica_set = cast(ReplicaSet, stored.object)
    stored = view.get(stored.ref) or stored
    before = _replicas(stored)
    if before == replicas:
        return stored
    message = f"{before} → {replicas} replicas"
    spec = replace(cast(ReplicaSet, stored.object).spec, replicas=replicas)
    updated = view.update(stored, replace(cast(ReplicaSet, stored.object), spec=spec), reason=reason, message=message)
    owner = replica_set.metadata.owner_references[0]
    view.happened(updated, "ScalingReplicaSet", f"scaled {owner.kind.lower()}/{owner.name}: {message}")
    return updated


def _replicas(stored: StoredObject) -> int:
    return cast(ReplicaSet, stored.object).spec.replicas


def _available(stored: StoredObject) -> int:
    return cast(ReplicaSet, stored.object).status.available_replicas


def _forget_history(view: View, deployment: Deployment, old: list[StoredObject]) -> None:
    """Remove the oldest emptied ReplicaSets beyond the history limit."""
    emptied = []
    for one in old:
        current = view.get(one.ref)
        if current and _replicas(current) == 0 and not view.owned_by(current.object.metadata.uid, "Pod"):
            emptied.append(current)
    emptied.sort(key=lambda one: (revision_of(one), _age(one)))
    surplus = len(emptied) - deployment.spec.revision_history_limit
    for one in emptied[: max(surplus, 0)]:
        view.remove(one, Reason.HISTORY_LIMIT, f"only {deployment.spec.revision_history_limit} old revisions are kept")


def judge_deployments(view: View) -> None:
    """Give every Deployment without a verdict so far the one that nothing of its own changes."""
    for stored in view.of_kind("Deployment"):
        if stored.ref not in view.verdicts:
            view.judge(stored.ref, Decision.UNCHANGED, Reason.IN_SYNC, stored=stored)
