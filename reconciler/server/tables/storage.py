"""Volumes, claims and storage classes in tables. Pure."""

from collections.abc import Iterable, Mapping

from reconciler.model.kinds import PersistentVolume, PersistentVolumeClaim, StorageClass
from reconciler.server.tables.columns import AGE, NAME, UNSET, Cells, Form, age, optional, text

_MODES: Mapping[str, str] = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def _volume(one: PersistentVolume) -> Cells:
    spec, status = one.spec, one.status
    claim = spec.claim_ref
    return (
        one.metadata.name,
        str(spec.capacity.get("storage", "0")),
        _modes(spec.access_modes),
        spec.persistent_volume_reclaim_policy,
        "Terminating" if one.metadata.deletion_timestamp else status.phase,
        f"{claim.namespace}/{claim.name}" if claim is not None else "",
        spec.storage_class_name,
        optional(spec, "volume_attributes_class_name", UNSET),
        status.reason,
        age(one.metadata),
        spec.volume_mode,
    )


def _claim(one: PersistentVolumeClaim) -> Cells:
    spec, status = one.spec, one.status
    is_bound = bool(spec.volume_name)
    return (
        one.metadata.name,
        "Terminating" if one.metadata.deletion_timestamp else status.phase,
        spec.volume_name,
        str(status.capacity.get("storage", "0")) if is_bound else "",
        _modes(status.access_modes) if is_bound else "",
        spec.storage_class_name or "",
        optional(spec, "volume_attributes_class_name", UNSET),
        age(one.metadata),
        spec.volume_mode,
    )


def _class(one: StorageClass) -> Cells:
    return (
        one.metadata.name,
        one.provisioner,
        one.reclaim_policy,
        one.volume_binding_mode,
        one.allow_volume_expansion,
        age(one.metadata),
    )


def _modes(modes: Iterable[str]) -> str:
    given = set(modes)
    return ",".join(short for mode, short in _MODES.items() if mode in given)


_CAPACITY = text("Capacity", "How much the volume holds.")
_ACCESS = text("Access Modes", "In which ways it may be mounted.")
_CLASS = text("StorageClass", "The class of storage.")
_ATTRIBUTES = text("VolumeAttributesClass", "The class of the volume's changeable attributes.")
_MODE = text("VolumeMode", "Whether it is a file system or a block device.", wide=True)

PERSISTENT_VOLUME = Form(
    (
        NAME,
        _CAPACITY,
        _ACCESS,
        text("Reclaim Policy", "What becomes of the volume when its claim goes."),
        text("Status", "Whether the volume is free, bound or released."),
        text("Claim", "The claim that has it."),
        _CLASS,
        _ATTRIBUTES,
        text("Reason", "Why the volume is as it is."),
        AGE,
        _MODE,
    ),
    _volume,
)
PERSISTENT_VOLUME_CLAIM = Form(
    (
        NAME,
        text("Status", "Whether the claim has its volume."),
        text("Volume", "The volume it has."),
        _CAPACITY,
        _ACCESS,
        _CLASS,
        _ATTRIBUTES,
        AGE,
        _MODE,
    ),
    _claim,
)
STORAGE_CLASS = Form(
    (
        NAME,
        text("Provisioner", "Who makes its volumes."),
        text("ReclaimPolicy", "What becomes of a volume when its claim goes."),
        text("VolumeBindingMode", "When a claim gets its volume."),
        text("AllowVolumeExpansion", "Whether its volumes can grow."),
        AGE,
    ),
    _class,
)
