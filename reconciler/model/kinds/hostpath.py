"""A path of the node as a volume, in a Pod or in the cluster."""

from typing import Literal, TypeAlias

from reconciler.model.base import Value
from reconciler.model.kinds.scalars import NonEmpty

HostPathType: TypeAlias = Literal[
    "", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"
]


class HostPathVolumeSource(Value):
    """A path of the node."""

    path: NonEmpty
    type: HostPathType = ""
