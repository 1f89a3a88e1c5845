"""Finalizers of volumes that were made for claims: they say who deletes what is on them, while that is wanted. Pure.

As with Kubernetes' volume controller and its external provisioners: a volume with the reclaim policy Delete bears the
finalizer of who made it, and goes after its data; with another policy it bears none.
"""

from typing import cast

from reconciler.model.kinds import PersistentVolume
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.model.provider import PROVIDER_PROVISIONER
from reconciler.planner.storage.classes import LOCAL_PROVISIONER, NFS_PROVISIONER
from reconciler.planner.storage.volumes import PROVISIONED_BY
from reconciler.planner.view import SYSTEM, View, replace

BY_CLUSTER = "kubernetes.io/pv-controller"
BY_PROVIDER = "external-provisioner.volume.kubernetes.io/finalizer"
_BY_PROVISIONER = {
    LOCAL_PROVISIONER: BY_CLUSTER,
    NFS_PROVISIONER: BY_CLUSTER,
    PROVIDER_PROVISIONER: BY_PROVIDER,
}


def with_finalizers(volume: PersistentVolume) -> PersistentVolume:
    """Return a volume with the finalizer that it is to bear; of what others have made nothing is known here."""
    own = _BY_PROVISIONER.get(volume.metadata.annotations.get(PROVISIONED_BY, ""))
    before = volume.metadata.finalizers
    if own is None:
        return volume
    wanted = own if volume.spec.persistent_volume_reclaim_policy == "Delete" else ""
    after = tuple(one for one in before if one == wanted or one not in (BY_CLUSTER, BY_PROVIDER))
    if wanted and wanted not in after:
        after = (*after, wanted)
    return volume if after == before else replace(volume, metadata=replace(volume.metadata, finalizers=after))


def sync_finalizers(view: View, stored: StoredObject) -> StoredObject:
    """Have a volume that was made here follow its reclaim policy."""
    volume = cast(PersistentVolume, stored.object)
    if stored.manager != SYSTEM or (wanted := with_finalizers(volume)) is volume:
        return stored
    return view.update(stored, wanted, reason=Reason.STATUS, judged=False)
