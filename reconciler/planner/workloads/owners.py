"""What goes with its owner, and with its namespace: cascades, every one of them listed (P04). Pure."""

from reconciler.model.kinds import KINDS, Namespace, NamespaceStatus, ObjectMeta, OwnerReference
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.model.refs import ObjectRef
from reconciler.planner.admission.admit import with_name_label
from reconciler.planner.declare import BUILT_IN_NAMESPACES
from reconciler.planner.propagation import FOREGROUND, terminate_in_foreground
from reconciler.planner.view import SYSTEM, View
from reconciler.planner.workloads.adoption import without_owner
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


_ORDER = {kind: number for number, kind in enumerate(KINDS)}
# Data stays when its owner is made anew under the same name: the new one takes it over (P29).
_HELD_BY_NAME = frozenset({"PersistentVolumeClaim"})


def ensure_built_in_namespaces(view: View) -> None:
    """The namespaces that every cluster has exist without being declared."""
    for name in BUILT_IN_NAMESPACES:
        if view.get(ObjectRef(kind="Namespace", name=name)) is None:
            namespace = with_name_label(Namespace(metadata=ObjectMeta(name=name)))
            view.create(namespace, manager=SYSTEM, reason=Reason.DECLARED)


def collect_orphans(view: View) -> None:
    """Remove what the last of its owners leaves: ReplicaSets at once, Pods gracefully."""
    for stored in view.due_of(_GO_WITH_OWNER):
        owners = stored.object.metadata.owner_references
        gone = [owner for owner in owners if _is_gone(view, stored, owner)]
        if not gone:
            continue
        if len(gone) == len(owners):
            named = next((one for one in gone if one.controller), gone[0])
            _remove(view, stored, Reason.OWNER_DELETED, f"{named.kind.lower()}/{named.name} is gone")
        else:
            _drop_dangling(view, stored, gone)


def _is_gone(view: View, stored: StoredObject, owner: OwnerReference) -> bool:
    spec = KINDS.get(owner.kind)
    namespace = stored.ref.namespace if spec is None or spec.namespaced else ""
    found = view.uid_of(ObjectRef(kind=owner.kind, namespace=namespace, name=owner.name))
    return found is None or (found != owner.uid and stored.ref.kind not in _HELD_BY_NAME)


def _drop_dangling(view: View, stored: StoredObject, gone: list[OwnerReference]) -> None:
    """What another owner still has stays, and forgets the one that went."""
    for owner in gone:
        stored = view.update(stored, without_owner(stored, owner.uid), reason=Reason.STATUS, judged=False)


def end_in_foreground(view: View) -> None:
    """Have what was deleted in the foreground go once everything that blocks it is gone."""
    awake = (view.objects.get(ref) for ref in view.awake())
    waiting = [stored for stored in awake if stored is not None and _waits_for_children(stored)]
    waiting.sort(key=lambda one: (_ORDER[one.ref.kind], one.ref))
    while waiting:
        stored = waiting.pop()
        for child in view.children(stored.object.metadata.uid):
            _end_child(view, stored, child)
            found = view.get(child.ref)
            if found is not None and _waits_for_children(found) and not _waits_for_children(child):
                waiting.append(found)
        if not any(_blocks(one, stored) for one in view.children(stored.object.metadata.uid)):
            view.remove(stored, Reason.NO_LONGER_DECLARED, "everything that belongs to it has ended")


def _waits_for_children(stored: StoredObject) -> bool:
    return FOREGROUND in stored.object.metadata.finalizers


def _end_child(view: View, owner: StoredObject, child: StoredObject) -> None:
    message = f"{owner.ref} is being deleted"
    if view.children(child.object.metadata.uid) and child.ref.kind != "Pod":
        terminate_in_foreground(view, child, Reason.OWNER_DELETED, message)
    else:
        _remove(view, child, Reason.OWNER_DELETED, message)


def _blocks(child: StoredObject, owner: StoredObject) -> bool:
    uid = owner.object.metadata.uid
    return any(one.uid == uid and one.block_owner_deletion for one in child.object.metadata.owner_references)


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
