"""What the claims of a Pod mean for nodes: kube-scheduler's VolumeBinding. Pure.

Volumes that are bound keep a Pod where they can be reached. Claims that wait for their first Pod are weighed node by
node: a free volume that the node reaches, or one that can be made there. Once the node is chosen, `reserve` writes down
what was found.
"""

from collections.abc import Collection, Hashable
from dataclasses import dataclass

import msgspec

from reconciler.model.kinds import AnyObject, Node, PersistentVolume, PersistentVolumeClaim, Pod, StorageClass
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.planner.references import claims_of
from reconciler.planner.scheduling.fit import Candidate
from reconciler.planner.scheduling.framework import Cluster, Misfit, Plugin
from reconciler.planner.scheduling.hints import Change
from reconciler.planner.scheduling.volumes_score import Share, score_of
from reconciler.planner.storage.catalogue import Catalogue
from reconciler.planner.storage.claims import tie
from reconciler.planner.storage.classes import (
    Objects,
    allows,
    class_name_of,
    class_of,
    is_provisioned,
    waits_for_consumer,
)
from reconciler.planner.storage.ephemeral import claims_brought_along, is_claim_of, not_made_for
from reconciler.planner.storage.volumes import SELECTED_NODE, is_reachable, size_of, wanted_size
from reconciler.planner.view import View, ref_for, replace

UNREACHABLE = "node(s) didn't match PersistentVolume's node affinity"
NO_VOLUME = "node(s) didn't find available persistent volumes to bind"
GONE = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
UNBOUND = "pod has unbound immediate PersistentVolumeClaims"


@dataclass(slots=True)
class PodClaims:
    """The claims of a Pod: the volumes of those that are bound, None where it is gone, and those that wait for it."""

    bound: tuple[PersistentVolume | None, ...]
    delayed: tuple[PersistentVolumeClaim, ...]


@dataclass(frozen=True, slots=True)
class VolumeChoice:
    """What the claims that wait would get on a node; `is_complete`: every one of them gets something."""

    matched: tuple[tuple[PersistentVolumeClaim, PersistentVolume], ...] = ()
    provisioned: tuple[PersistentVolumeClaim, ...] = ()
    is_complete: bool = True


def claims_for(objects: Objects, pod: Pod) -> PodClaims | Misfit:
    """Return the claims of a Pod, or why it can be placed nowhere."""
    bound: list[PersistentVolume | None] = []
    delayed: list[PersistentVolumeClaim] = []
    is_unbound = False
    for name in claims_of(pod.spec):
        claim = objects.typed(PersistentVolumeClaim, pod.metadata.namespace, name)
        if claim is None:
            return Misfit((f'persistentvolumeclaim "{name}" not found',), is_final=True)
        if name in claims_brought_along(pod.spec) and not is_claim_of(pod, claim):
            return Misfit((not_made_for(name, pod.metadata.name),), is_final=True)
        volume_name = claim.spec.volume_name
        if claim.status.phase == "Lost":
            why = f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume "{volume_name}"'
            return Misfit((why,), is_final=True)
        if claim.metadata.deletion_timestamp:
            return Misfit((f'persistentvolumeclaim "{name}" is being deleted',), is_final=True)
        if claim.status.phase == "Bound":
            bound.append(objects.typed(PersistentVolume, "", volume_name))
        elif waits_for_consumer(class_of(objects, claim)) and not volume_name:
            delayed.append(claim)
        else:
            is_unbound = True
    return Misfit((UNBOUND,), is_final=True) if is_unbound else PodClaims(tuple(bound), tuple(delayed))


def choose_volumes(
    objects: Objects, volumes: Catalogue, delayed: Collection[PersistentVolumeClaim], node: Node
) -> VolumeChoice:
    """Return what claims that wait for their first Pod would get on a node; the smallest choose first."""
    matched: list[tuple[PersistentVolumeClaim, PersistentVolume]] = []
    missing: list[PersistentVolumeClaim] = []
    is_complete = True
    for claim in sorted(delayed, key=lambda one: (wanted_size(one), one.metadata.name)):
        selected = claim.metadata.annotations.get(SELECTED_NODE, "")
        if selected and selected != node.metadata.name:
            is_complete = False
            continue
        taken = frozenset(volume.metadata.name for _, volume in matched)
        found = None if selected else volumes.find(claim, class_name_of(objects, claim), node, taken)
        if found is None:
            missing.append(claim)
        else:
            matched.append((claim, found))
    is_complete = is_complete and all(_can_be_made(objects, claim, node) for claim in missing)
    return VolumeChoice(tuple(matched), tuple(missing) if is_complete else (), is_complete)


def _can_be_made(objects: Objects, claim: PersistentVolumeClaim, node: Node) -> bool:
    class_ = class_of(objects, claim)
    return class_ is not None and is_provisioned(class_) and allows(class_, node)


def reserve(view: View, pod: Pod, name: str) -> None:
    """Write down what the claims of a Pod get on the node that was chosen for it."""
    claims, node = claims_for(view, pod), view.typed(Node, "", name)
    if isinstance(claims, Misfit) or not claims.delayed or node is None:
        return
    choice = choose_volumes(view, Catalogue(view), claims.delayed, node)
    for claim, volume in choice.matched:
        tie(view, _stored(view, claim), _stored(view, volume))
    for claim in choice.provisioned:
        annotations = {**claim.metadata.annotations, SELECTED_NODE: name}
        selected = replace(claim, metadata=replace(claim.metadata, annotations=annotations))
        view.update(_stored(view, claim), selected, reason=Reason.PLACED, judged=False)


def _stored(view: View, object: AnyObject) -> StoredObject:
    found = view.get(ref_for(object))
    assert found is not None
    return found


class VolumeBinding(Plugin[PodClaims]):
    """Volumes of a Pod have to be reachable, or to be had, on its node."""

    name = "VolumeBinding"
    weight = 1

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._known: Catalogue | None = None

    def likeness(self, pod: Pod) -> Hashable:
        """Return what decides about the Pod's claims: names only where they matter."""
        names = claims_of(pod.spec)
        return tuple(self._likeness_of(pod.metadata.namespace, name) for name in names) or None

    def _likeness_of(self, namespace: str, name: str) -> Hashable:
        world = self.cluster.world
        claim = world.typed(PersistentVolumeClaim, namespace, name)
        if claim is None or claim.metadata.deletion_timestamp or self._volumes.keeps_for(claim):
            return namespace, name
        if claim.status.phase == "Bound":
            volume = world.typed(PersistentVolume, "", claim.spec.volume_name)
            return msgspec.json.encode(volume.spec.node_affinity) if volume is not None else (namespace, name)
        if claim.status.phase == "Lost" or claim.spec.volume_name:
            return namespace, name
        spec = replace(claim.spec, storage_class_name=class_name_of(world, claim))
        return msgspec.json.encode(spec, order="deterministic"), claim.metadata.annotations.get(SELECTED_NODE, "")

    @property
    def _volumes(self) -> Catalogue:
        self._known = self._known or Catalogue(self.cluster.world)
        return self._known

    def prepare(self, pod: Pod) -> PodClaims | Misfit | None:
        """Return the Pod's claims, or why they can be met nowhere."""
        return claims_for(self.cluster.world, pod) if claims_of(pod.spec) else None

    def why_not(self, state: PodClaims, pod: Pod, node: Candidate) -> Misfit | None:
        """Return what is wrong with the Pod's volumes on a node."""
        if any(volume is None for volume in state.bound):
            return Misfit((GONE,), is_final=True)
        reasons = []
        if not all(volume is None or is_reachable(volume, node.node) for volume in state.bound):
            reasons.append(UNREACHABLE)
        if state.delayed and not self._choice(state, node).is_complete:
            reasons.append(NO_VOLUME)
        return Misfit(tuple(reasons), is_final=True) if reasons else None

    def score(self, state: PodClaims, pod: Pod, node: Candidate) -> int:
        """Prefer nodes whose free volumes are hardly larger than what is asked for."""
        return self._score(state, node) if state.delayed else 0

    def placed(self, state: PodClaims, pod: Pod, other: Pod, node: str) -> Collection[str]:
        """Another Pod may have taken volumes."""
        return tuple(self.cluster.nodes) if state.delayed and claims_of(other.spec) else ()

    def may_help(self, pod: Pod, change: Change) -> bool:
        """One of its claims changes, any volume or class does, a node comes or has other labels."""
        if change.of(PersistentVolumeClaim) is not None:
            namespace, name = change.name
            return namespace == pod.metadata.namespace and name in claims_of(pod.spec)
        if change.of(PersistentVolume) is not None or change.of(StorageClass) is not None:
            return change.old != change.new
        return change.is_relabelled(Node)

    def _choice(self, state: PodClaims, node: Candidate) -> VolumeChoice:
        return choose_volumes(self.cluster.world, self._volumes, state.delayed, node.node)

    def _score(self, state: PodClaims, node: Candidate) -> int:
        shares: dict[str, Share] = {}
        for claim, volume in self._choice(state, node).matched:
            share = shares.setdefault(volume.spec.storage_class_name, Share())
            share.asked += wanted_size(claim)
            share.capacity += size_of(volume)
        return score_of(shares)
