"""Storage classes: the default one, when a claim gets its volume, where volumes may be made. Pure."""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar, cast

from reconciler.model import kinds as k
from reconciler.model.kinds import Node, Object, PersistentVolumeClaim, StorageClass, TopologySelectorTerm
from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.model.provider import PROVIDER_PROVISIONER
from reconciler.model.refs import ObjectRef
from reconciler.planner.view import SYSTEM, View, replace

LOCAL_PROVISIONER = "reconciler.dev/local"
NFS_PROVISIONER = "reconciler.dev/nfs"
# Classes for the NFS driver of Kubernetes mean the same here.
_NFS_PROVISIONERS = (NFS_PROVISIONER, "nfs.csi.k8s.io")
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
BUILT_IN_CLASS = "local"
# Where the local provisioner makes its directories, instead of in the data directory.
PATH_PARAMETER = "path"

T = TypeVar("T", bound=Object)


class Objects(Protocol):
    """What rules about storage ask for; a view is one."""

    def get(self, ref: ObjectRef) -> StoredObject | None:
        """Return an object, or None."""
        ...

    def typed(self, type_: type[T], namespace: str, name: str) -> T | None:
        """Return an object by its Python type."""
        ...

    def of_kind(self, kind: str) -> Sequence[StoredObject]:
        """Return all objects of a kind in the order of their names."""
        ...


def ensure_default_class(view: View) -> None:
    """There is a class `local` for claims that name none, which is the default unless a declared class is."""
    stored = view.get(ObjectRef(kind="StorageClass", name=BUILT_IN_CLASS))
    others = (one for one in _classes(view) if one.metadata.name != BUILT_IN_CLASS)
    annotations = {} if any(map(_is_default, others)) else {DEFAULT_CLASS: "true"}
    if stored is None:
        built_in = StorageClass(
            metadata=k.ObjectMeta(name=BUILT_IN_CLASS, annotations=annotations),
            provisioner=LOCAL_PROVISIONER,
            reclaim_policy="Retain",
            volume_binding_mode="WaitForFirstConsumer",
            allow_volume_expansion=True,
        )
        view.create(built_in, manager=SYSTEM, reason=Reason.DECLARED)
    elif stored.manager == SYSTEM and not stored.digest and stored.object.metadata.annotations != annotations:
        metadata = replace(stored.object.metadata, annotations=annotations)
        view.update(stored, replace(cast(StorageClass, stored.object), metadata=metadata), reason=Reason.DECLARED)


def default_class(classes: Iterable[StorageClass]) -> str:
    """Return the name of the default class: of several the newest, of those the first by name; empty: there is none."""
    marked = sorted((one for one in classes if _is_default(one)), key=lambda one: one.metadata.name)
    newest = max(marked, key=lambda one: one.metadata.creation_timestamp or "", default=None)
    return newest.metadata.name if newest is not None else ""


def class_name_of(objects: Objects, claim: PersistentVolumeClaim) -> str:
    """Return the class of a claim, which is the default class where it names none."""
    if claim.spec.storage_class_name is not None:
        return claim.spec.storage_class_name
    # The class of the cluster itself comes with the first pass, once what is declared is known.
    is_to_come = objects.get(ObjectRef(kind="StorageClass", name=BUILT_IN_CLASS)) is None
    return default_class(_classes(objects)) or (BUILT_IN_CLASS if is_to_come else "")


def class_of(objects: Objects, claim: PersistentVolumeClaim) -> StorageClass | None:
    """Return the class of a claim; None: it has none, or there is none of that name."""
    name = class_name_of(objects, claim)
    return objects.typed(StorageClass, "", name) if name else None


def waits_for_consumer(class_: StorageClass | None) -> bool:
    """Whether a claim of this class gets its volume when its first Pod is placed."""
    return class_ is not None and class_.volume_binding_mode == "WaitForFirstConsumer"


def is_provisioned(class_: StorageClass | None) -> bool:
    """Whether volumes of this class are made when they are asked for: here, or by the provider."""
    return class_ is not None and (is_local_class(class_) or is_on_share(class_) or is_of_provider(class_))


def is_local_class(class_: StorageClass) -> bool:
    """Whether volumes of this class are directories or files of one node."""
    return class_.provisioner == LOCAL_PROVISIONER


def is_on_share(class_: StorageClass) -> bool:
    """Whether volumes of this class are directories on a share, which every node reaches."""
    return class_.provisioner in _NFS_PROVISIONERS


def is_of_provider(class_: StorageClass) -> bool:
    """Whether volumes of this class are made by the provider."""
    return class_.provisioner == PROVIDER_PROVISIONER


def allows(class_: StorageClass, node: Node) -> bool:
    """Whether volumes of a class may be made for a node: `allowedTopologies`; without any they may everywhere."""
    return not class_.allowed_topologies or any(_holds(term, node) for term in class_.allowed_topologies)


def _holds(term: TopologySelectorTerm, node: Node) -> bool:
    """Whether a node has all labels of a term; an empty term chooses no node."""
    labels = node.metadata.labels
    return bool(term.match_label_expressions) and all(
        labels.get(one.key) in one.values for one in term.match_label_expressions
    )


def _classes(objects: Objects) -> list[StorageClass]:
    return [cast(StorageClass, one.object) for one in objects.of_kind("StorageClass")]


def _is_default(class_: StorageClass) -> bool:
    return class_.metadata.annotations.get(DEFAULT_CLASS) == "true"
