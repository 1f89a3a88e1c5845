"""How much a host has left of memory, disk and process numbers: the kubelet's eviction signals.

Effect: reads the kernel's tables and file systems. What cannot be read is not told, and presses nobody.
"""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from reconciler.model.pressure import SignalFact

log = logging.getLogger(__name__)

# The kubelet looks this often.
_EVERY_S = 10.0


class SignalReader:
    """Reads the signals of this host, no more often than the kubelet does. Owned by one thread."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._read_at = 0.0
        self._signals: tuple[SignalFact, ...] = ()

    def read(self, now: float, data_dir: Path, engine_dir: str) -> tuple[SignalFact, ...]:
        """Return what is left; `engine_dir` is where the Engine keeps its images, if that is known."""
        if not 0 <= now - self._read_at < _EVERY_S:
            self._read_at = now
            self._signals = (*_memory(self._proc), *_disks(data_dir, engine_dir), *_pids(self._proc))
        return self._signals


def _memory(proc: Path) -> Iterator[SignalFact]:
    told = dict(line.split(":", 1) for line in (proc / "meminfo").read_text().splitlines())
    left, whole = (int(told[name].split()[0]) * 1024 for name in ("MemAvailable", "MemTotal"))
    yield SignalFact(signal="memory.available", available=left, capacity=whole)


def _disks(data_dir: Path, engine_dir: str) -> Iterator[SignalFact]:
    """The images count by themselves where they are on a file system of their own."""
    yield from _disk("nodefs", data_dir)
    images = Path(engine_dir) if engine_dir else data_dir
    try:
        is_own = images.stat().st_dev != data_dir.stat().st_dev
    except OSError as error:
        log.debug("the Engine's directory cannot be looked at", extra={"path": engine_dir, "error": str(error)})
        return
    if is_own:
        yield from _disk("imagefs", images)


def _disk(name: str, path: Path) -> Iterator[SignalFact]:
    told = os.statvfs(path)
    block = told.f_frsize
    yield SignalFact(signal=f"{name}.available", available=told.f_bavail * block, capacity=told.f_blocks * block)
    # Some file systems have no fixed number of inodes: they tell none.
    if told.f_files:
        yield SignalFact(signal=f"{name}.inodesFree", available=told.f_ffree, capacity=told.f_files)


def _pids(proc: Path) -> Iterator[SignalFact]:
    limits = (proc / "sys/kernel" / name for name in ("pid_max", "threads-max"))
    most = min(int(file.read_text()) for file in limits)
    running = int((proc / "loadavg").read_text().split()[3].partition("/")[2])
    yield SignalFact(signal="pid.available", available=most - running, capacity=most)
