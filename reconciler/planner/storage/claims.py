"""Claims and volumes: binding, provisioning, releasing. Pure.

Reconciling never destroys data (P29): a claim that goes releases its volume; with reclaim policy Delete the directory
is moved to a dated trash, and otherwise stays until a person removes it.
"""

from typing import cast

from reconciler.model import kinds as k
from reconciler.model.kinds import PersistentVolume, PersistentVolumeClaim, Pod, StorageClass
from reconciler.model.labels import matches
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Decision, Reason
from reconciler.model.quantity import parse_quantity
from reconciler.model.refs import ObjectRef
from reconciler.planner.references import claims_of
from reconciler.planner.view import SYSTEM, View, replace

LOCAL_PROVISIONER = "reconciler.dev/local"
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
BUILT_IN_CLASS = "local"


def ensure_default_class(view: View) -> None:
    """There is a class `local` for claims that name none, unless a declared class is the default."""
    ref = ObjectRef(kind="StorageClass", name=BUILT_IN_CLASS)
    if view.get(ref) is not None:
        return
    declared = [cast(StorageClass, one.object) for one in view.of_kind("StorageClass")]
    marked = any(_is_default(one) for one in declared)
    annotations = {} if marked else {DEFAULT_CLASS: "true"}
    built_in = StorageClass(
        metadata=k.ObjectMeta(name=BUILT_IN_CLASS, annotations=annotations),
        provisioner=LOCAL_PROVISIONER,
        reclaim_policy="Retain",
        volume_binding_mode="WaitForFirstConsumer",
    )
    view.create(built_in, manager=SYSTEM, reason=Reason.DECLARED)


def _is_default(class_: StorageClass) -> bool:
    return class_.metadata.annotations.get(DEFAULT_CLASS) == "true"


def sync_claims(view: View) -> None:
    """Release what is no longer claimed, bind claims, and provision volumes for those that may wait no longer."""
    users = _users(view)
    for stored in view.of_kind("PersistentVolumeClaim"):
        if stored.object.metadata.deletion_timestamp:
            _end(view, stored, users.get((stored.ref.namespace, stored.ref.name), []))
    for stored in view.of_kind("PersistentVolume"):
        _volume_phase(view, stored)
    for stored in view.of_kind("PersistentVolume"):
        _forget_trashed(view, stored)
    for stored in view.of_kind("PersistentVolumeClaim"):
        if not stored.object.metadata.deletion_timestamp:
            _bind(view, stored, users.get((stored.ref.namespace, stored.ref.name), []))


def _users(view: View) -> dict[tuple[str, str], list[Pod]]:
    found: dict[tuple[str, str], list[Pod]] = {}
    # Without claims nobody asks.
    for stored in view.of_kind("Pod") if view.of_kind("PersistentVolumeClaim") else ():
        pod = cast(Pod, stored.object)
        if pod.status.phase in ("Succeeded", "Failed"):
            continue
        for name in claims_of(pod.spec):
            found.setdefault((stored.ref.namespace, name), []).append(pod)
    return found


def _end(view: View, stored: StoredObject, users: list[Pod]) -> None:
    """A claim in use stays until its Pods are gone, as Kubernetes protects it."""
    if users:
        message = f"in use by pod/{stored.ref.namespace}/{users[0].metadata.name}; goes when that has ended"
        view.judge(stored.ref, Decision.BLOCKED, Reason.VOLUME_IN_USE, message, stored=stored)
        return
    claim = cast(PersistentVolumeClaim, stored.object)
    volume = claim.spec.volume_name
    message = f"volume {volume} is released, its data is kept" if volume else "it had no volume"
    view.remove(stored, Reason.NO_LONGER_DECLARED, message)


def _volume_phase(view: View, stored: StoredObject) -> None:
    volume = cast(PersistentVolume, stored.object)
    phase, claim = volume.status.phase, volume.spec.claim_ref
    if claim is None:
        wanted = "Available"
    else:
        found = view.typed(PersistentVolumeClaim, claim.namespace, claim.name)
        if found is not None and (not claim.uid or found.metadata.uid == claim.uid):
            wanted = "Bound" if claim.uid else "Available"
        else:
            wanted = "Released" if claim.uid else "Available"
    if phase != wanted:
        status = replace(volume.status, phase=wanted, last_phase_transition_time=view.timestamp)
        view.set_status(stored, status)
        if wanted == "Released":
            view.happened(stored, "VolumeReleased", "its claim is gone; the data is kept")
    if stored.ref not in view.verdicts:
        view.judge(
            stored.ref,
            Decision.UNCHANGED,
            Reason.RELEASED if wanted == "Released" else Reason.IN_SYNC,
            stored=stored,
        )


def _forget_trashed(view: View, stored: StoredObject) -> None:
    """A volume whose directory its node has moved to the trash is done with."""
    volume = cast(PersistentVolume, stored.object)
    if not is_trash(volume) or stored.manager != SYSTEM:
        return
    node = view.observed.nodes.get(node_of(volume))
    facts = node.observation.facts if node and node.observation else None
    if facts and facts.complete and not {volume.metadata.name, path_of(volume)} & set(facts.directories):
        view.remove(stored, Reason.RELEASED, "its directory was moved to the trash")


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


def _bind(view: View, stored: StoredObject, users: list[Pod]) -> None:
    claim = cast(PersistentVolumeClaim, stored.object)
    if claim.spec.volume_name and claim.status.phase == "Bound":
        if view.get(ObjectRef(kind="PersistentVolume", name=claim.spec.volume_name)) is None:
            view.set_status(stored, replace(claim.status, phase="Lost"))
        return
    class_name = class_name_of(view, claim)
    volume = _reserved(view, stored) or _named(view, claim) or _best(view, stored, claim, class_name)
    if volume is None:
        volume = _provision(view, stored, claim, class_name, users)
    if volume is None:
        return
    _tie(view, stored, volume)


def class_name_of(view: View, claim: PersistentVolumeClaim) -> str:
    """Return the class of a claim, which is the default class where it names none."""
    if claim.spec.storage_class_name is not None:
        return claim.spec.storage_class_name
    classes = [cast(StorageClass, one.object) for one in view.of_kind("StorageClass")]
    # The class of the cluster itself comes with the first pass, once what is declared is known.
    is_to_come = view.get(ObjectRef(kind="StorageClass", name=BUILT_IN_CLASS)) is None
    return next((one.metadata.name for one in classes if _is_default(one)), BUILT_IN_CLASS if is_to_come else "")


def _reserved(view: View, stored: StoredObject) -> StoredObject | None:
    """A volume whose claimRef names this claim is its own."""
    for one in view.of_kind("PersistentVolume"):
        claim = cast(PersistentVolume, one.object).spec.claim_ref
        mine = claim is not None and (claim.namespace, claim.name) == (stored.ref.namespace, stored.ref.name)
        if mine and claim is not None and claim.uid in ("", stored.object.metadata.uid):
            return one
    return None


def _named(view: View, claim: PersistentVolumeClaim) -> StoredObject | None:
    if not claim.spec.volume_name:
        return None
    found = view.get(ObjectRef(kind="PersistentVolume", name=claim.spec.volume_name))
    free = found is not None and cast(PersistentVolume, found.object).spec.claim_ref is None
    return found if free else None


def _best(view: View, stored: StoredObject, claim: PersistentVolumeClaim, class_name: str) -> StoredObject | None:
    """Return the smallest free volume that satisfies the claim."""
    if claim.spec.volume_name:
        return None
    wanted = parse_quantity(claim.spec.resources.requests.get("storage", 0))
    fitting = []
    for one in view.of_kind("PersistentVolume"):
        spec = cast(PersistentVolume, one.object).spec
        size = parse_quantity(spec.capacity.get("storage", 0))
        fits = (
            spec.claim_ref is None
            and spec.storage_class_name == class_name
            and set(claim.spec.access_modes) <= set(spec.access_modes)
            and size >= wanted
            and (claim.spec.selector is None or matches(claim.spec.selector, one.object.metadata.labels))
            and not one.object.metadata.deletion_timestamp
        )
        if fits:
            fitting.append((size, one.ref.name, one))
    return min(fitting, key=lambda found: found[:2])[2] if fitting else None


def _provision(
    view: View, stored: StoredObject, claim: PersistentVolumeClaim, class_name: str, users: list[Pod]
) -> StoredObject | None:
    if claim.spec.volume_name:
        _waits(view, stored, f"volume {claim.spec.volume_name} does not exist or belongs to another claim")
        return None
    if not class_name:
        _waits(view, stored, "no volume fits, and there is no storage class to make one")
        return None
    class_ = view.typed(StorageClass, "", class_name)
    if class_ is None:
        _waits(view, stored, f"storage class {class_name} does not exist")
        return None
    if class_.provisioner != LOCAL_PROVISIONER:
        _waits(view, stored, f"no volume fits, and provisioner {class_.provisioner} is not one of ours")
        return None
    node = _node_for(view, class_, users)
    if not node:
        _waits(view, stored, "waits for the first Pod that uses it to be placed")
        return None
    return _new_volume(view, stored, claim, class_, node)


def _waits(view: View, stored: StoredObject, message: str) -> None:
    if stored.ref not in view.verdicts or view.verdicts[stored.ref].decision is Decision.UNCHANGED:
        view.judge(stored.ref, Decision.BLOCKED, Reason.CLAIM_NOT_BOUND, message, stored=stored)


def _node_for(view: View, class_: StorageClass, users: list[Pod]) -> str:
    """A local volume lives where the first Pod runs, or on the first node when binding is immediate."""
    placed = sorted(pod.spec.node_name for pod in users if pod.spec.node_name)
    if placed:
        return placed[0]
    nodes = sorted(view.observed.nodes)
    return nodes[0] if class_.volume_binding_mode == "Immediate" and nodes else ""


def _new_volume(
    view: View, stored: StoredObject, claim: PersistentVolumeClaim, class_: StorageClass, node: str
) -> StoredObject:
    name = f"pvc-{claim.metadata.uid}"
    directory = f"{view.policy.volumes_dir}/{name}_{stored.ref.namespace}_{stored.ref.name}"
    hostname = k.NodeSelectorRequirement(key="kubernetes.io/hostname", operator="In", values=(node,))
    required = k.NodeSelector(node_selector_terms=(k.NodeSelectorTerm(match_expressions=(hostname,)),))
    volume = PersistentVolume(
        metadata=k.ObjectMeta(name=name, annotations={PROVISIONED_BY: LOCAL_PROVISIONER}),
        spec=k.PersistentVolumeSpec(
            capacity={"storage": claim.spec.resources.requests.get("storage", "0")},
            access_modes=claim.spec.access_modes,
            local=k.LocalVolumeSource(path=directory),
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


def _tie(view: View, stored: StoredObject, volume: StoredObject) -> None:
    """Bind both ends in one transaction."""
    claim = cast(PersistentVolumeClaim, stored.object)
    typed = cast(PersistentVolume, volume.object)
    reference = k.ObjectReference(
        kind="PersistentVolumeClaim",
        api_version="v1",
        namespace=stored.ref.namespace,
        name=stored.ref.name,
        uid=claim.metadata.uid,
    )
    bound = replace(typed, spec=replace(typed.spec, claim_ref=reference))
    volume = view.update(volume, bound, reason=Reason.PLACED, judged=False)
    view.set_status(
        volume,
        replace(
            cast(PersistentVolume, volume.object).status,
            phase="Bound",
            last_phase_transition_time=view.timestamp,
        ),
    )
    class_name = claim.spec.storage_class_name
    spec = replace(
        claim.spec,
        volume_name=volume.ref.name,
        storage_class_name=typed.spec.storage_class_name if class_name is None else class_name,
    )
    stored = view.update(stored, replace(claim, spec=spec), reason=Reason.PLACED, judged=False)
    status = k.PersistentVolumeClaimStatus(
        phase="Bound", access_modes=typed.spec.access_modes, capacity=typed.spec.capacity
    )
    view.set_status(stored, status)
    view.happened(stored, "Bound", f"bound to volume {volume.ref.name}")
