"""Volumes of CSI drivers, in a Pod or in the cluster: nodes mount those of the NFS driver, and no other."""

from collections.abc import Mapping

from msgspec import field

from reconciler.model.base import Value
from reconciler.model.kinds.meta import LocalObjectReference
from reconciler.model.kinds.scalars import DriverName, Label, NonEmpty, Subdomain

# The NFS driver of Kubernetes: what its volumes say is what a mount needs.
NFS_DRIVER = "nfs.csi.k8s.io"


class SecretReference(Value):
    """Names a Secret of any namespace."""

    name: Subdomain
    namespace: Label


class CSIPersistentVolumeSource(Value):
    """A volume of the cluster that a driver keeps."""

    driver: DriverName
    volume_handle: NonEmpty
    read_only: bool = False
    fs_type: str = ""
    volume_attributes: Mapping[str, str] = field(default_factory=dict)
    controller_publish_secret_ref: SecretReference | None = None
    node_stage_secret_ref: SecretReference | None = None
    node_publish_secret_ref: SecretReference | None = None
    controller_expand_secret_ref: SecretReference | None = None
    node_expand_secret_ref: SecretReference | None = None


class CSIVolumeSource(Value):
    """A volume that a driver makes for one Pod."""

    driver: DriverName
    read_only: bool = False
    fs_type: str | None = None
    volume_attributes: Mapping[str, str] = field(default_factory=dict)
    node_publish_secret_ref: LocalObjectReference | None = None
