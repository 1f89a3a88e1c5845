"""Volumes that are on one node bind their Pods to it; a claim that does not exist binds them to none. Pure."""

from collections.abc import Hashable

from reconciler.model.kinds import PersistentVolume, PersistentVolumeClaim, Pod
from reconciler.planner.references import claims_of
from reconciler.planner.scheduling.fit import Candidate
from reconciler.planner.scheduling.framework import Misfit, Plugin, World
from reconciler.planner.storage.claims import node_of

ELSEWHERE = Misfit(("node(s) had volume node affinity conflict",), is_final=True)


class PinnedVolumes(Plugin[tuple[str, ...]]):
    """A Pod goes where its bound local volumes are."""

    name = "VolumeBinding"

    def likeness(self, pod: Pod) -> Hashable:
        """Return the claims."""
        claims = claims_of(pod.spec)
        return (pod.metadata.namespace, *claims) if claims else None

    def prepare(self, pod: Pod) -> tuple[str, ...] | Misfit | None:
        """Return the nodes of the volumes; None when any node will do."""
        for name in claims_of(pod.spec):
            if self.cluster.world.typed(PersistentVolumeClaim, pod.metadata.namespace, name) is None:
                return Misfit((f'persistentvolumeclaim "{name}" not found',), is_final=True)
        return pinned_to(self.cluster.world, pod) or None

    def why_not(self, state: tuple[str, ...], pod: Pod, node: Candidate) -> Misfit | None:
        """Refuse nodes where not all of them are."""
        return ELSEWHERE if any(name != node.name for name in state) else None


def pinned_to(world: World, pod: Pod) -> tuple[str, ...]:
    """Return the nodes on which the local volumes of a Pod are."""
    nodes = []
    for name in claims_of(pod.spec):
        claim = world.typed(PersistentVolumeClaim, pod.metadata.namespace, name)
        volume = world.typed(PersistentVolume, "", claim.spec.volume_name) if claim else None
        if volume is not None and node_of(volume):
            nodes.append(node_of(volume))
    return tuple(nodes)
