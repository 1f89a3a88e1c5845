"""Volumes that only one Pod, or only the Pods of one node, may use: kube-scheduler's VolumeRestrictions. Pure.

ReadWriteOncePod is kept as there. ReadWriteOnce is kept where a volume could be reached from several nodes: elsewhere
that is found out when it is attached; here nothing is attached, so the Pod is not placed there to begin with.
"""

from collections import Counter
from collections.abc import Collection, Hashable
from dataclasses import dataclass
from typing import ClassVar

from reconciler.model.kinds import Node, PersistentVolume, PersistentVolumeClaim, Pod
from reconciler.planner.references import claims_of
from reconciler.planner.scheduling.fit import Candidate
from reconciler.planner.scheduling.framework import Cluster, Hints, Misfit, Plugin
from reconciler.planner.scheduling.hints import Change
from reconciler.planner.storage.volumes import is_reachable, node_of

IN_USE = (
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod"
)
ELSEWHERE = "node(s) cannot attach a ReadWriteOnce volume that is in use on another node"

_Key = tuple[str, str]


@dataclass(slots=True)
class Restricted:
    """The claims of a Pod that only one Pod may use, and the volumes that only one node may use, by claim."""

    one_pod: tuple[_Key, ...]
    one_node: tuple[tuple[_Key, PersistentVolume], ...]


class VolumeRestrictions(Plugin[Restricted]):
    """One Pod for a ReadWriteOncePod claim, one node for a ReadWriteOnce volume."""

    name = "VolumeRestrictions"

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._seen: dict[str, Candidate] = {}
        # How many Pods use a claim on which nodes.
        self._users: dict[_Key, Counter[str]] = {}

    def likeness(self, pod: Pod) -> Hashable:
        """Return the names of restricted claims, and of those that are not there."""
        if not claims_of(pod.spec):
            return None
        state = self._restricted(pod)
        if isinstance(state, Misfit):
            return state.reasons
        return (state.one_pod, tuple(key for key, _ in state.one_node)) if state is not None else None

    def prepare(self, pod: Pod) -> Restricted | Misfit | None:
        """Return the Pod's restricted claims; None: it has none."""
        state = self._restricted(pod) if claims_of(pod.spec) else None
        if isinstance(state, Restricted):
            for name in self.cluster.nodes:
                self._count(name)
        return state

    def why_not(self, state: Restricted, pod: Pod, node: Candidate) -> Misfit | None:
        """Return who else uses a claim."""
        if any(self._users.get(key) for key in state.one_pod):
            return Misfit((IN_USE,))
        here = node.node.metadata.name
        for key, volume in state.one_node:
            if self._users.get(key, {}).keys() - {here} and is_reachable(volume, node.node):
                return Misfit((ELSEWHERE,))
        return None

    def placed(self, state: Restricted, pod: Pod, other: Pod, node: str) -> Collection[str]:
        """Another user changes the answer everywhere."""
        self._count(node)
        if other.metadata.namespace != pod.metadata.namespace:
            return ()
        ours = {name for _, name in (*state.one_pod, *(key for key, _ in state.one_node))}
        return tuple(self.cluster.nodes) if ours & set(claims_of(other.spec)) else ()

    def removed(self, state: Restricted, pod: Pod, other: Pod, node: str) -> Collection[str]:
        """A user less, likewise."""
        return self.placed(state, pod, other, node)

    def after_pod(self, pod: Pod, change: Change) -> bool:
        """Another user of a claim goes."""
        old, new = change.of(Pod)
        return old is not None and new is None and not set(_claims(pod)).isdisjoint(_claims(old))

    def after_claim(self, pod: Pod, change: Change) -> bool:
        """It is one of the Pod's."""
        return change.is_named(PersistentVolumeClaim, _claims(pod))

    def after_volume(self, pod: Pod, change: Change) -> bool:
        """Any may be that of a claim."""
        old, new = change.of(PersistentVolume)
        return old != new

    def after_node(self, pod: Pod, change: Change) -> bool:
        """It comes or goes, or has other labels."""
        return change.is_relabelled(Node)

    hints: ClassVar[Hints] = {
        "Node": after_node,
        "PersistentVolume": after_volume,
        "PersistentVolumeClaim": after_claim,
        "Pod": after_pod,
    }

    def _restricted(self, pod: Pod) -> Restricted | Misfit | None:
        world, namespace = self.cluster.world, pod.metadata.namespace
        one_pod: list[_Key] = []
        one_node: list[tuple[_Key, PersistentVolume]] = []
        for name in claims_of(pod.spec):
            claim = world.typed(PersistentVolumeClaim, namespace, name)
            if claim is None:
                return Misfit((f'persistentvolumeclaim "{name}" not found',), is_final=True)
            if "ReadWriteOncePod" in claim.spec.access_modes:
                one_pod.append((namespace, name))
            elif set(claim.spec.access_modes) == {"ReadWriteOnce"}:
                volume = world.typed(PersistentVolume, "", claim.spec.volume_name)
                # A volume of one node keeps its Pods there by itself.
                if volume is not None and not node_of(volume):
                    one_node.append(((namespace, name), volume))
        return Restricted(tuple(one_pod), tuple(one_node)) if one_pod or one_node else None

    def _count(self, name: str) -> None:
        """Count who uses which claims on a node, where that is not known as it is now."""
        candidate, before = self.cluster.nodes[name], self._seen.get(name)
        if candidate is before:
            return
        for pod in before.pods if before is not None else ():
            for key in _claims(pod):
                self._users[key][name] -= 1
                self._users[key] += Counter()
        for pod in candidate.pods:
            for key in _claims(pod):
                self._users.setdefault(key, Counter())[name] += 1
        self._seen[name] = candidate


def _claims(pod: Pod) -> list[_Key]:
    return [(pod.metadata.namespace, name) for name in claims_of(pod.spec)] if pod.spec.volumes else []
