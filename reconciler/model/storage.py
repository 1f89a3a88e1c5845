"""What a host shows of storage: shares that are mounted, files attached as block devices, room. Values only."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from reconciler.model.base import Value
from reconciler.model.kinds.csi import NFS_DRIVER

# A volume that containers get as a block device: its path is one, or is a file to be attached as one.
DeviceSource: TypeAlias = Literal["", "device", "file"]


class NfsShare(Value):
    """A directory that an NFS server exports, with the options that it is mounted with."""

    server: str
    path: str
    options: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Name the mount of this share on a host: one for each server, path and set of options."""
        text = "\0".join((self.server, self.path, *self.options))
        return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()

    @property
    def source(self) -> str:
        """Return what `mount` calls it."""
        server = f"[{self.server}]" if ":" in self.server and not self.server.startswith("[") else self.server
        return f"{server}:{self.path}"


def share_of_driver(
    driver: str, attributes: Mapping[str, str], options: Iterable[str], *, read_only: bool
) -> NfsShare | None:
    """Return the share that a volume of a CSI driver is; none where the driver is not that of NFS."""
    given = {name.lower(): text for name, text in attributes.items()}
    if driver != NFS_DRIVER or not given.get("server") or not given.get("share"):
        return None
    below = given.get("subdir", "").strip("/")
    path = f"{given['share'].rstrip('/')}/{below}" if below else given["share"]
    wanted = (*options, *filter(None, given.get("mountoptions", "").split(",")), *(("ro",) if read_only else ()))
    return NfsShare(server=given["server"], path=path, options=wanted)


class DeviceFact(Value):
    """A file of the local provisioner that holds a block volume. `device` is empty while it is not attached."""

    volume: str
    path: str
    size: int
    device: str = ""


class RoomFact(Value):
    """How much room the directory of a storage class has, in bytes, in coarse steps; none where it is not there."""

    path: str
    total: int = 0
    free: int = 0


class StorageFact(Value):
    """Storage of a host.

    `mounts` are the keys of shares, `shared` volumes whose directory on a share was found or made, `trashed`
    volumes on shares whose directory this host has moved to the trash of late.
    """

    mounts: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    trashed: tuple[str, ...] = ()
    devices: tuple[DeviceFact, ...] = ()
    rooms: tuple[RoomFact, ...] = ()
