"""Making a volume for a claim: a directory or file of a node, or a directory on a share. Pure.

A node's is below the data directory or where its class says, and Pods then stay on that node. One on a share is where
the class' `subDir` says, as with the NFS driver of Kubernetes, and every node reaches it.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import cast

from reconciler.model import kinds as k
from reconciler.model.kinds import Node, PersistentVolume, PersistentVolumeClaim, StorageClass
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.planner.storage.capacity import capacities_of, has_enough
from reconciler.planner.storage.classes import (
    LOCAL_PROVISIONER,
    NFS_PROVISIONER,
    PATH_PARAMETER,
    allows,
    is_of_provider,
    is_on_share,
)
from reconciler.planner.storage.finalizers import with_finalizers
from reconciler.planner.storage.volumes import BASE, PROVISIONED_BY, SHARE
from reconciler.planner.view import SYSTEM, View, replace
from reconciler.planner.workloads.pods import is_silent

_SUB_DIR = "${pv.metadata.name}"


def node_for_any(view: View, class_: StorageClass, size: Fraction) -> str:
    """Return the node for a volume that waits for no Pod, empty: none; the first by name that its class allows.

    A node that tells that it has no room for the volume is none.
    """
    nodes = (cast(Node, one.object) for one in view.of_kind("Node"))
    fitting = (one.metadata.name for one in nodes if allows(class_, one) and _is_well(view, one))
    return next((name for name in fitting if _has_room(view, class_, name, size)), "")


def _has_room(view: View, class_: StorageClass, name: str, size: Fraction) -> bool:
    node = view.typed(Node, "", name)
    told = capacities_of(class_, node) if node is not None else None
    return node is None or told is None or has_enough(told, class_.metadata.name, node, size) is not None


def _is_well(view: View, node: Node) -> bool:
    return not node.spec.unschedulable and not is_silent(view, view.observed.nodes.get(node.metadata.name))


def why_not_made(claim: PersistentVolumeClaim, class_: StorageClass) -> str:
    """Return why a class makes no volume for a claim; an empty text: it does."""
    if claim.spec.volume_mode == "Block" and (is_on_share(class_) or is_of_provider(class_)):
        where = "directories on a share" if is_on_share(class_) else "directories by the provider"
        return f"class {class_.metadata.name} makes {where}, and no block devices (volumeMode: Block)"
    return ""


def provision(view: View, stored: StoredObject, class_: StorageClass, node: str) -> StoredObject:
    """Add the volume of a claim; a node makes the directory or file once it is assigned to it."""
    claim = cast(PersistentVolumeClaim, stored.object)
    name = f"pvc-{claim.metadata.uid}"
    spec = k.PersistentVolumeSpec(
        capacity={"storage": claim.spec.resources.requests.get("storage", "0")},
        access_modes=claim.spec.access_modes,
        persistent_volume_reclaim_policy=class_.reclaim_policy,
        storage_class_name=class_.metadata.name,
        volume_mode=claim.spec.volume_mode,
        mount_options=class_.mount_options,
    )
    made = _on_share(claim, class_, name, spec) if is_on_share(class_) else _on_node(view, stored, class_, node, spec)
    where = f"on share {class_.parameters.get('share', '')}" if is_on_share(class_) else f"on {node}"
    return view.create(
        with_finalizers(made),
        manager=SYSTEM,
        reason=Reason.PROVISIONED,
        message=f"for claim {stored.ref.namespace}/{stored.ref.name} {where}",
        provenance=stored.provenance,
    )


def _on_node(
    view: View, claim: StoredObject, class_: StorageClass, node: str, spec: k.PersistentVolumeSpec
) -> PersistentVolume:
    name = f"pvc-{claim.object.metadata.uid}"
    hostname = k.NodeSelectorRequirement(key="kubernetes.io/hostname", operator="In", values=(node,))
    required = k.NodeSelector(node_selector_terms=(k.NodeSelectorTerm(match_expressions=(hostname,)),))
    source = k.LocalVolumeSource(path=_directory(view, claim, class_, name))
    affinity = k.VolumeNodeAffinity(required=required)
    return PersistentVolume(
        metadata=k.ObjectMeta(name=name, annotations={PROVISIONED_BY: LOCAL_PROVISIONER, **_base_noted(class_)}),
        spec=replace(spec, local=source, node_affinity=affinity),
    )


def _on_share(
    claim: PersistentVolumeClaim, class_: StorageClass, name: str, spec: k.PersistentVolumeSpec
) -> PersistentVolume:
    share = class_.parameters.get("share", "")
    path = f"{share.rstrip('/')}/{_sub_dir(claim, class_, name)}"
    source = k.NFSVolumeSource(server=class_.parameters.get("server", ""), path=path)
    return PersistentVolume(
        metadata=k.ObjectMeta(name=name, annotations={PROVISIONED_BY: NFS_PROVISIONER, SHARE: share}),
        spec=replace(spec, nfs=source),
    )


def _sub_dir(claim: PersistentVolumeClaim, class_: StorageClass, name: str) -> str:
    values: Mapping[str, str] = {
        "pvc.metadata.name": claim.metadata.name,
        "pvc.metadata.namespace": claim.metadata.namespace,
        "pv.metadata.name": name,
    }
    template = class_.parameters.get("subDir") or _SUB_DIR
    for variable, value in values.items():
        template = template.replace(f"${{{variable}}}", value)
    return template


def _base_noted(class_: StorageClass) -> dict[str, str]:
    base = class_.parameters.get(PATH_PARAMETER, "").rstrip("/")
    return {BASE: base} if base else {}


def _directory(view: View, stored: StoredObject, class_: StorageClass, name: str) -> str:
    base = _base_noted(class_).get(BASE, view.policy.volumes_dir)
    return f"{base}/{name}_{stored.ref.namespace}_{stored.ref.name}"
