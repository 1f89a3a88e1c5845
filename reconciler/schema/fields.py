"""What we do with each field: implemented, harmless, or refused (P30).

A field of our types is implemented unless a table here says otherwise. Harmless fields are accepted with a
listed warning, only where ignoring them cannot change what runs, as whom, with which network, data, limits
or lifetime. Refused fields are errors. Keys are `Type.field` with the field's name on the wire.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Support(StrEnum):
    """What becomes of a field."""

    IMPLEMENTED = "implemented"
    HARMLESS = "harmless"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Ruling:
    """What becomes of one field, and why."""

    support: Support
    note: str = ""


_BY_OTHER_DRIVERS = "the NFS driver makes no file system and asks for no Secret"
_OF_OTHER_DRIVERS = (
    "fsType",
    "controllerPublishSecretRef",
    "nodeStageSecretRef",
    "nodePublishSecretRef",
    "controllerExpandSecretRef",
    "nodeExpandSecretRef",
)
_BY_SERVER = "it is set by the server; what a manifest says is ignored"

HARMLESS: Mapping[str, str] = {
    "ObjectMeta.uid": _BY_SERVER,
    "ObjectMeta.generation": _BY_SERVER,
    "ObjectMeta.resourceVersion": _BY_SERVER,
    "ObjectMeta.creationTimestamp": _BY_SERVER,
    "ObjectMeta.deletionTimestamp": _BY_SERVER,
    "ObjectMeta.deletionGracePeriodSeconds": _BY_SERVER,
    "ObjectMeta.generateName": "the name is used as it stands; nothing is appended",
    "PodSpec.enableServiceLinks": "no variables for Services are set; use their names",
    "PodSpec.automountServiceAccountToken": "no service account token is ever mounted",
    "ServiceAccount.automountServiceAccountToken": "no service account token is ever mounted",
    "ServiceAccount.secrets": "no service account token is ever made",
    "ServiceSpec.ipFamilies": "every Service has one IPv4 address",
    "ServiceSpec.ipFamilyPolicy": "every Service has one IPv4 address",
    "ServicePort.appProtocol": "the protocol is not looked into",
    "EndpointPort.appProtocol": "the protocol is not looked into",
    "EndpointSlicePort.appProtocol": "the protocol is not looked into",
    "ConfigMap.immutable": "Git decides: a change in Git is applied",
    "Secret.immutable": "Git decides: a change in Git is applied",
    "PodSecurityContext.windowsOptions": "every host runs Linux",
    "SecurityContext.windowsOptions": "every host runs Linux",
    **{f"CSIPersistentVolumeSource.{name}": _BY_OTHER_DRIVERS for name in _OF_OTHER_DRIVERS},
    "CSIVolumeSource.fsType": _BY_OTHER_DRIVERS,
    "CSIVolumeSource.nodePublishSecretRef": _BY_OTHER_DRIVERS,
    "PodSecurityContext.seLinuxChangePolicy": "the labels of volumes are left as they are",
    "NamespaceSpec.finalizers": _BY_SERVER,
}

# Harmless fields whose other value is exactly what we do: only this value is warned of.
WARNED_VALUE: Mapping[str, object] = {"PodSpec.enableServiceLinks": True}

# Harmless fields that our types do not carry at all: accepted with any content and dropped.
DROPPED: Mapping[str, str] = {
    "ObjectMeta.managedFields": _BY_SERVER,
    "ObjectMeta.selfLink": _BY_SERVER,
    "ObjectMeta.clusterName": _BY_SERVER,
    "PersistentVolumeClaimTemplate.status": "the status is worked out, never declared",
}

# `status` of every kind is dropped in the same way.
STATUS_NOTE = "the status is worked out, never declared; what a manifest says is ignored"

_OTHER_VOLUMES = (
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "glusterfs",
    "iscsi",
    "photonPersistentDisk",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
)
_OWNERS = "lifetimes follow the repository"

REFUSED: Mapping[str, str] = {
    "ObjectMeta.ownerReferences": _OWNERS,
    "ObjectMeta.finalizers": _OWNERS,
    "PodSpec.ephemeralContainers": "`kubectl debug` adds them to a Pod that runs",
    "PodSpec.runtimeClassName": "containers run on the Engine's default runtime",
    "PodSpec.overhead": "",
    "PodSpec.resourceClaims": "",
    "PodSpec.workloadRef": "",
    "ResourceRequirements.claims": "",
    "VolumeMount.recursiveReadOnly": "",
    "PersistentVolumeClaimSpec.volumeAttributesClassName": "",
    "PersistentVolumeSpec.volumeAttributesClassName": "",
    "Volume.gitRepo": "fetch it in an init container",
    "Volume.image": "",
    "VolumeProjection.serviceAccountToken": "no service account token is ever made",
    "VolumeProjection.clusterTrustBundle": "",
    "VolumeProjection.podCertificate": "",
    "Endpoint.deprecatedTopology": "",
    "Endpoint.hints": "",
    **{f"Volume.{name}": "" for name in _OTHER_VOLUMES},
    **{f"PersistentVolumeSpec.{name}": "" for name in _OTHER_VOLUMES},
}

# Refused fields that hold a list or a map: an empty one says nothing, and is as good as none.
REFUSED_COLLECTIONS = frozenset(
    (
        "ObjectMeta.finalizers",
        "ObjectMeta.ownerReferences",
        "PodSpec.ephemeralContainers",
        "PodSpec.overhead",
        "PodSpec.resourceClaims",
        "ResourceRequirements.claims",
        "Endpoint.deprecatedTopology",
    )
)

# Values that Kubernetes knows and we do not: `Type.field=value`.
REFUSED_VALUES: Mapping[str, str] = {
    "ServiceSpec.ipFamilyPolicy=RequireDualStack": "IPv6 is not implemented yet",
    "EndpointSlice.addressType=IPv6": "IPv6 is not implemented yet",
    "EndpointSlice.addressType=FQDN": "use a Service of type ExternalName",
    "PersistentVolumeSpec.persistentVolumeReclaimPolicy=Recycle": "use Retain or Delete",
    "EmptyDirVolumeSource.medium=HugePages": "volumes of huge pages are not implemented",
    "SecurityContext.procMount=Unmasked": "it needs user namespaces, which are not implemented",
}

# Fields whose effect is smaller than in Kubernetes.
NOTES: Mapping[str, str] = {
    "PersistentVolumeClaimSpec.dataSource": "nothing here fills volumes: the claim waits for one of its own",
    "PersistentVolumeClaimSpec.dataSourceRef": "nothing here fills volumes: the claim waits for one of its own",
}


def ruling(type_name: str, field: str) -> Ruling:
    """Return what becomes of a field of one of our types, or of one that only Kubernetes knows."""
    key = f"{type_name}.{field}"
    for table, support in (
        (HARMLESS, Support.HARMLESS),
        (DROPPED, Support.HARMLESS),
        (REFUSED, Support.REFUSED),
    ):
        if key in table:
            return Ruling(support, table[key])
    return Ruling(Support.IMPLEMENTED, NOTES.get(key, ""))
