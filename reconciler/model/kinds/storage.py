"""Storage: PersistentVolume, PersistentVolumeClaim, StorageClass."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import Meta, field

from reconciler.model.base import Value
from reconciler.model.kinds.csi import CSIPersistentVolumeSource
from reconciler.model.kinds.hostpath import HostPathVolumeSource
from reconciler.model.kinds.meta import Condition, LabelSelector, Object, ObjectReference
from reconciler.model.kinds.nfs import NFSVolumeSource
from reconciler.model.kinds.scalars import NonEmpty, OptionalLabel, OptionalSubdomain, Quantity
from reconciler.model.kinds.scheduling import NodeSelector

AccessMode: TypeAlias = Literal["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]
VolumeMode: TypeAlias = Literal["Filesystem", "Block"]
ReclaimPolicy: TypeAlias = Literal["Retain", "Delete"]
BindingMode: TypeAlias = Literal["Immediate", "WaitForFirstConsumer"]
AccessModes: TypeAlias = Annotated[tuple[AccessMode, ...], Meta(min_length=1)]
StorageMap: TypeAlias = Mapping[Annotated[str, Meta(pattern="^storage$(?!\\n)")], Quantity]


class StorageRequirements(Value):
    """How much storage a claim needs at least and takes at most."""

    requests: StorageMap = field(default_factory=dict)
    limits: StorageMap = field(default_factory=dict)


class TypedLocalObjectReference(Value):
    """Names an object of any kind in the same namespace; without a group it is one of the core."""

    kind: NonEmpty
    name: NonEmpty
    api_group: OptionalSubdomain = ""


class TypedObjectReference(Value):
    """Names an object of any kind in any namespace; without a group it is one of the core."""

    kind: NonEmpty
    name: NonEmpty
    api_group: OptionalSubdomain = ""
    namespace: OptionalLabel = ""


class PersistentVolumeClaimSpec(Value):
    """What storage is asked for. `storageClassName: ""` asks for a volume without class."""

    access_modes: AccessModes
    resources: StorageRequirements
    storage_class_name: OptionalSubdomain | None = None
    volume_name: OptionalSubdomain = ""
    volume_mode: VolumeMode = "Filesystem"
    selector: LabelSelector | None = None
    data_source: TypedLocalObjectReference | None = None
    data_source_ref: TypedObjectReference | None = None


class PersistentVolumeClaimStatus(Value):
    """Whether the claim has its volume."""

    phase: Literal["Pending", "Bound", "Lost"] = "Pending"
    access_modes: tuple[AccessMode, ...] = ()
    capacity: Mapping[str, Quantity] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()
    allocated_resources: Mapping[str, Quantity] = field(default_factory=dict)
    allocated_resource_statuses: Mapping[str, str] = field(default_factory=dict)


class PersistentVolumeClaim(Object):
    """Asks for storage that outlives Pods."""

    kind: ClassVar[str] = "PersistentVolumeClaim"
    api_version: str = field(default_factory=lambda: "v1")
    spec: PersistentVolumeClaimSpec
    status: PersistentVolumeClaimStatus = PersistentVolumeClaimStatus()


class LocalVolumeSource(Value):
    """An existing directory of one node, or a block device of one."""

    path: NonEmpty


class VolumeNodeAffinity(Value):
    """From which nodes a volume can be reached."""

    required: NodeSelector | None = None


class PersistentVolumeSpec(Value):
    """A piece of storage: what it is and who may claim it."""

    exactly_one: ClassVar[tuple[str, ...]] = ("host_path", "local", "nfs", "csi")

    capacity: StorageMap
    access_modes: AccessModes
    host_path: HostPathVolumeSource | None = None
    local: LocalVolumeSource | None = None
    nfs: NFSVolumeSource | None = None
    csi: CSIPersistentVolumeSource | None = None
    persistent_volume_reclaim_policy: ReclaimPolicy = "Retain"
    storage_class_name: OptionalSubdomain = ""
    volume_mode: VolumeMode = "Filesystem"
    claim_ref: ObjectReference | None = None
    node_affinity: VolumeNodeAffinity = VolumeNodeAffinity()
    mount_options: tuple[str, ...] = ()


class PersistentVolumeStatus(Value):
    """Whether a volume is free, bound or released."""

    phase: Literal["Pending", "Available", "Bound", "Released", "Failed"] = "Pending"
    reason: str = ""
    message: str = ""
    last_phase_transition_time: str | None = None


class PersistentVolume(Object):
    """A piece of storage of the cluster."""

    kind: ClassVar[str] = "PersistentVolume"
    api_version: str = field(default_factory=lambda: "v1")
    spec: PersistentVolumeSpec
    status: PersistentVolumeStatus = PersistentVolumeStatus()


class TopologySelectorLabelRequirement(Value):
    """A label of nodes that has one of these values."""

    key: NonEmpty
    values: Annotated[tuple[str, ...], Meta(min_length=1)]


class TopologySelectorTerm(Value):
    """Nodes with all of these labels."""

    match_label_expressions: tuple[TopologySelectorLabelRequirement, ...] = ()


class StorageClass(Object):
    """How volumes are made for claims that name this class."""

    kind: ClassVar[str] = "StorageClass"
    api_version: str = field(default_factory=lambda: "storage.k8s.io/v1")
    provisioner: NonEmpty
    parameters: Mapping[str, str] = field(default_factory=dict)
    reclaim_policy: ReclaimPolicy = "Delete"
    volume_binding_mode: BindingMode = "Immediate"
    allow_volume_expansion: bool = False
    allowed_topologies: tuple[TopologySelectorTerm, ...] = ()
    mount_options: tuple[str, ...] = ()
