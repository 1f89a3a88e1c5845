"""What a source declares, with what the cluster has added to the stored object. Pure."""

from typing import Any

from reconciler.model.kinds import AnyObject, ObjectMeta
from reconciler.model.observed import StoredObject
from reconciler.planner.admission.admit import with_name_label
from reconciler.planner.admission.limits import kept_defaults
from reconciler.planner.admission.node_selector import on_nodes_of_namespace
from reconciler.planner.priority import with_kept_priority
from reconciler.planner.services.kept import with_kept
from reconciler.planner.storage.volumes import ASKED_OF, BOUND_BY_CONTROLLER, SELECTED_NODE, kept_claim
from reconciler.planner.tolerations import with_default_tolerations
from reconciler.planner.view import View, replace, with_metadata

# What controllers write on declared objects.
_KEPT_ANNOTATIONS = frozenset({"deployment.kubernetes.io/revision", BOUND_BY_CONTROLLER, SELECTED_NODE, ASKED_OF})


def merged(view: View, stored: StoredObject, wanted: AnyObject) -> AnyObject:
    """Return the wanted object with what the cluster has added to the stored one."""
    old: Any = stored.object
    new: Any = with_metadata(wanted, _metadata(old.metadata, wanted.metadata))
    if hasattr(old, "status"):
        new = replace(new, status=old.status)
    if old.kind == "Namespace":
        new = with_name_label(new)
    if old.kind == "Service":
        new = with_kept(old, new)
    if old.kind == "PersistentVolumeClaim":
        added = {"volume_name": new.spec.volume_name or old.spec.volume_name}
        if new.spec.storage_class_name is None:
            added["storage_class_name"] = old.spec.storage_class_name
        new = replace(new, spec=replace(new.spec, **added))
    if old.kind == "PersistentVolume":
        new = replace(new, spec=replace(new.spec, claim_ref=kept_claim(old, new)))
    if old.kind == "Pod" and not new.spec.node_name:
        new = replace(new, spec=replace(new.spec, node_name=old.spec.node_name))
    if old.kind == "Pod":
        new = kept_defaults(old, new)
        new = replace(new, spec=on_nodes_of_namespace(view, old.metadata.namespace, new.spec))
        policy = view.policy
        new = replace(new, spec=with_default_tolerations(new.spec, policy.not_ready_toleration_s, policy.toleration_s))
        new = replace(new, spec=with_kept_priority(view, old.spec, new.spec))
    if old.kind == "ClusterRole" and new.aggregation_rule is not None:
        new = replace(new, rules=old.rules)
    return new  # type: ignore[no-any-return]


def _metadata(old: ObjectMeta, wanted: ObjectMeta) -> ObjectMeta:
    kept = {key: text for key, text in old.annotations.items() if key in _KEPT_ANNOTATIONS}
    return replace(
        wanted,
        annotations={**wanted.annotations, **kept} if kept else wanted.annotations,
        uid=old.uid,
        generation=old.generation,
        resource_version=old.resource_version,
        creation_timestamp=old.creation_timestamp,
        deletion_timestamp=old.deletion_timestamp,
        deletion_grace_period_seconds=old.deletion_grace_period_seconds,
        owner_references=old.owner_references or wanted.owner_references,
        finalizers=old.finalizers or wanted.finalizers,
    )
