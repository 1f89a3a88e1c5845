"""Whose data only one node reaches: what draining or removing that node puts out of reach. Effect: the API."""

from typing import TYPE_CHECKING, Any

from reconciler.model.kinds import KINDS, PersistentVolume, decode_object
from reconciler.planner.storage.stranded import listed
from reconciler.planner.storage.volumes import node_of

if TYPE_CHECKING:
    from reconciler.client import ApiClient

__all__ = ["claims_only_on", "claims_used", "listed"]

Document = dict[str, Any]


def claims_only_on(client: "ApiClient", node: str) -> dict[str, str]:
    """Return the bound claims (as namespace/name) whose data is on this node alone, with their volumes."""
    volumes = (decode_object(one) for one in client.objects(KINDS["PersistentVolume"])["items"])
    found = {}
    for volume in volumes:
        if isinstance(volume, PersistentVolume) and volume.status.phase == "Bound" and node_of(volume) == node:
            ref = volume.spec.claim_ref
            if ref is not None:
                found[f"{ref.namespace}/{ref.name}"] = volume.metadata.name
    return found


def claims_used(pod: Document) -> tuple[str, ...]:
    """Return the claims that a Pod uses, as namespace/name, those that it brought along too."""
    metadata = pod["metadata"]
    names = []
    for volume in pod["spec"].get("volumes") or ():
        if "persistentVolumeClaim" in volume:
            names.append(volume["persistentVolumeClaim"]["claimName"])
        elif "ephemeral" in volume:
            names.append(f"{metadata['name']}-{volume['name']}")
    return tuple(f"{metadata['namespace']}/{name}" for name in names)
