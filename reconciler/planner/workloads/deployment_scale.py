"""How many Pods each ReplicaSet of a Deployment has in the next step: rolling, recreating, or in proportion. Pure."""

from typing import cast

from reconciler.model.kinds import Deployment, ReplicaSet
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.planner.view import View, replace
from reconciler.planner.workloads.annotations import count_in
from reconciler.planner.workloads.deployment_sets import (
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    age_of,
    available_of,
    replicas_of,
)
from reconciler.planner.workloads.rolling import limits_of, new_size


def is_scaled(deployment: Deployment, sets: list[StoredObject]) -> bool:
    """Whether `replicas` has changed since the ReplicaSets were last brought to it."""
    told = (count_in(one.object.metadata.annotations, DESIRED_REPLICAS) for one in sets if replicas_of(one) > 0)
    return any(size not in (None, deployment.spec.replicas) for size in told)


def recreate(view: View, deployment: Deployment, new: StoredObject, old: list[StoredObject]) -> None:
    """Have all old Pods end before the first new one starts."""
    for one in old:
        scale(view, deployment, one, 0, Reason.OLD_REVISION)
    if not runs_old_pods(view, old):
        scale(view, deployment, new, deployment.spec.replicas, Reason.ROLLOUT)


def runs_old_pods(view: View, old: list[StoredObject]) -> bool:
    """Whether a Pod of an old ReplicaSet has not ended yet."""
    pods = (pod for one in old for pod in view.owned_by(one.object.metadata.uid, "Pod"))
    return any(pod.object.status.phase not in ("Succeeded", "Failed") for pod in pods)  # type: ignore[union-attr]


def roll(view: View, deployment: Deployment, new: StoredObject, old: list[StoredObject]) -> None:
    """Go one step further: as many new Pods as maxSurge has room for, as few old ones as availability allows."""
    active = [one for one in old if replicas_of(one) > 0]
    if not active:
        scale(view, deployment, new, deployment.spec.replicas, _why_scaled(new, deployment))
        return
    new = _scale_up_new(view, deployment, new, active)
    _scale_down_old(view, deployment, new, active)


def _why_scaled(new: StoredObject, deployment: Deployment) -> Reason:
    if replicas_of(new) == 0:
        return Reason.ROLLOUT
    return Reason.SCALE_UP if replicas_of(new) < deployment.spec.replicas else Reason.SCALE_DOWN


def _scale_up_new(view: View, deployment: Deployment, new: StoredObject, active: list[StoredObject]) -> StoredObject:
    wanted = deployment.spec.replicas
    if replicas_of(new) >= wanted:
        return scale(view, deployment, new, wanted, Reason.SCALE_DOWN)
    total = replicas_of(new) + sum(replicas_of(one) for one in active)
    return scale(view, deployment, new, new_size(deployment, total, replicas_of(new)), Reason.ROLLOUT)


def _scale_down_old(view: View, deployment: Deployment, new: StoredObject, active: list[StoredObject]) -> None:
    """Take old Pods away as far as availability allows: first those that are not available anyhow."""
    minimum = deployment.spec.replicas - limits_of(deployment)[1]
    total = replicas_of(new) + sum(replicas_of(one) for one in active)
    new_unavailable = replicas_of(new) - min(available_of(new), replicas_of(new))
    budget = max(total - minimum - new_unavailable, 0)
    remaining = end_unavailable(view, deployment, active, budget)
    end_spare(view, deployment, new, remaining)


def end_unavailable(view: View, deployment: Deployment, active: list[StoredObject], at_most: int) -> list[StoredObject]:
    """Take away old Pods that serve nobody, those of the oldest ReplicaSets first; return what is left of the sets."""
    remaining: list[StoredObject] = []
    for one in sorted(active, key=age_of):
        take = min(max(replicas_of(one) - available_of(one), 0), at_most)
        at_most -= take
        remaining.append(scale(view, deployment, one, replicas_of(one) - take, Reason.OLD_REVISION))
    return remaining


def end_spare(view: View, deployment: Deployment, new: StoredObject, old: list[StoredObject]) -> None:
    """Take away as many old Pods as are available beyond what must be."""
    minimum = deployment.spec.replicas - limits_of(deployment)[1]
    spare = max(sum(min(available_of(one), replicas_of(one)) for one in (new, *old)) - minimum, 0)
    for one in old:
        take = min(replicas_of(one), spare)
        spare -= take
        scale(view, deployment, one, replicas_of(one) - take, Reason.OLD_REVISION)


def scale_in_proportion(view: View, deployment: Deployment, new: StoredObject | None, old: list[StoredObject]) -> None:
    """Bring what exists to a changed number of Pods without going on with the rollout.

    In the middle of a rollout every ReplicaSet keeps its share; the largest takes what rounding leaves over.
    """
    if (only := _only_active(new, old)) is not None:
        scale(view, deployment, only, deployment.spec.replicas, _direction(deployment.spec.replicas, only))
    elif new is not None and _is_saturated(deployment, new):
        for one in old:
            scale(view, deployment, one, 0, Reason.OLD_REVISION)
    elif deployment.spec.strategy.type == "RollingUpdate":
        _share_out(view, deployment, [*old, *([new] if new is not None else [])])
    elif new is not None and not deployment.spec.paused:
        # There are no shares to keep. Upstream does nothing here, for ever: what it waits for never comes.
        recreate(view, deployment, new, old)


def _only_active(new: StoredObject | None, old: list[StoredObject]) -> StoredObject | None:
    """Return the only ReplicaSet with Pods; the newest one when none has any."""
    active = [one for one in (*old, *([new] if new is not None else [])) if replicas_of(one) > 0]
    if not active:
        return new if new is not None else max(old, key=age_of, default=None)
    return active[0] if len(active) == 1 else None


def _is_saturated(deployment: Deployment, new: StoredObject) -> bool:
    """Whether the current ReplicaSet has all the Pods that it was last asked for, all of them available."""
    wanted = deployment.spec.replicas
    told = count_in(new.object.metadata.annotations, DESIRED_REPLICAS)
    return replicas_of(new) == wanted == available_of(new) == told


def _share_out(view: View, deployment: Deployment, sets: list[StoredObject]) -> None:
    if not sets:
        # It was paused before its first rollout.
        return
    wanted = deployment.spec.replicas
    allowed = wanted + limits_of(deployment)[0] if wanted else 0
    to_add = allowed - sum(replicas_of(one) for one in sets)
    # Of equal ones the newer grows and the older shrinks by what is left over.
    sets = sorted(sets, key=age_of, reverse=to_add > 0)
    sets.sort(key=replicas_of, reverse=True)
    sizes, added = [], 0
    for one in sets:
        share = proportion_of(deployment, one, to_add, added)
        sizes.append(replicas_of(one) + share)
        added += share
    sizes[0] = max(sizes[0] + to_add - added, 0)
    for one, size in zip(sets, sizes, strict=True):
        scale(view, deployment, one, size, _direction(size, one))


def proportion_of(deployment: Deployment, stored: StoredObject, to_add: int, added: int) -> int:
    """Return what a ReplicaSet grows (or, negative, shrinks) by, of what is left to be added."""
    left = to_add - added
    if not replicas_of(stored) or not to_add or not left:
        return 0
    fraction = fraction_of(deployment, stored)
    return min(fraction, left) if to_add > 0 else max(fraction, left)


def fraction_of(deployment: Deployment, stored: StoredObject) -> int:
    """Return by how much a ReplicaSet has to change to keep its share of the whole."""
    size = replicas_of(stored)
    if not deployment.spec.replicas:
        return -size
    before = count_in(stored.object.metadata.annotations, MAX_REPLICAS) or deployment.status.replicas
    if not before:
        return 0
    # Halves round up, as upstream rounds.
    after = deployment.spec.replicas + limits_of(deployment)[0]
    return (2 * size * after + before) // (2 * before) - size


def _direction(size: int, stored: StoredObject) -> Reason:
    return Reason.SCALE_UP if size > replicas_of(stored) else Reason.SCALE_DOWN


def scale(view: View, deployment: Deployment, stored: StoredObject, replicas: int, reason: Reason) -> StoredObject:
    """Bring a ReplicaSet to a number of Pods, and note the Deployment's size on it for later proportions."""
    stored = view.latest(stored)
    replica_set = cast(ReplicaSet, stored.object)
    before = replica_set.spec.replicas
    if before == replicas == 0:
        return stored
    noted = _with_sizes(deployment, replica_set)
    if before == replicas:
        return view.update(stored, noted, reason=Reason.STATUS, judged=False) if noted is not replica_set else stored
    message = f"{before} → {replicas} replicas"
    scaled = replace(noted, spec=replace(noted.spec, replicas=replicas))
    updated = view.update(stored, scaled, reason=reason, message=message)
    # Told of the Deployment, as in Kubernetes: that is what people look at while it rolls.
    way = "up" if replicas > before else "down"
    told = f"scaled {way} replica set {stored.ref.name} from {before} to {replicas}"
    view.happened_to(deployment, "ScalingReplicaSet", told)
    return updated


def _with_sizes(deployment: Deployment, replica_set: ReplicaSet) -> ReplicaSet:
    wanted = deployment.spec.replicas
    sizes = {DESIRED_REPLICAS: str(wanted), MAX_REPLICAS: str(wanted + limits_of(deployment)[0])}
    if sizes.items() <= replica_set.metadata.annotations.items():
        return replica_set
    annotations = {**replica_set.metadata.annotations, **sizes}
    return replace(replica_set, metadata=replace(replica_set.metadata, annotations=annotations))
