"""Exclusive ownership of a mirror's directory, also against what a killed daemon left running. Effect.

The lock is an open file that every git process of the mirror inherits: it is free once the last of them is
gone. The file names the process group that was started last, so that an orphan of a killed daemon is ended,
not waited for.
"""

import contextlib
import fcntl
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

from reconciler.git.command import Deadline
from reconciler.git.errors import DeadlineExceeded

_RETRY_S = 0.02


class Ownership:
    """The right to write to one mirror, for one thread at a time."""

    def __init__(self, lock_file: Path) -> None:
        self._lock_file = lock_file
        self._thread_lock = threading.Lock()
        self._fd = -1

    @contextlib.contextmanager
    def held(self, deadline: Deadline) -> Iterator[int]:
        """Hold the lock; gives the descriptor that child processes are to inherit."""
        if not self._thread_lock.acquire(timeout=deadline.left()):
            raise DeadlineExceeded(f"an earlier fetch into {self._lock_file.stem} has not ended yet")
        try:
            self._fd = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                self._acquire(deadline)
                yield self._fd
            finally:
                os.close(self._fd)
        finally:
            self._thread_lock.release()

    def started(self, process_group: int) -> None:
        """Write down the process group that now works in the mirror."""
        os.pwrite(self._fd, f"{process_group}\n".encode(), 0)
        os.ftruncate(self._fd, len(f"{process_group}\n"))

    def _acquire(self, deadline: Deadline) -> None:
        """Take the lock; who else holds it is an orphan, since a data directory has one daemon."""
        pause = threading.Event()
        while not self._try_lock():
            self._end_orphan()
            if deadline.left() <= 0:
                raise DeadlineExceeded(f"{self._lock_file} is held by a process that does not end")
            pause.wait(_RETRY_S)
        os.ftruncate(self._fd, 0)

    def _try_lock(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _end_orphan(self) -> None:
        """Kill the group on record.

        While the lock is held one of its processes lives, so the number is not reused.
        """
        recorded = os.pread(self._fd, 32, 0).strip()
        if recorded.isdigit() and int(recorded) > 1 and int(recorded) != os.getpgrp():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(int(recorded), signal.SIGKILL)
