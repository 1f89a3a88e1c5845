"""What goes with its owner, and with its namespace: cascades, every one of them listed (P04). Pure."""

from reconciler.model.kinds import Namespace, NamespaceStatus, ObjectMeta
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.model.refs import ObjectRef
from reconciler.planner.declare import BUILT_IN_NAMESPACES
from reconciler.planner.view import SYSTEM, View
from reconciler.planner.workloads.replicaset import delete_pod

# Owners before what they own, so that one look finds all of it.
_GO_WITH_OWNER = (
    "ReplicaSet",
    "Job",
    "ControllerRevision",
    "Pod",
    "PersistentVolumeClaim",
    "Endpoints",
    "EndpointSlice",
)


# Data stays when its owner is made anew under the same name: the new one takes it over (P29).
_HELD_BY_NAME = frozenset({"PersistentVolumeClaim"})


def ensure_built_in_namespaces(view: View) -> None:
    """The namespaces that every cluster has exist without being declared."""
    for name in BUILT_IN_NAMESPACES:
        if view.get(ObjectRef(kind="Namespace", name=name)) is None:
            view.create(Namespace(metadata=ObjectMeta(name=name)), manager=SYSTEM, reason=Reason.DECLARED)


def collect_orphans(view: View) -> None:
    """Remove what a removed owner leaves: ReplicaSets at once, Pods gracefully."""
    for kind in _GO_WITH_OWNER:
        for stored in view.of_kind(kind):
            owner = next((one for one in stored.object.metadata.owner_references if one.controller), None)
            if owner is None:
                continue
            found = view.get(ObjectRef(kind=owner.kind, namespace=stored.ref.namespace, name=owner.name))
            if found is None or (found.object.metadata.uid != owner.uid and kind not in _HELD_BY_NAME):
                _remove(view, stored, Reason.OWNER_DELETED, f"{owner.kind.lower()}/{owner.name} is gone")


def empty_namespaces(view: View) -> None:
    """A namespace that goes takes everything along, and is removed once it is empty."""
    for stored in view.of_kind("Namespace"):
        if stored.object.metadata.deletion_timestamp is None:
            continue
        name = stored.ref.name
        held = {ref for hold in view.holds for ref in hold.objects}
        for inner in [one for ref, one in sorted(view.objects.items()) if ref.namespace == name and ref not in held]:
            _remove(view, inner, Reason.NAMESPACE_DELETED, f"namespace {name} is deleted")
        if any(ref.namespace == name for ref in view.objects):
            view.set_status(stored, NamespaceStatus(phase="Terminating"))
        else:
            view.remove(stored, Reason.NO_LONGER_DECLARED, "no longer in the repository")


def _remove(view: View, stored: StoredObject, reason: Reason, message: str) -> None:
    if stored.ref.kind == "Pod":
        if stored.object.metadata.deletion_timestamp is None:
            delete_pod(view, stored, reason, message)
    elif stored.ref.kind == "PersistentVolumeClaim":
        view.terminate(stored, reason, message)
    else:
        view.remove(stored, reason, message)
