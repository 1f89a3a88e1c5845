"""Who serves: a lock held for life by the server, in a file that says what it is.

Effect. The lock, not the text, says whether a server lives; the text says which one it is and since when, so that only
that very process is ever signalled.
"""

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self

NAME = "dns.pid"
CONTROL = "dns.sock"
_PATIENCE_S = 5.0


class Held(Exception):
    """Another server holds the lock."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The server that runs."""

    pid: int
    started: str
    identity: str

    @property
    def is_alive(self) -> bool:
        """Whether the process is the one that wrote the file."""
        return start_time(self.pid) == self.started


class PidFile:
    """The lock of one runtime directory."""

    def __init__(self, runtime: Path) -> None:
        self._path = runtime / NAME
        self._descriptor: int | None = None
        self._claim: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        if self._claim is not None:
            self._claim.close()

    def take(self, identity: str, *, take_over: bool) -> None:
        """Hold the lock for the life of this process; with `take_over` the holder is stopped first."""
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _lock(self._descriptor):
            holder = read(self._path.parent)
            if holder is None or not take_over:
                raise Held(f"a DNS server already runs: process {holder.pid if holder else 'unknown'}")
            stop(holder)
            if not _lock(self._descriptor):
                raise Held(f"the DNS server of process {holder.pid} does not stop")
        text = json.dumps(
            {
                "what": "DNS server of reconciler",
                "pid": os.getpid(),
                "started": start_time(os.getpid()),
                "identity": identity,
            }
        )
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text.encode(), 0)

    def claim(self, where: str) -> None:
        """Hold an address and port: the kernel would let two servers share it, and each get some of the queries."""
        self._claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            self._claim.bind(f"\0reconciler/dns/{where}")
        except OSError as error:
            raise Held(f"another cluster's DNS server listens on {where}") from error


def is_free(where: str) -> bool:
    """Return whether no server holds an address and port in this network namespace."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as trial:
        try:
            trial.bind(f"\0reconciler/dns/{where}")
        except OSError:
            return False
    return True


def running(runtime: Path) -> Holder | None:
    """Return the server that runs, or None."""
    try:
        descriptor = os.open(runtime / NAME, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        free = _lock(descriptor, fcntl.LOCK_SH)
        holder = None if free else _parse(os.read(descriptor, 4096))
    finally:
        os.close(descriptor)
    return holder if holder is not None and holder.is_alive else None


def read(runtime: Path) -> Holder | None:
    """Read the file; None when it is absent or half-written."""
    try:
        return _parse((runtime / NAME).read_bytes())
    except FileNotFoundError:
        return None


def _parse(text: bytes) -> Holder | None:
    try:
        content = json.loads(text)
        return Holder(int(content["pid"]), str(content["started"]), str(content["identity"]))
    except (ValueError, KeyError):
        return None


def stop(holder: Holder) -> bool:
    """Ask a server to stop and wait for its end, then kill it; return whether it has gone."""
    try:
        process = os.pidfd_open(holder.pid)
    except ProcessLookupError:
        return True
    try:
        if not holder.is_alive:
            return True
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, number)
            if select.select([process], [], [], _PATIENCE_S)[0]:
                return True
        return False
    finally:
        os.close(process)


def start_time(pid: int) -> str:
    """Return when a process started, in the kernel's ticks; empty when there is none."""
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    try:
        return os.read(descriptor, 4096).rpartition(b")")[2].split()[19].decode()
    except (ProcessLookupError, IndexError):
        return ""
    finally:
        os.close(descriptor)


def _lock(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
