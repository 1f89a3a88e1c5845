"""A directory that an NFS server exports as a volume, in a Pod or in the cluster."""

from reconciler.model.base import Value
from reconciler.model.kinds.scalars import NonEmpty


class NFSVolumeSource(Value):
    """A directory of an NFS server."""

    server: NonEmpty
    path: NonEmpty
    read_only: bool = False
