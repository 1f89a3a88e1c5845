"""How much room the directories of storage classes have.

Effect: asks file systems, changes nothing but the list of what it asks about. Told in coarse steps, so that a report
changes when it matters; a little more or less around a step tells nothing new.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from reconciler.executors.volume.paths import VolumePaths
from reconciler.model.storage import RoomFact

_STEP_MIN = 64 << 20
_PARTS = 128


class Rooms:
    """Reads the room of the built-in class' directory, and of those that classes name. Owned by one thread."""

    def __init__(self, paths: VolumePaths) -> None:
        self._paths = paths
        self._told: dict[str, RoomFact] = {}

    def watch(self, directories: Iterable[str]) -> bool:
        """Ask about these directories from now on; return whether that is new."""
        wanted = sorted(set(directories))
        if wanted == self._watched():
            return False
        unfinished = self._paths.class_paths.with_suffix(".new")
        unfinished.write_bytes(msgspec.json.encode(wanted))
        unfinished.rename(self._paths.class_paths)
        return True

    def facts(self) -> tuple[RoomFact, ...]:
        """Return the room of each directory; one that is not there has none."""
        own = str(self._paths.data_dir / "volumes")
        # The built-in class makes its directory with the first volume.
        rooms = {own: self._room(own, self._paths.data_dir)}
        rooms |= {path: self._room(path, Path(path)) for path in self._watched()}
        self._told = rooms
        return tuple(rooms[path] for path in sorted(rooms))

    def _watched(self) -> list[str]:
        try:
            return msgspec.json.decode(self._paths.class_paths.read_bytes(), type=list[str])
        except FileNotFoundError:
            return []

    def _room(self, path: str, directory: Path) -> RoomFact:
        try:
            state = os.statvfs(directory)
        except FileNotFoundError:
            return RoomFact(path=path)
        if not directory.is_dir():
            return RoomFact(path=path)
        total, free = state.f_blocks * state.f_frsize, state.f_bavail * state.f_frsize
        step = max(_STEP_MIN, total // _PARTS)
        told = self._told.get(path)
        if told is not None and told.total == total and told.free <= free < told.free + 2 * step:
            return told
        return RoomFact(path=path, total=total, free=free - free % step)
