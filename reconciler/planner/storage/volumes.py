"""What a volume is: where it lies, who may reach it, whose it is. Pure."""

from collections.abc import Container, Iterable, Sequence
from fractions import Fraction

from reconciler.model.kinds import AnyObject, Node, ObjectReference, PersistentVolume, PersistentVolumeClaim
from reconciler.model.labels import matches
from reconciler.model.quantity import parse_quantity
from reconciler.model.storage import DeviceSource, NfsShare, share_of_driver
from reconciler.planner.scheduling.fit import selects
from reconciler.planner.storage.classes import LOCAL_PROVISIONER, NFS_PROVISIONER

PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
# Who is kept in `claimRef` was chosen here, not by a person.
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
# The directory of its class that a volume is in; it has to be there on the node.
BASE = "reconciler.dev/base-directory"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
# Who is asked to make the volume of a claim.
ASKED_OF = "volume.kubernetes.io/storage-provisioner"
# The exported directory that a volume is a directory of; the node that moves it to the trash.
SHARE = "reconciler.dev/share"
TRASHED_BY = "reconciler.dev/trashed-by"


def is_provisioned_here(volume: PersistentVolume) -> bool:
    """Whether the volume is a directory or file that one of our provisioners made."""
    return is_local(volume) or is_directory_on_share(volume)


def is_local(volume: PersistentVolume) -> bool:
    """Whether our local provisioner made the volume."""
    return volume.metadata.annotations.get(PROVISIONED_BY) == LOCAL_PROVISIONER


def is_directory_on_share(volume: PersistentVolume) -> bool:
    """Whether our provisioner made the volume on a share."""
    annotations = volume.metadata.annotations
    return volume.spec.nfs is not None and annotations.get(PROVISIONED_BY) == NFS_PROVISIONER and SHARE in annotations


def share_of(volume: PersistentVolume) -> NfsShare | None:
    """Return the share that a volume is on, as nodes mount it: that of its class where it was made here."""
    if volume.spec.csi is not None:
        one = volume.spec.csi
        options = volume.spec.mount_options
        return share_of_driver(one.driver, one.volume_attributes, options, read_only=one.read_only)
    source = volume.spec.nfs
    if source is None:
        return None
    path = volume.metadata.annotations[SHARE] if is_directory_on_share(volume) else source.path
    options = (*volume.spec.mount_options, *(("ro",) if source.read_only else ()))
    return NfsShare(server=source.server, path=path, options=options)


def directory_on_share(volume: PersistentVolume) -> str:
    """Return the directory of a volume below what is mounted; empty when it is the whole share."""
    if volume.spec.nfs is None or not is_directory_on_share(volume):
        return ""
    root = volume.metadata.annotations[SHARE].rstrip("/")
    return volume.spec.nfs.path.removeprefix(root).strip("/")


def device_source(volume: PersistentVolume) -> DeviceSource:
    """Return what containers get of a volume as a block device; empty: it is a directory."""
    if volume.spec.volume_mode != "Block":
        return ""
    return "file" if is_local(volume) else "device"


def is_trash(volume: PersistentVolume) -> bool:
    """Whether a volume's directory is to be moved to the dated trash: released, with reclaim policy Delete."""
    return volume.status.phase == "Released" and volume.spec.persistent_volume_reclaim_policy == "Delete"


def path_of(volume: PersistentVolume) -> str:
    """Return the directory of a volume on its node; empty when it has none."""
    if volume.spec.local:
        return volume.spec.local.path
    return volume.spec.host_path.path if volume.spec.host_path else ""


def node_of(volume: PersistentVolume) -> str:
    """Return the node that a volume is bound to by its affinity; empty when any may use it."""
    required = volume.spec.node_affinity.required
    for term in required.node_selector_terms if required else ():
        for one in term.match_expressions:
            if one.key == "kubernetes.io/hostname" and one.operator == "In" and one.values:
                return one.values[0]
    return ""


def keeper_of(volume: PersistentVolume) -> str:
    """Return the node that sees to a volume made here; on a share it is the one that is to trash it, or none."""
    if not is_directory_on_share(volume):
        return node_of(volume)
    return volume.metadata.annotations.get(TRASHED_BY, "") if is_trash(volume) else ""


def is_reachable(volume: PersistentVolume, node: Node) -> bool:
    """Whether Pods of a node may use a volume: its `nodeAffinity`."""
    required = volume.spec.node_affinity.required
    return required is None or selects(required, node)


def is_for(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    """Whether a volume is kept for this very claim by its `claimRef`."""
    ref = volume.spec.claim_ref
    if ref is None or (ref.namespace, ref.name) != (claim.metadata.namespace, claim.metadata.name):
        return False
    return ref.uid in ("", claim.metadata.uid)


def reference_to(claim: PersistentVolumeClaim) -> ObjectReference:
    """Return the `claimRef` that gives a volume to a claim."""
    metadata = claim.metadata
    return ObjectReference(
        kind="PersistentVolumeClaim",
        api_version="v1",
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
    )


def kept_claim(stored: PersistentVolume, declared: PersistentVolume) -> ObjectReference | None:
    """Return the `claimRef` of a declared volume: that of the stored one, unless another claim is declared."""
    old, new = stored.spec.claim_ref, declared.spec.claim_ref
    if old is None or (new is not None and (new.namespace, new.name) != (old.namespace, old.name)):
        return new
    # A claim that is named without its uid is any of that name: what was bound is not let go, what was released is.
    is_released = stored.status.phase in ("Released", "Failed")
    return new if new is not None and is_released else old


def what_stays_behind(object: AnyObject) -> str:
    """Say of a claim that is made anew where its data is left; empty: it has none."""
    volume = object.spec.volume_name if isinstance(object, PersistentVolumeClaim) else ""
    return f"; its data stays behind in volume {volume}, and Pods no longer see it" if volume else ""


def size_of(volume: PersistentVolume) -> Fraction:
    """Return the capacity of a volume in bytes."""
    return parse_quantity(volume.spec.capacity.get("storage", 0))


def wanted_size(claim: PersistentVolumeClaim) -> Fraction:
    """Return the bytes that a claim asks for."""
    return parse_quantity(claim.spec.resources.requests.get("storage", 0))


def why_unfit(volume: PersistentVolume, claim: PersistentVolumeClaim, class_name: str) -> str:
    """Return why a volume that a claim names cannot be its volume; an empty text: it can."""
    if size_of(volume) < wanted_size(claim):
        return "requested PV is too small"
    if class_name != volume.spec.storage_class_name:
        return "storageClassName does not match"
    if not set(claim.spec.access_modes) <= set(volume.spec.access_modes):
        return "incompatible accessMode"
    if volume.spec.volume_mode != claim.spec.volume_mode:
        return "incompatible volumeMode"
    return ""


def find_volume(
    claim: PersistentVolumeClaim,
    class_name: str,
    volumes: Iterable[PersistentVolume],
    node: Node | None = None,
    taken: Container[str] = frozenset(),
    *,
    reserved_only: bool = False,
) -> PersistentVolume | None:
    """Return the volume for a claim: the one kept for it, or else the smallest free one that fits, or None.

    Without a node those with the fewest access modes to spare come first; on a node, only what it can reach counts.
    `taken` are names of volumes that others have by now. The rules are those of Kubernetes' FindMatchingVolume.
    """
    usable = [one for one in volumes if one.metadata.name not in taken and _is_usable(one, claim)]
    for one in usable:
        if is_for(one, claim):
            return one if node is None or is_reachable(one, node) else None
    if reserved_only:
        return None
    fitting = [
        one
        for one in usable
        if one.spec.claim_ref is None and _fits(one, claim, class_name) and (node is None or is_reachable(one, node))
    ]
    return min(fitting, key=lambda one: _preference(one, spare_modes=node is None), default=None)


def _is_usable(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    return (
        (volume.spec.claim_ref is None or is_for(volume, claim))
        and size_of(volume) >= wanted_size(claim)
        and volume.spec.volume_mode == claim.spec.volume_mode
        and set(claim.spec.access_modes) <= set(volume.spec.access_modes)
        and volume.metadata.deletion_timestamp is None
    )


def _fits(volume: PersistentVolume, claim: PersistentVolumeClaim, class_name: str) -> bool:
    selector = claim.spec.selector
    return (
        volume.status.phase == "Available"
        and volume.spec.storage_class_name == class_name
        and (selector is None or matches(selector, volume.metadata.labels))
    )


def _preference(volume: PersistentVolume, *, spare_modes: bool) -> tuple[int, Fraction, str]:
    modes: Sequence[str] = volume.spec.access_modes if spare_modes else ()
    return len(set(modes)), size_of(volume), volume.metadata.name
