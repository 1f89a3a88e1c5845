"""What is wrong with a volume that a provider tells of, or no longer tells of. Pure."""

from reconciler.model.kinds import Node, PersistentVolume, PersistentVolumeClaim
from reconciler.model.provider import ProviderState, VolumeMade
from reconciler.model.quantity import parse_quantity
from reconciler.planner.storage.volumes import node_of, wanted_size
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
    if made.local and view.typed(Node, "", made.local.node) is None:
        return f"the provider answers a directory of node {made.local.node}, which does not exist"
    if made.local and node and made.local.node != node:
        return f"the provider answers a directory of node {made.local.node}; node {node} needs it"
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
    if made.local and (made.local.node, made.local.path) != (node_of(volume), path):
        return f"the provider tells of volume {name} elsewhere: on node {made.local.node}, {made.local.path}"
    return ""


def said(made: VolumeMade) -> str:
    """Return an error in the provider's words, on one line."""
    return f"the provider says: {' '.join(made.error.split())}"
