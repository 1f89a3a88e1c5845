"""What the claims of a Pod mean for nodes: kube-scheduler's VolumeBinding. Pure.

Volumes that are bound keep a Pod where they can be reached. Claims that wait for their first Pod are weighed node by
node: a free volume that the node reaches, or one that can be made there. Once the node is chosen, `reserve` writes down
what was found.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar, TypeAlias

import msgspec

from reconciler.model.kinds import AnyObject, Node, PersistentVolume, PersistentVolumeClaim, Pod, StorageClass
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.planner.references import claims_of
from reconciler.planner.scheduling.fit import Candidate
from reconciler.planner.scheduling.framework import Cluster, Hints, Misfit, Plugin
from reconciler.planner.scheduling.hints import Change
from reconciler.planner.scheduling.volumes_score import EMPTIEST, FULLEST, Point, Share, score_of
from reconciler.planner.storage.capacity import STORAGE_FREE, Capacity, capacities_of, has_enough
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
from reconciler.planner.storage.provision import why_not_made
from reconciler.planner.storage.volumes import SELECTED_NODE, is_reachable, size_of, wanted_size
from reconciler.planner.view import View, ref_for, replace

# The room for volumes of a class on a node; None where nobody tells.
Capacities: TypeAlias = Callable[[StorageClass, Node], Iterable[Capacity] | None]

UNREACHABLE = "node(s) didn't match PersistentVolume's node affinity"
NO_VOLUME = "node(s) didn't find available persistent volumes to bind"
NO_ROOM = "node(s) did not have enough free storage"
GONE = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
UNBOUND = "pod has unbound immediate PersistentVolumeClaims"


@dataclass(slots=True)
class PodClaims:
    """The claims of a Pod: the volumes of those that are bound, None where it is gone, and those that wait for it."""

    bound: tuple[PersistentVolume | None, ...]
    delayed: tuple[PersistentVolumeClaim, ...]


@dataclass(frozen=True, slots=True)
class VolumeChoice:
    """What the claims that wait would get on a node.

    `is_complete`: every one of them gets something; `has_room`: so far as that is known there is room for what is made.
    `shares` are what is made, and the room there is for it, by class.
    """

    matched: tuple[tuple[PersistentVolumeClaim, PersistentVolume], ...] = ()
    provisioned: tuple[PersistentVolumeClaim, ...] = ()
    is_complete: bool = True
    has_room: bool = True
    shares: Mapping[str, Share] = field(default_factory=dict)


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
    objects: Objects,
    volumes: Catalogue,
    delayed: Collection[PersistentVolumeClaim],
    node: Node,
    capacities: Capacities = capacities_of,
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
    if not is_complete:
        return VolumeChoice(tuple(matched), is_complete=False)
    shares: dict[str, Share] = {}
    without = [claim for claim in missing if not _finds_room(objects, claim, node, capacities, shares)]
    return VolumeChoice(tuple(matched), () if without else tuple(missing), has_room=not without, shares=shares)


def _can_be_made(objects: Objects, claim: PersistentVolumeClaim, node: Node) -> bool:
    class_ = class_of(objects, claim)
    return class_ is not None and is_provisioned(class_) and allows(class_, node) and not why_not_made(claim, class_)


def _finds_room(
    objects: Objects, claim: PersistentVolumeClaim, node: Node, capacities: Capacities, shares: dict[str, Share]
) -> bool:
    """Whether a node has room for the volume of a claim, which is counted; where nobody tells, it has."""
    class_ = class_of(objects, claim)
    told = capacities(class_, node) if class_ is not None else None
    if class_ is None or told is None:
        return True
    found = has_enough(told, class_.metadata.name, node, wanted_size(claim))
    if found is None:
        return False
    share = shares.setdefault(class_.metadata.name, Share())
    share.asked += wanted_size(claim)
    share.capacity = found.free or Fraction(0)
    return True


def reserve(view: View, pod: Pod, name: str) -> None:
    """Write down what the claims of a Pod get on the node that was chosen for it: all of them, or none."""
    claims, node = claims_for(view, pod), view.typed(Node, "", name)
    if isinstance(claims, Misfit) or not claims.delayed or node is None:
        return
    choice = choose_volumes(view, Catalogue(view), claims.delayed, node)
    if not choice.is_complete or not choice.has_room:
        return
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
    # How good a node is by how much of its volumes, or of its room, would be used; and what tells its room.
    shape: Sequence[Point] = FULLEST
    shape_made: Sequence[Point] = EMPTIEST
    capacities: Capacities = staticmethod(capacities_of)

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
        choice = self._choice(state, node) if state.delayed else VolumeChoice()
        if not choice.is_complete:
            reasons.append(NO_VOLUME)
        elif not choice.has_room:
            reasons.append(NO_ROOM)
        return Misfit(tuple(reasons), is_final=True) if reasons else None

    def score(self, state: PodClaims, pod: Pod, node: Candidate) -> int:
        """Prefer nodes whose free volumes hardly exceed what is asked for; where it is made, those with most room."""
        return self._score(state, node) if state.delayed else 0

    def placed(self, state: PodClaims, pod: Pod, other: Pod, node: str) -> Collection[str]:
        """Another Pod may have taken volumes."""
        return tuple(self.cluster.nodes) if state.delayed and claims_of(other.spec) else ()

    def after_claim(self, pod: Pod, change: Change) -> bool:
        """It is one of the Pod's."""
        return change.is_named(PersistentVolumeClaim, {(pod.metadata.namespace, name) for name in claims_of(pod.spec)})

    def after_volume(self, pod: Pod, change: Change) -> bool:
        """Any may be what a claim waits for."""
        old, new = change.of(PersistentVolume)
        return old != new

    def after_class(self, pod: Pod, change: Change) -> bool:
        """Any may have volumes made now, or elsewhere."""
        old, new = change.of(StorageClass)
        return old != new

    def after_node(self, pod: Pod, change: Change) -> bool:
        """It comes or goes, or has other labels or other room."""
        return change.is_relabelled(Node) or _has_other_room(change)

    hints: ClassVar[Hints] = {
        "Node": after_node,
        "PersistentVolume": after_volume,
        "PersistentVolumeClaim": after_claim,
        "StorageClass": after_class,
    }

    def _choice(self, state: PodClaims, node: Candidate) -> VolumeChoice:
        return choose_volumes(self.cluster.world, self._volumes, state.delayed, node.node, self.capacities)

    def _score(self, state: PodClaims, node: Candidate) -> int:
        choice = self._choice(state, node)
        if not choice.matched:
            return score_of(choice.shares, self.shape_made)
        shares: dict[str, Share] = {}
        for claim, volume in choice.matched:
            share = shares.setdefault(volume.spec.storage_class_name, Share())
            share.asked += wanted_size(claim)
            share.capacity += size_of(volume)
        return score_of(shares, self.shape)


def _has_other_room(change: Change) -> bool:
    told = [one.metadata.annotations.get(STORAGE_FREE) for one in change.of(Node) if one is not None]
    return len(set(told)) > 1
