"""Volumes of a Pod and their sources."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, field

from reconciler.model.base import Value
from reconciler.model.kinds.container import ObjectFieldSelector, ResourceFieldSelector
from reconciler.model.kinds.csi import CSIVolumeSource
from reconciler.model.kinds.hostpath import HostPathVolumeSource
from reconciler.model.kinds.meta import KeyToPath, ObjectMeta
from reconciler.model.kinds.nfs import NFSVolumeSource
from reconciler.model.kinds.scalars import FileMode, Label, NonEmpty, Quantity
from reconciler.model.kinds.storage import PersistentVolumeClaimSpec


class EmptyDirVolumeSource(Value):
    """A directory that lives as long as the Pod; `medium: Memory` keeps it in memory."""

    medium: Literal["", "Memory"] = ""
    size_limit: Quantity | None = None


class ConfigMapVolumeSource(Value):
    """Keys of a ConfigMap as files."""

    name: NonEmpty
    items: tuple[KeyToPath, ...] = ()
    default_mode: FileMode = 0o644
    optional: bool = False


class SecretVolumeSource(Value):
    """Keys of a Secret as files."""

    secret_name: NonEmpty
    items: tuple[KeyToPath, ...] = ()
    default_mode: FileMode = 0o644
    optional: bool = False


class DownwardAPIVolumeFile(Value):
    """One file with a value of the Pod itself."""

    exactly_one: ClassVar[tuple[str, ...]] = ("field_ref", "resource_field_ref")

    path: NonEmpty
    field_ref: ObjectFieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    mode: FileMode | None = None


class DownwardAPIVolumeSource(Value):
    """Values of the Pod itself as files."""

    items: tuple[DownwardAPIVolumeFile, ...] = ()
    default_mode: FileMode = 0o644


class ConfigMapProjection(Value):
    """Keys of a ConfigMap inside a projected volume."""

    name: NonEmpty
    items: tuple[KeyToPath, ...] = ()
    optional: bool = False


class SecretProjection(Value):
    """Keys of a Secret inside a projected volume."""

    name: NonEmpty
    items: tuple[KeyToPath, ...] = ()
    optional: bool = False


class DownwardAPIProjection(Value):
    """Values of the Pod itself inside a projected volume."""

    items: tuple[DownwardAPIVolumeFile, ...] = ()


class VolumeProjection(Value):
    """One source of a projected volume."""

    exactly_one: ClassVar[tuple[str, ...]] = ("config_map", "secret", "downward_api")

    config_map: ConfigMapProjection | None = None
    secret: SecretProjection | None = None
    downward_api: DownwardAPIProjection | None = field(default=None, name="downwardAPI")


class ProjectedVolumeSource(Value):
    """Several sources in one directory."""

    sources: Annotated[tuple[VolumeProjection, ...], Meta(min_length=1)]
    default_mode: FileMode = 0o644


class PersistentVolumeClaimVolumeSource(Value):
    """The volume bound to a claim of the same namespace."""

    claim_name: NonEmpty
    read_only: bool = False


class EphemeralClaimTemplate(Value):
    """The claim that a Pod brings along; of its metadata only labels and annotations are given."""

    spec: PersistentVolumeClaimSpec
    metadata: ObjectMeta = ObjectMeta()


class EphemeralVolumeSource(Value):
    """A volume with a claim of its own, which lives as long as the Pod."""

    volume_claim_template: EphemeralClaimTemplate


class Volume(Value):
    """One volume of a Pod: a name and exactly one source. Without a source it is an emptyDir."""

    at_most_one: ClassVar[tuple[str, ...]] = (
        "empty_dir",
        "host_path",
        "config_map",
        "secret",
        "projected",
        "downward_api",
        "persistent_volume_claim",
        "ephemeral",
        "nfs",
        "csi",
    )

    name: Label
    empty_dir: EmptyDirVolumeSource | None = None
    host_path: HostPathVolumeSource | None = None
    config_map: ConfigMapVolumeSource | None = None
    secret: SecretVolumeSource | None = None
    projected: ProjectedVolumeSource | None = None
    downward_api: DownwardAPIVolumeSource | None = field(default=None, name="downwardAPI")
    persistent_volume_claim: PersistentVolumeClaimVolumeSource | None = None
    ephemeral: EphemeralVolumeSource | None = None
    nfs: NFSVolumeSource | None = None
    csi: CSIVolumeSource | None = None
