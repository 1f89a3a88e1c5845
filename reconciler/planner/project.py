"""What each node receives: its assignment, the network view, and the values its Pods need. Pure."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from reconciler.model import kinds as k
from reconciler.model.canonical import digest
from reconciler.model.ingress import IngressView
from reconciler.model.kinds import PersistentVolume, PersistentVolumeClaim, Pod
from reconciler.model.node import (
    Assignment,
    ClaimBinding,
    ConfigReference,
    Materials,
    NetworkBackend,
    NetworkView,
    Peer,
    PodAssignment,
    VolumeAssignment,
)
from reconciler.model.observed import NodeState, ObservedState, StoredObject
from reconciler.model.policy import Policy
from reconciler.model.refs import ObjectRef
from reconciler.model.times import unix
from reconciler.planner.contents import config_version as config_version
from reconciler.planner.contents import material_of
from reconciler.planner.ingress.view import ingress_view, secrets_of
from reconciler.planner.memo import Memo
from reconciler.planner.networkpolicy import cluster_policies
from reconciler.planner.numbers import node_cidr, node_numbers
from reconciler.planner.project_pods import NodePods
from reconciler.planner.references import claims_of, references_of
from reconciler.planner.services.announce import announced
from reconciler.planner.services.endpoints import service_entries
from reconciler.planner.storage.classes import PATH_PARAMETER, is_local_class
from reconciler.planner.storage.ephemeral import (
    claims_brought_along,
    is_claim_of,
    not_made_for,
    with_mounted_claims,
)
from reconciler.planner.storage.volumes import (
    BASE,
    device_source,
    directory_on_share,
    is_directory_on_share,
    is_provisioned_here,
    is_trash,
    keeper_of,
    path_of,
    share_of,
    size_of,
)
from reconciler.planner.view import View

Objects = Mapping[ObjectRef, StoredObject]
_VOLUME = "PersistentVolume"
# Of what is projected, only these are gone through one by one.
_LOOKED_AT = frozenset({"Service"})
_UNREACHABLE = ("", "127.0.0.1")
# What the assignment of a Pod is made from besides the Pod itself, see `_read_by`.
_READ_KINDS = ("ConfigMap", "PersistentVolume", "PersistentVolumeClaim", "Secret", "ServiceAccount")


def project_view(observed: ObservedState, policy: Policy, now: float, memo: Memo | None = None) -> NetworkView:
    """Return the network as every node sees it; the generation is set by who sends it.

    It is the very same as before while objects, numbers and what nodes tell of themselves are.
    """
    memo = memo or Memo()
    told = tuple(map(_told, observed.nodes.values()))
    inputs = (observed.objects, observed.allocations, observed.cluster, policy)
    return memo.get(("view", observed.term, told), inputs, lambda: _network_view(observed, policy, now, memo))


def _told(state: NodeState) -> tuple[object, ...]:
    """Return what a node tells that others have to know."""
    facts = state.observation.facts if state.observation is not None else None
    if facts is None:
        return (state.name,)
    return state.name, facts.host.address, facts.network.tunnel_error, facts.ingress.program


def _network_view(observed: ObservedState, policy: Policy, now: float, memo: Memo) -> NetworkView:
    memo.attention.attend_to(_LOOKED_AT)
    view = View(observed, policy, now, memo)
    view.declared = view.objects
    services = service_entries(view)
    ingress = ingress_view(view)
    view.settle()
    return NetworkView(
        cluster_id=observed.cluster.id,
        term=observed.term,
        generation=0,
        services=services,
        peers=_known_peers(view),
        announced=view.memo.get("announced", (observed.allocations,), lambda: announced(observed.allocations)),
        policies=cluster_policies(view),
        ingress=ingress,
    )


def _known_peers(view: View) -> tuple[Peer, ...]:
    """Return the peers: the very same as before while nothing that they are made from has changed."""
    observed = view.observed
    told = tuple(map(_told, observed.nodes.values()))
    inputs = (observed.allocations, observed.cluster, view.memo.picture.marks["Node"])
    return view.memo.get(("peers", told), inputs, lambda: tuple(_peers(observed)))


def _peers(observed: ObservedState) -> Iterator[Peer]:
    """Yield the nodes that have told their address, in the order of names; a silent one still has its Pods."""
    numbers = node_numbers(observed.nodes, observed.allocations)
    for name in sorted(observed.nodes):
        observation = observed.nodes[name].observation
        if observation is not None and observation.facts.host.address not in _UNREACHABLE:
            yield Peer(
                node=name,
                address=observation.facts.host.address,
                pod_cidr=node_cidr(observed.cluster, numbers[name]),
                zone=_zone(observed, name),
                backend=_backend(observed, makes_tunnels=not observation.facts.network.tunnel_error),
            )


def _backend(observed: ObservedState, *, makes_tunnels: bool) -> NetworkBackend:
    wanted = observed.cluster.network_backend
    return "host-gw" if wanted == "vxlan" and not makes_tunnels else wanted


def _zone(observed: ObservedState, node: str) -> str:
    stored = observed.objects.get(ObjectRef(kind="Node", name=node))
    return stored.object.metadata.labels.get("topology.kubernetes.io/zone", "") if stored is not None else ""


def project_assignment(observed: ObservedState, policy: Policy, node: str) -> Assignment:
    """Return what `node` is to run; the generation is set by who sends it."""
    return project_assignments(observed, policy, Memo(), (node,))[node]


def project_assignments(
    observed: ObservedState, policy: Policy, memo: Memo, nodes: Iterable[str]
) -> dict[str, Assignment]:
    """Return what each node is to run: as before while objects, numbers and nodes are the very same."""
    names = tuple(nodes)
    inputs = (observed.objects, observed.allocations, observed.cluster, policy)
    return memo.get(
        ("assignments", observed.term, names, tuple(observed.nodes)),
        inputs,
        lambda: _assignments(observed, policy, memo, names),
    )


def _assignments(observed: ObservedState, policy: Policy, memo: Memo, nodes: tuple[str, ...]) -> dict[str, Assignment]:
    """Go through the objects once; a Pod is projected anew when its inputs change."""
    placed: dict[str, list[StoredObject]] = {node: [] for node in nodes}
    directories: dict[str, list[VolumeAssignment]] = {node: [] for node in placed}
    # A view brings the indexes up to date.
    View(observed, policy, 0.0, memo)
    picture = memo.picture
    for node, found in placed.items():
        found.extend(picture.by_node.get(node, {}).values())
    for volume in _provisioned(picture.by_kind[_VOLUME]):
        if keeper_of(volume) in directories:
            directories[keeper_of(volume)].append(_volume(volume))
    class_paths = _class_paths(picture.by_kind["StorageClass"])
    numbers = node_numbers({*observed.nodes, *placed}, observed.allocations)
    known: dict[str, NodePods] = memo.kept("pods of nodes", dict)
    for node in known.keys() - placed.keys():
        del known[node]
    return {
        node: _assignment(observed, policy, memo, node, numbers[node], pods, directories[node], class_paths)
        for node, pods in placed.items()
    }


def _assignment(
    observed: ObservedState,
    policy: Policy,
    memo: Memo,
    node: str,
    number: int,
    pods: list[StoredObject],
    volumes: list[VolumeAssignment],
    class_paths: tuple[str, ...],
) -> Assignment:
    cluster = observed.cluster
    return Assignment(
        cluster_id=cluster.id,
        term=observed.term,
        generation=0,
        node=node,
        pod_cidr=node_cidr(cluster, number),
        cluster_pod_cidr=cluster.pod_cidr,
        service_cidr=cluster.service_cidr,
        domain=cluster.domain,
        dns_address=cluster.dns_address,
        pods=_pods(observed.objects, policy, memo, node, pods),
        volumes=tuple(volumes),
        class_paths=class_paths,
    )


def _pods(
    objects: Objects, policy: Policy, memo: Memo, node: str, pods: list[StoredObject]
) -> tuple[PodAssignment, ...]:
    """Return the Pods of a node: all as before when none of them and nothing that Pods read has changed."""
    known: dict[str, NodePods] = memo.kept("pods of nodes", dict)
    found = known.setdefault(node, NodePods())
    marks = (policy, *(memo.picture.marks[kind] for kind in _READ_KINDS))
    return found.brought_to(
        marks, pods, lambda one: (policy, *_read_by(objects, one)), lambda one: _pod(objects, policy, one)
    )


def _read_by(objects: Objects, stored: StoredObject) -> Iterator[StoredObject | None]:
    """Go through everything besides the Pod itself that its assignment is made from."""
    pod, namespace = cast(Pod, stored.object), stored.ref.namespace
    name = pod.spec.service_account_name or "default"
    yield objects.get(ObjectRef(kind="ServiceAccount", namespace=namespace, name=name))
    for one in references_of(pod.spec):
        yield objects.get(ObjectRef(kind=one.kind, namespace=namespace, name=one.name))
    for claim_name in claims_of(pod.spec):
        claim = objects.get(ObjectRef(kind="PersistentVolumeClaim", namespace=namespace, name=claim_name))
        yield claim
        if claim is not None:
            volume = cast(PersistentVolumeClaim, claim.object).spec.volume_name
            yield objects.get(ObjectRef(kind="PersistentVolume", name=volume))


def project_materials(
    objects: Objects,
    policy: Policy,
    assignment: Assignment,
    ingress: IngressView | None = None,
    memo: Memo | None = None,
) -> Materials:
    """Return the values that the assignment's Pods read, or its node needs for Ingresses, and nothing else (P22).

    `memo`: that of the assignments; it knows whether the values have changed.
    """
    secrets = tuple(secrets_of(ingress, assignment.node))
    if memo is None:
        return _materials(objects, policy, assignment, secrets)
    marks = (memo.picture.marks[kind] for kind in ("ConfigMap", "Secret"))
    return memo.get(
        ("materials", assignment.node, secrets),
        (policy, assignment.pods, *marks),
        lambda: _materials(objects, policy, assignment, secrets),
    )


def _materials(objects: Objects, policy: Policy, assignment: Assignment, secrets: Iterable[ObjectRef]) -> Materials:
    wanted: dict[ObjectRef, None] = dict.fromkeys(secrets)
    for pod in assignment.pods:
        for reference in pod.configuration:
            if reference.version:
                ref = ObjectRef(kind=reference.kind, namespace=reference.namespace, name=reference.name)
                wanted[ref] = None
        for name in pod.spec.image_pull_secrets:
            wanted[ObjectRef(kind="Secret", namespace=pod.namespace, name=name.name)] = None
    found = (material_of(objects[ref], policy) for ref in sorted(wanted) if ref in objects)
    return Materials(configuration=tuple(found))


def _pod(objects: Objects, policy: Policy, stored: StoredObject) -> PodAssignment:
    pod = cast(Pod, stored.object)
    metadata = pod.metadata
    owner = next((one for one in metadata.owner_references if one.controller), None)
    spec = with_mounted_claims(_with_account(objects, stored, pod.spec))
    return PodAssignment(
        uid=metadata.uid,
        namespace=metadata.namespace,
        name=metadata.name,
        spec=spec,
        labels=metadata.labels,
        annotations=metadata.annotations,
        digest=stored.digest if owner else digest(pod.spec),
        revision=stored.provenance.commit if stored.provenance else "",
        owner_kind=owner.kind if owner else "",
        # Whose name is its own may run elsewhere under that name by the time its host is back.
        exclusive=owner is None or owner.kind == "StatefulSet",
        service_account=pod.spec.service_account_name or "default",
        configuration=_configuration(objects, policy, stored),
        claims=_claims(objects, pod),
        finished=pod.status.phase if pod.status.phase in ("Succeeded", "Failed") else "",
        deletion_requested_at=unix(metadata.deletion_timestamp),
        grace_s=float(
            pod.spec.termination_grace_period_seconds
            if metadata.deletion_grace_period_seconds is None
            else metadata.deletion_grace_period_seconds
        ),
    )


def _with_account(objects: Objects, stored: StoredObject, spec: k.PodSpec) -> k.PodSpec:
    """A Pod without pull secrets of its own uses those of its service account."""
    name = spec.service_account_name or "default"
    account = objects.get(ObjectRef(kind="ServiceAccount", namespace=stored.ref.namespace, name=name))
    if account is None or spec.image_pull_secrets:
        return spec
    secrets = cast(k.ServiceAccount, account.object).image_pull_secrets
    return k.PodSpec(**{n: getattr(spec, n) for n in spec.__struct_fields__} | {"image_pull_secrets": secrets})


def _configuration(objects: Objects, policy: Policy, stored: StoredObject) -> tuple[ConfigReference, ...]:
    found = []
    for one in references_of(cast(Pod, stored.object).spec):
        ref = ObjectRef(kind=one.kind, namespace=stored.ref.namespace, name=one.name)
        version = config_version(objects[ref], policy) if ref in objects else ""
        found.append(
            ConfigReference(
                kind=one.kind, namespace=ref.namespace, name=one.name, version=version, optional=one.optional
            )
        )
    return tuple(found)


def _claims(objects: Objects, pod: Pod) -> tuple[ClaimBinding, ...]:
    found = []
    for volume in pod.spec.volumes:
        source = volume.persistent_volume_claim
        if source is not None:
            found.append(_claim(objects, pod.metadata.namespace, source.claim_name, source.read_only))
    found += (_brought_along(objects, pod, name) for name in claims_brought_along(pod.spec))
    return tuple(found)


def _brought_along(objects: Objects, pod: Pod, name: str) -> ClaimBinding:
    """Return the Pod's own claim; another one of its name is not used, whatever is on it."""
    stored = objects.get(ObjectRef(kind="PersistentVolumeClaim", namespace=pod.metadata.namespace, name=name))
    if stored is not None and not is_claim_of(pod, cast(PersistentVolumeClaim, stored.object)):
        return ClaimBinding(claim=name, message=not_made_for(name, pod.metadata.name))
    return _claim(objects, pod.metadata.namespace, name, read_only=False)


def _claim(objects: Objects, namespace: str, name: str, read_only: bool) -> ClaimBinding:
    stored = objects.get(ObjectRef(kind="PersistentVolumeClaim", namespace=namespace, name=name))
    if stored is None:
        return ClaimBinding(claim=name, message=f"persistentvolumeclaim/{namespace}/{name} does not exist")
    claim = cast(PersistentVolumeClaim, stored.object)
    volume = objects.get(ObjectRef(kind="PersistentVolume", name=claim.spec.volume_name))
    if claim.status.phase != "Bound" or volume is None:
        return ClaimBinding(claim=name, message=f"persistentvolumeclaim/{namespace}/{name} is not bound")
    bound = cast(PersistentVolume, volume.object)
    return ClaimBinding(
        claim=name,
        volume=volume.ref.name,
        path=directory_on_share(bound) if bound.spec.nfs else path_of(bound),
        host_path_type=bound.spec.host_path.type if bound.spec.host_path else None,
        read_only=read_only,
        device=device_source(bound),
        share=share_of(bound),
        provisioned=is_directory_on_share(bound),
    )


def _provisioned(objects: Objects) -> list[PersistentVolume]:
    """What our provisioners keep; what a person made is left alone."""
    volumes = [cast(PersistentVolume, stored.object) for stored in objects.values()]
    return sorted((one for one in volumes if is_provisioned_here(one)), key=lambda one: one.metadata.name)


def _class_paths(objects: Objects) -> tuple[str, ...]:
    """Return the directories in which classes have nodes make volumes, other than the data directory."""
    classes = [cast(k.StorageClass, stored.object) for stored in objects.values()]
    paths = {one.parameters.get(PATH_PARAMETER, "").rstrip("/") for one in classes if is_local_class(one)}
    return tuple(sorted(path for path in paths if path))


def _volume(volume: PersistentVolume) -> VolumeAssignment:
    claim = volume.spec.claim_ref
    on_share = is_directory_on_share(volume)
    return VolumeAssignment(
        name=volume.metadata.name,
        path=directory_on_share(volume) if on_share else path_of(volume),
        claim=f"{claim.namespace}/{claim.name}" if claim else "",
        trash=is_trash(volume),
        base=volume.metadata.annotations.get(BASE, ""),
        size=math.ceil(size_of(volume)) if device_source(volume) == "file" else 0,
        share=share_of(volume),
    )
