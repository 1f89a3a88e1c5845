"""What Pods hold on the host's disks: their volumes, what their containers wrote, their logs.

Effect: one thread that reads sizes. It is bounded: a look takes so long at most, gives way to others all the time, and
the next one waits the longer, the longer the last one took. What was not reached is not counted, so that nobody is
taken to hold more than they do.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from reconciler.model.errors import ReconcilerError
from reconciler.model.node_report import ContainerFact
from reconciler.model.pressure import PodDisk

log = logging.getLogger(__name__)

_EVERY_S = 30.0
_LOOK_S = 20.0
_SHARE = 10
_BLOCK = 512
_AT_ONCE = 256
_PAUSE_S = 0.002


class Containers(Protocol):
    """What is asked of the executor of containers."""

    def facts(self) -> tuple[ContainerFact, ...]:
        """Return our containers."""

    def written_sizes(self, timeout_s: float) -> Mapping[str, int]:
        """Return the bytes that containers wrote, by id."""


class DiskMeter:
    """Looks at the disks again and again; `latest` is what the last whole look found, by uid of the Pod."""

    def __init__(self, pods: Path, containers: Containers, engine_dir: Callable[[], str]) -> None:
        self._pods = pods
        self._containers = containers
        self._engine_dir = engine_dir
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="disk-meter", daemon=True)
        self.latest: Mapping[str, PodDisk] = {}

    def start(self) -> None:
        """Begin, once."""
        if not self._thread.is_alive():
            self._thread.start()

    def stop(self) -> None:
        """End with the file that is being looked at."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def look(self) -> None:
        """Look once."""
        facts = [one for one in self._containers.facts() if one.pod_uid]
        layers = self._containers.written_sizes(_LOOK_S) if facts else {}
        engine_dir = self._engine_dir()
        logs = {one.id: _log_bytes(Path(engine_dir), one.id) for one in facts} if engine_dir else {}
        volumes, files = self._volumes({one.pod_uid for one in facts})
        self.latest = {
            uid: PodDisk(
                volumes=volumes.get(uid, {}),
                layers=_by_container(facts, uid, layers),
                logs=_by_container(facts, uid, logs),
                files=files.get(uid, 0),
            )
            for uid in sorted({one.pod_uid for one in facts})
        }

    def _run(self) -> None:
        wait_s = _EVERY_S / 3
        while not self._stopping.wait(wait_s):
            began = time.monotonic()
            try:
                self.look()
            except (ReconcilerError, OSError) as error:
                # What was found before stands; the Engine's silence is told elsewhere.
                log.debug("disk usage could not be read", extra={"error": str(error)})
            except Exception:
                # A bug here must not end the measuring for good.
                log.exception("reading disk usage crashed")
            wait_s = max(_EVERY_S, _SHARE * (time.monotonic() - began))

    def _volumes(self, uids: Iterable[str]) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
        until = time.monotonic() + _LOOK_S
        sizes: dict[str, dict[str, int]] = {}
        files: dict[str, int] = {}
        for uid in sorted(uids):
            sizes[uid], files[uid] = self._of_pod(self._pods / uid / "volumes", until)
        return sizes, files

    def _of_pod(self, top: Path, until: float) -> tuple[dict[str, int], int]:
        """Return the bytes of each volume on the disk of the Pods, and the number of their files."""
        sizes: dict[str, int] = {}
        files = 0
        try:
            device, names = top.stat().st_dev, sorted(one.name for one in top.iterdir())
        except FileNotFoundError:
            return {}, 0
        for name in names:
            sizes[name], count = self._tree(top / name, device, until)
            files += count
        return sizes, files

    def _tree(self, top: Path, device: int, until: float) -> tuple[int, int]:
        """Return bytes and number of files; what is mounted there, in memory or from elsewhere, is not counted."""
        total = count = 0
        folders, seen = [str(top)], set[int]()
        while folders and time.monotonic() < until and not self._stopping.is_set():
            for entry in _entries(folders.pop(), device):
                told = entry[1]
                count += 1
                if count % _AT_ONCE == 0 and self._stopping.wait(_PAUSE_S):
                    return total, count
                if told.st_nlink > 1 and not entry[2]:
                    if told.st_ino in seen:
                        continue
                    seen.add(told.st_ino)
                total += told.st_blocks * _BLOCK
                if entry[2]:
                    folders.append(entry[0])
        return total, count


def _entries(folder: str, device: int) -> list[tuple[str, os.stat_result, bool]]:
    """Return what lies in a directory of this device: path, status, and whether it is a directory."""
    found = []
    try:
        if Path(folder).lstat().st_dev != device:
            return []
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    found.append((entry.path, entry.stat(follow_symlinks=False), entry.is_dir(follow_symlinks=False)))
                except FileNotFoundError:
                    continue
    except (FileNotFoundError, NotADirectoryError):
        # It was removed meanwhile.
        return []
    return found


def _log_bytes(engine_dir: Path, container_id: str) -> int:
    """Return the size of a container's log with what was rotated away; none where it cannot be seen."""
    try:
        names = [one for one in os.scandir(engine_dir / "containers" / container_id) if "-json.log" in one.name]
        return sum(one.stat().st_blocks * _BLOCK for one in names)
    except OSError:
        return 0


def _by_container(facts: Iterable[ContainerFact], uid: str, sizes: Mapping[str, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in facts:
        if one.pod_uid == uid and one.container and sizes.get(one.id):
            found[one.container] = found.get(one.container, 0) + sizes[one.id]
    return dict(sorted(found.items()))
