"""Process 1 of a node of a lab: sets the host up, starts its services and starts them again when they end.

Effect: the mounts, the host name and the processes of the namespaces that it is started in. When it is killed, as by a
power cut, every process and mount of the node vanishes; what is on its disk, the folder HOME, stays.

    python -m reconciler.lab.init NAME HOME HIERARCHIES

HIERARCHIES are the cgroup hierarchies as seen from outside, as JSON: from within they can no longer be told. Services
are read from HOME/services.json, at the start and on SIGHUP; the Docker Engine is always the first.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from reconciler.lab.cgroups import Hierarchy
from reconciler.lab.engine import version
from reconciler.lab.mounts import mount, mount_memory, mount_sys

ENGINE = "engine"
SERVICES = "services.json"
STATES = "services-state.json"
SOCKET = Path("/run/docker.sock")
NAME_SERVERS = "nameserver 127.0.0.1\n"
_SIGNALS = (signal.SIGCHLD, signal.SIGHUP)
_AGAIN_S = 1.0


def main(name: str, home: Path, hierarchies: Sequence[Hierarchy]) -> None:
    """Become the host."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    set_up(name, home, hierarchies)
    print("up", flush=True)
    # Whoever waited for that may go; what is said from now on is in the node's own log.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    Services(home).keep()


def set_up(name: str, home: Path, hierarchies: Sequence[Hierarchy]) -> None:
    """Give the host its own /run, /sys, /dev/shm, /var/log, name and identity."""
    mount("--make-rprivate", "/")
    name_servers = Path("/etc/resolv.conf").resolve()
    run = home / "run"
    # A socket or a pid file of before the power was cut would keep an Engine from starting.
    shutil.rmtree(run, ignore_errors=True)
    for own, place in ((run, "/run"), (home / "log", "/var/log"), (home / "etc-docker", "/etc/docker")):
        own.mkdir(parents=True, exist_ok=True)
        mount("--bind", own, place)
    Path("/run/lock").mkdir()
    mount_sys(hierarchies)
    mount_memory("/dev/shm", "shm", "1777")
    subprocess.run(["hostname", name], check=True)
    _give(home / "hostname", Path("/etc/hostname"), f"{name}\n")
    _give(home / "hosts", Path("/etc/hosts"), f"127.0.0.1 localhost\n127.0.1.1 {name}\n::1 localhost\n")
    # There is no name server to reach from here; refusing at once is better than a time-out.
    _give(home / "resolv.conf", name_servers, NAME_SERVERS)
    _give(home / "boot-id", Path("/proc/sys/kernel/random/boot_id"), f"{uuid.uuid4()}\n")
    machine = home / "machine-id"
    _give(machine, Path("/etc/machine-id"), machine.read_text() if machine.exists() else f"{uuid.uuid4().hex}\n")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _give(own: Path, place: Path, text: str) -> None:
    """Put a file of the node's own over one of the machine's, which is left as it is."""
    own.write_text(text)
    if place.is_relative_to("/run"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    if place.exists():
        mount("--bind", own, place)


class Services:
    """The node's services: those that are wanted, and those that run."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._wanted: dict[str, list[str]] = {}
        self._running: dict[int, str] = {}
        self._due: dict[str, float] = {}

    def keep(self) -> None:
        """Start what is wanted and collect what ends, for as long as there is power."""
        self._read()
        while True:
            self._collect()
            self._start(time.monotonic())
            self._tell()
            came = signal.sigtimedwait(_SIGNALS, self._pause())
            if came is not None and came.si_signo == signal.SIGHUP:
                self._read()

    def _read(self) -> None:
        self._wanted = {ENGINE: engine_command(self._home)}
        with contextlib.suppress(FileNotFoundError):
            self._wanted |= json.loads((self._home / SERVICES).read_text(encoding="utf-8"))

    def _collect(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                if name := self._running.pop(ended, ""):
                    self._due[name] = time.monotonic() + _AGAIN_S

    def _start(self, now: float) -> None:
        for name, command in self._wanted.items():
            if name in self._running.values() or self._due.get(name, 0) > now:
                continue
            if name == ENGINE:
                Path("/run/docker.pid").unlink(missing_ok=True)
            elif not version(SOCKET):
                continue
            with (Path("/var/log") / f"{name}.log").open("ab") as log:
                started = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=_listen,
                    cwd="/",
                )
            self._running[started.pid] = name
            # It is collected with the orphans.
            started.returncode = 0

    def _tell(self) -> None:
        states = {name: name in self._running.values() for name in self._wanted}
        own = Path("/run") / f"{STATES}.new"
        own.write_text(json.dumps(states), encoding="utf-8")
        own.rename(Path("/run") / STATES)

    def _pause(self) -> float:
        return 0.1 if len(self._running) < len(self._wanted) else 3600


def engine_command(home: Path) -> list[str]:
    """Return how the node's Docker Engine is started: with nothing of the machine's own settings and folders."""
    (home / "daemon.json").write_text("{}\n", encoding="utf-8")
    return [
        *("dockerd", "--config-file", str(home / "daemon.json"), "--data-root", str(home / "docker")),
        *("--exec-root", "/run/docker", "--pidfile", "/run/docker.pid", "--host", f"unix://{SOCKET}"),
        *("--live-restore", "--exec-opt", "native.cgroupdriver=cgroupfs"),
    ]


def _listen() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), [Hierarchy(*words) for words in json.loads(sys.argv[3])])
