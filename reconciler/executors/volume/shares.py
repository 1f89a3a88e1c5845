"""Shares of NFS servers, mounted once each for all Pods of a host: `<data>/mounts/<key>`.

Effect. What is mounted is read from the kernel's table, so that an agent that starts anew finds it; only what is
mounted at a place of ours is ever unmounted. A server that hangs holds whoever touches its share: everything that does
is a process in a session of its own, killed after its deadline and left behind if it does not even die.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from reconciler.executors.volume import share_work
from reconciler.executors.volume.mounts import mount_table
from reconciler.executors.volume.paths import MountError, VolumePaths, checked_name
from reconciler.model.base import Value
from reconciler.model.details import MountShare, TrashVolume
from reconciler.model.storage import NfsShare

KILL_S = 2.0
_HELPERS = "/sbin:/usr/sbin:/usr/local/sbin"
_TOLD_S = 86_400.0


class Deadlines(Value):
    """How many seconds a server may take: to be mounted, to be unmounted, to change something, to answer at all.

    One that took longer is not asked again for `rest_s`, and nobody waits longer than `turn_s` for others of its share:
    so that a server that hangs leaves room for the others.
    """

    mount_s: float = 60.0
    unmount_s: float = 15.0
    work_s: float = 20.0
    answer_s: float = 5.0
    rest_s: float = 15.0
    turn_s: float = 2.0


class Shares:
    """Mounts, uses and unmounts shares. Thread-safe; each share is worked on by one thread at a time."""

    def __init__(self, paths: VolumePaths, deadlines: Deadlines = Deadlines(), helpers: str = _HELPERS) -> None:
        self._paths = paths
        self._deadlines = deadlines
        self._helpers = helpers
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._silent_until: dict[str, float] = {}

    def place(self, key: str) -> Path:
        """Return where a share is mounted."""
        return self._paths.mounts / checked_name(key)

    def mounted(self) -> tuple[str, ...]:
        """Return the keys of the shares that are mounted, whether or not their servers answer."""
        if not self._paths.mounts.is_dir():
            return ()
        top = os.path.realpath(self._paths.mounts)
        places = (one.path.rpartition("/") for one in mount_table())
        return tuple(sorted({name for parent, _, name in places if parent == top}))

    def prepared(self) -> tuple[str, ...]:
        """Return the volumes whose directory was found or made on a share that is mounted."""
        if not self._paths.share_volumes.is_dir():
            return ()
        keys = self.mounted()
        return tuple(sorted(one.name for key in keys for one in _entries(self._paths.share_volumes / key)))

    def trashed(self) -> tuple[str, ...]:
        """Return the volumes whose directory was moved to the trash within the last day."""
        since = time.time() - _TOLD_S
        told = []
        for entry in _entries(self._paths.share_trashed):
            if entry.stat().st_mtime < since:
                entry.unlink(missing_ok=True)
            else:
                told.append(entry.name)
        return tuple(told)

    def mount(self, detail: MountShare) -> bool:
        """Mount a share, and find or make the directory of a volume on it; return whether anything changed."""
        with self._turn(detail.share.key):
            changed = self._mount(detail.share)
            if detail.volume:
                made = self._work(detail.share, "make", detail.directory, checked_name(detail.volume))
                _touch(self._paths.share_volumes / detail.share.key / detail.volume)
                changed = changed or made
            return changed

    def unmount(self, key: str) -> bool:
        """Unmount a share; one whose server hangs is taken out of sight at once. Nothing on it is touched."""
        with self._turn(key):
            place = self.place(key)
            for entry in _entries(self._paths.share_volumes / key):
                entry.unlink(missing_ok=True)
            if key not in self.mounted():
                return False
            code, said = _run(("umount", str(place)), self._deadlines.unmount_s)
            if code != 0:
                code, said = _run(("umount", "--lazy", "--internal-only", str(place)), self._deadlines.unmount_s)
            if key in self.mounted():
                raise MountError(f"share at {place} cannot be unmounted: {said or f'umount ended with {code}'}")
            place.rmdir()
            return True

    def trash(self, detail: TrashVolume) -> bool:
        """Move the directory of a released volume to the trash of its share; return whether it was still there."""
        share = detail.share
        assert share is not None
        with self._turn(share.key):
            self._mount(share)
            changed = self._work(share, "trash", detail.path, checked_name(detail.name))
            _touch(self._paths.share_trashed / detail.name)
            return changed

    def root_of(self, share: NfsShare, directory: str = "") -> Path:
        """Return where a share is mounted, once its server has answered about (a directory of) it just now."""
        if share.key not in self.mounted():
            raise MountError(f"{share.source} is not mounted")
        self._work(share, "answer", directory)
        return self.place(share.key)

    def _mount(self, share: NfsShare) -> bool:
        place = self.place(share.key)
        if share.key in self.mounted():
            return False
        self._refuse_silent(share)
        if shutil.which("mount.nfs", path=self._helpers) is None:
            raise MountError(
                f"this node cannot mount {share.source}: mount.nfs is not installed; `apt install nfs-common` brings it"
            )
        place.mkdir(mode=0o755, parents=True, exist_ok=True)
        options = ("-o", ",".join(share.options)) if share.options else ()
        code, said = _run(("mount", "-t", "nfs", *options, share.source, str(place)), self._deadlines.mount_s)
        if share.key in self.mounted():
            return True
        place.rmdir()
        if code is None:
            self._note_silence(share)
            raise MountError(
                f"{share.source} is not mounted: its server has not answered for {self._deadlines.mount_s:.0f} s"
            )
        why = said or f"mount ended with {code}"
        if not _has_client():
            why = f"this node's kernel has no NFS client; `modprobe nfs` loads it where there is one ({why})"
        raise MountError(f"{share.source} is not mounted: {why}")

    def _work(self, share: NfsShare, verb: str, directory: str, *more: str) -> bool:
        """Do something on a mounted share in a process of its own; return whether it changed anything."""
        self._refuse_silent(share)
        deadline_s = self._deadlines.answer_s if verb == "answer" else self._deadlines.work_s
        program = (sys.executable, "-I", "-S", share_work.__file__)
        code, said = _run((*program, verb, str(self.place(share.key)), directory, *more), deadline_s)
        if code is None:
            self._note_silence(share)
            raise MountError(f"the server of {share.source} has not answered for {deadline_s:.0f} s; it stays mounted")
        if code not in (share_work.DONE, share_work.UNCHANGED):
            raise MountError(f"{share.source}: {said or f'nothing was said, status {code}'}")
        return code == share_work.DONE

    def _note_silence(self, share: NfsShare) -> None:
        self._silent_until[share.server] = time.monotonic() + self._deadlines.rest_s

    def _refuse_silent(self, share: NfsShare) -> None:
        left_s = self._silent_until.get(share.server, 0.0) - time.monotonic()
        if left_s > 0:
            raise MountError(f"the server of {share.source} has not answered; it is asked again in {left_s:.0f} s")

    @contextmanager
    def _turn(self, key: str) -> Iterator[None]:
        """Be the only one who works on a share."""
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        if not lock.acquire(timeout=self._deadlines.turn_s):
            raise MountError("something else is being done with this share, which takes long: it is tried again")
        try:
            yield
        finally:
            lock.release()


def _run(command: Sequence[str], deadline_s: float) -> tuple[int | None, str]:
    """Run a program; return its status and what it said last, or None once it was killed at the deadline."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        cwd="/",
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
        text=True,
        errors="replace",
    )
    try:
        said, _ = process.communicate(timeout=deadline_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        try:
            process.communicate(timeout=KILL_S)
        except subprocess.TimeoutExpired:
            # The kernel holds it: it goes when the server answers, or with the mount.
            if process.stdout is not None:
                process.stdout.close()
        return None, ""
    lines = said.strip().splitlines()
    return process.returncode, lines[-1] if lines else ""


def _has_client() -> bool:
    names = {line.split()[-1] for line in Path("/proc/filesystems").read_text().splitlines() if line.strip()}
    return bool(names & {"nfs", "nfs4"})


def _entries(directory: Path) -> list[Path]:
    return sorted(directory.iterdir()) if directory.is_dir() else []


def _touch(record: Path) -> None:
    record.parent.mkdir(parents=True, exist_ok=True)
    record.touch()
