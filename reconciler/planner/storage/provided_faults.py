"""What is wrong with a volume that a provider tells of, or no longer tells of. Pure."""

from typing import cast

from reconciler.model import kinds as k
from reconciler.model.kinds import Node, PersistentVolume, PersistentVolumeClaim
from reconciler.model.provider import LocalDirectory, ProviderState, VolumeMade
from reconciler.model.quantity import parse_quantity
from reconciler.planner.scheduling.fit import selects
from reconciler.planner.storage.volumes import wanted_size
from reconciler.planner.view import View


def fault_of_new(view: View, claim: PersistentVolumeClaim, made: VolumeMade, node: str) -> str:
    """Return why a volume cannot be taken over for a claim that waits for it; an empty text: it can."""
    if made.error:
        return said(made)
    if made.nfs and made.local:
        return "the provider answers nfs and local for one volume"
    path = made.nfs.path if made.nfs else made.local.path if made.local else "/"
    if not path.startswith("/"):
        return f"the provider answers {path!r}, which is no absolute path"
    if ".." in path.split("/"):
        return f"the provider answers {path!r}: a path must not lead out of where it begins (..)"
    if made.local and (fault := _fault_of_place(view, made.local, node)):
        return fault
    if (made.nfs or made.local) and made.size and made.size < wanted_size(claim):
        return f"the provider answers {made.size} bytes, which is less than the claim asks for"
    return ""


def fault_of_bound(provider: ProviderState | None, volume: PersistentVolume, claim: PersistentVolumeClaim) -> str:
    """Return what has become of a volume that a claim has, by the last answer; an empty text: nothing is known of it.

    Why one does not grow is told otherwise.
    """
    if provider is None or provider.answer is None or not provider.does("volumes"):
        return ""
    name, made = volume.metadata.name, provider.volume(volume.metadata.name)
    if made is None:
        return f"the provider tells of volume {name} no more: it may be gone, with what was on it"
    if made.error:
        has = parse_quantity(claim.status.capacity.get("storage", 0))
        return said(made) if wanted_size(claim) <= has else ""
    if made.nfs and made.nfs != volume.spec.nfs:
        return f"the provider tells of volume {name} elsewhere: at {made.nfs.server}, {made.nfs.path}"
    path = volume.spec.local.path if volume.spec.local else ""
    if made.local and (reach_of(made.local), made.local.path) != (volume.spec.node_affinity, path):
        return f"the provider tells of volume {name} elsewhere: {place_in_words(made.local)}, {made.local.path}"
    return ""


def reach_of(local: LocalDirectory) -> k.VolumeNodeAffinity:
    """Return the nodes that have a directory, as the affinity of its volume."""
    key, value = ("topology.kubernetes.io/zone", local.zone) if local.zone else ("kubernetes.io/hostname", local.node)
    one = k.NodeSelectorRequirement(key=key, operator="In", values=(value,))
    return k.VolumeNodeAffinity(
        required=k.NodeSelector(node_selector_terms=(k.NodeSelectorTerm(match_expressions=(one,)),))
    )


def place_in_words(local: LocalDirectory) -> str:
    """Say where a directory is."""
    return f"in zone {local.zone}" if local.zone else f"on node {local.node}"


def _fault_of_place(view: View, local: LocalDirectory, node: str) -> str:
    if bool(local.node) == bool(local.zone):
        return "the provider answers a directory of both a node and a zone, or of neither"
    what = f"a directory of {'zone' if local.zone else 'node'} {local.zone or local.node}"
    reached = [one.ref.name for one in view.of_kind("Node") if selects(_required(local), cast(Node, one.object))]
    if not reached:
        return f"the provider answers {what}, which {'no node is in' if local.zone else 'does not exist'}"
    return f"the provider answers {what}; node {node} needs it" if node and node not in reached else ""


def _required(local: LocalDirectory) -> k.NodeSelector:
    required = reach_of(local).required
    assert required is not None
    return required


def said(made: VolumeMade) -> str:
    """Return an error in the provider's words, on one line."""
    return f"the provider says: {' '.join(made.error.split())}"
