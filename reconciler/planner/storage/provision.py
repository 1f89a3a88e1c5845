"""Making a volume for a claim: a directory of a node, below the data directory or where its class says. Pure."""

from typing import cast

from reconciler.model import kinds as k
from reconciler.model.kinds import Node, PersistentVolume, PersistentVolumeClaim, StorageClass
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.planner.storage.classes import LOCAL_PROVISIONER, PATH_PARAMETER, allows
from reconciler.planner.storage.volumes import BASE, PROVISIONED_BY
from reconciler.planner.view import SYSTEM, View
from reconciler.planner.workloads.pods import is_silent


def node_for_any(view: View, class_: StorageClass) -> str:
    """Return the node for a volume that waits for no Pod: the first by name that its class allows; empty: none."""
    nodes = (cast(Node, one.object) for one in view.of_kind("Node"))
    fitting = (one.metadata.name for one in nodes if allows(class_, one) and _is_well(view, one))
    return next(fitting, "")


def _is_well(view: View, node: Node) -> bool:
    return not node.spec.unschedulable and not is_silent(view, view.observed.nodes.get(node.metadata.name))


def provision(view: View, stored: StoredObject, class_: StorageClass, node: str) -> StoredObject:
    """Add the volume of a claim; the node makes the directory once it is assigned to it."""
    claim = cast(PersistentVolumeClaim, stored.object)
    name = f"pvc-{claim.metadata.uid}"
    hostname = k.NodeSelectorRequirement(key="kubernetes.io/hostname", operator="In", values=(node,))
    required = k.NodeSelector(node_selector_terms=(k.NodeSelectorTerm(match_expressions=(hostname,)),))
    volume = PersistentVolume(
        metadata=k.ObjectMeta(name=name, annotations={PROVISIONED_BY: LOCAL_PROVISIONER, **_base_noted(class_)}),
        spec=k.PersistentVolumeSpec(
            capacity={"storage": claim.spec.resources.requests.get("storage", "0")},
            access_modes=claim.spec.access_modes,
            local=k.LocalVolumeSource(path=_directory(view, stored, class_, name)),
            persistent_volume_reclaim_policy=class_.reclaim_policy,
            storage_class_name=class_.metadata.name,
            node_affinity=k.VolumeNodeAffinity(required=required),
            mount_options=class_.mount_options,
        ),
    )
    return view.create(
        volume,
        manager=SYSTEM,
        reason=Reason.PROVISIONED,
        message=f"for claim {stored.ref.namespace}/{stored.ref.name} on {node}",
        provenance=stored.provenance,
    )


def _base_noted(class_: StorageClass) -> dict[str, str]:
    base = class_.parameters.get(PATH_PARAMETER, "").rstrip("/")
    return {BASE: base} if base else {}


def _directory(view: View, stored: StoredObject, class_: StorageClass, name: str) -> str:
    base = _base_noted(class_).get(BASE, view.policy.volumes_dir)
    return f"{base}/{name}_{stored.ref.namespace}_{stored.ref.name}"
