"""Shares and block devices of a simulated host: always there, and always answering. Pure memory."""

from collections.abc import Collection

import msgspec

from reconciler.model.attachments import attachments_of
from reconciler.model.details import (
    AttachDevice,
    DetachDevice,
    MountShare,
    ProvisionVolume,
    TrashVolume,
    UnmountShare,
    WatchRooms,
)
from reconciler.model.errors import TransientError
from reconciler.model.node import PodAssignment
from reconciler.model.node_report import VolumeFact
from reconciler.model.storage import DeviceFact, RoomFact, StorageFact

_ROOM = 1 << 40
_NOTHING = StorageFact()


class SimulatedStorage:
    """What is mounted and attached on one host."""

    def __init__(self) -> None:
        self.mounts: set[str] = set()
        self.shared: set[str] = set()
        self.trashed: set[str] = set()
        self.devices: dict[str, DeviceFact] = {}
        self.rooms: dict[str, RoomFact] = {}

    def carry_over(self, fact: StorageFact) -> None:
        """Begin with what a host shows."""
        self.mounts, self.shared, self.trashed = set(fact.mounts), set(fact.shared), set(fact.trashed)
        self.devices = {one.volume: one for one in fact.devices}
        self.rooms = {one.path: one for one in fact.rooms}

    def facts(self, present: Collection[str]) -> StorageFact:
        """Return what the host shows; `present` are the directories and files that are there."""
        if not (self.mounts or self.shared or self.trashed or self.devices or self.rooms):
            return _NOTHING
        return StorageFact(
            mounts=tuple(sorted(self.mounts)),
            shared=tuple(sorted(self.shared)),
            trashed=tuple(sorted(self.trashed)),
            devices=tuple(one for _, one in sorted(self.devices.items()) if one.path in present),
            rooms=tuple(one for _, one in sorted(self.rooms.items())),
        )

    def standing(self, fact: VolumeFact) -> VolumeFact:
        """Return what is published of a Pod: in no version where what it uses is attached no more."""
        if not fact.uses or set(fact.uses) <= self._attached():
            return fact
        return VolumeFact(pod_uid=fact.pod_uid, version="", uses=fact.uses)

    def reboot(self) -> None:
        """Nothing stays mounted or attached; files, and what is on a server, do."""
        self.mounts.clear()
        self.shared.clear()
        self.devices = {name: msgspec.structs.replace(one, device="") for name, one in self.devices.items()}

    def _attached(self) -> set[str]:
        return {*self.mounts, *(one.volume for one in self.devices.values() if one.device)}

    def used_by(self, pod: PodAssignment) -> tuple[str, ...]:
        """Return what a Pod uses; raise where it is not attached, as a host would."""
        attached = self._attached()
        uses = tuple(one.key for one in attachments_of(pod))
        if missing := [key for key in uses if key not in attached]:
            raise TransientError(f"{missing[0]} is not attached to the node yet", reason="FailedMount")
        return uses

    def provision(self, detail: ProvisionVolume) -> bool:
        """Make a file for a block device, or let it grow; a directory is none."""
        known = self.devices.get(detail.name)
        if not detail.size or (known is not None and known.size >= detail.size):
            return False
        device = known.device if known is not None else ""
        self.devices[detail.name] = DeviceFact(volume=detail.name, path=detail.path, size=detail.size, device=device)
        return True

    def trash(self, detail: TrashVolume) -> bool:
        """Move a directory of a share to its trash."""
        changed = detail.name not in self.trashed
        self.trashed.add(detail.name)
        return changed

    def execute(self, detail: MountShare | UnmountShare | AttachDevice | DetachDevice | WatchRooms) -> tuple[bool, str]:
        """Mount, attach or release something."""
        before = (set(self.mounts), set(self.shared), dict(self.devices), dict(self.rooms))
        match detail:
            case MountShare():
                self.mounts.add(detail.share.key)
                self.shared |= {detail.volume} - {""}
            case UnmountShare():
                self.mounts.discard(detail.key)
            case AttachDevice():
                self._set_device(detail.name, f"/dev/loop-{detail.name}")
            case DetachDevice():
                self._set_device(detail.name, "")
            case WatchRooms():
                self.rooms = {path: RoomFact(path=path, total=_ROOM, free=_ROOM) for path in detail.paths}
        return before != (self.mounts, self.shared, self.devices, self.rooms), ""

    def _set_device(self, volume: str, device: str) -> None:
        known = self.devices.get(volume)
        if known is None:
            raise TransientError(f"the file of volume {volume} does not exist", reason="FailedMapVolume")
        self.devices[volume] = DeviceFact(volume=volume, path=known.path, size=known.size, device=device)
