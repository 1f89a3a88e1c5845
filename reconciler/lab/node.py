"""One node of a lab: a host with its own processes, mounts, name, network, cgroups and Docker Engine.

Effect: processes, below a cgroup and a folder of its own. What is known of it is in that folder, so that any later
command finds it.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from reconciler.lab import engine
from reconciler.lab.cgroups import Hierarchy, cgroup_hierarchies, join_cgroups, make_cgroups, set_apart
from reconciler.lab.init import ENGINE, SERVICES, STATES
from reconciler.model.errors import DeadlineError, TransientError

NAMESPACES = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup")
_PATHS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
# What leads to another Engine, another service manager, or to settings of this machine's own daemon.
_FOREIGN = ("DOCKER_HOST", "DOCKER_CONTEXT", "NOTIFY_SOCKET", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME")
_ENGINE_S, _OFF_S = 60.0, 20.0
_LOG_LINES = 15


class Node:
    """One node; `home` is its disk, `group` its cgroup below that of all labs."""

    def __init__(self, name: str, address: str, home: Path, group: str) -> None:
        self.name = name
        self.address = address
        self.home = home
        self._group = group

    @property
    def data(self) -> Path:
        """The data directory of its daemon or agent: the same path inside and outside."""
        return self.home / "data"

    @property
    def socket(self) -> Path:
        """Its Engine's socket, as seen from outside."""
        return self.home / "run" / "docker.sock"

    @property
    def init(self) -> int:
        """Its process 1 as seen from outside; 0 while the power is off."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            pid, began = (self.home / "init").read_text().split()
            if _began(int(pid)) == began:
                return int(pid)
        return 0

    def power_on(self) -> None:
        """Switch it on; its links come after that, and its Engine takes a moment."""
        self.home.mkdir(parents=True, exist_ok=True)
        hierarchies = cgroup_hierarchies()
        make_cgroups(self._group, hierarchies)
        with (self.home / "console.log").open("ab") as console:
            holder = subprocess.Popen(
                ["unshare", *NAMESPACES, "--fork", "--kill-child", "--mount-proc", *self._be_init(hierarchies)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=console,
                start_new_session=True,
                cwd="/",
                env=self.environment(),
                preexec_fn=lambda: join_cgroups(self._group, hierarchies),
            )
        assert holder.stdout is not None
        with holder.stdout as said:
            if said.readline() != b"up\n":
                raise TransientError(f"{self.name} does not start: {self.end_of('console.log', home=self.home)}")
        set_apart(self._group, holder.pid, hierarchies)
        [init] = _children(holder.pid)
        (self.home / "init").write_text(f"{init} {_began(init)}\n")
        # It outlives whoever has started it; the machine's own process 1 collects it.
        holder.returncode = 0

    def power_off(self) -> None:
        """Cut the power: at once, and without a word to anything that runs there."""
        init = self.init
        if not init:
            return
        os.kill(init, signal.SIGKILL)
        _until(f"the processes of {self.name} end", lambda: not self.init, _OFF_S)

    def await_engine(self) -> None:
        """Wait until its Engine answers."""

        def answers() -> bool:
            if not self.init:
                raise TransientError(f"{self.name} went off: {self.end_of('console.log', home=self.home)}")
            return bool(self.engine_version())

        try:
            _until(f"the Docker Engine of {self.name} answers", answers, _ENGINE_S)
        except DeadlineError as error:
            raise DeadlineError(f"{error}; the end of its log:\n{self.end_of(f'{ENGINE}.log')}") from error

    def engine_version(self) -> str:
        """Return its Engine's version, empty while that does not answer."""
        return engine.version(self.socket) if self.init else ""

    def serve(self, services: Mapping[str, Sequence[str]]) -> None:
        """Have it run these services, now and whenever it is switched on."""
        new = self.home / f"{SERVICES}.new"
        new.write_text(json.dumps(services))
        new.rename(self.home / SERVICES)
        if init := self.init:
            os.kill(init, signal.SIGHUP)

    def services(self) -> dict[str, bool]:
        """Return its services other than the Engine, and whether they run."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            running = json.loads((self.home / "run" / STATES).read_text()) if self.init else {}
            wanted = json.loads((self.home / SERVICES).read_text())
            return {name: bool(running.get(name)) for name in wanted}
        return {}

    def inside(self, *command: str) -> list[str]:
        """Return a command that runs on this node."""
        if not (init := self.init):
            raise TransientError(f"{self.name} is off", hint=f"reconciler lab power-on {self.name}")
        return ["nsenter", "--target", str(init), *NAMESPACES, "--", *command]

    def run(self, *command: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command on this node."""
        return subprocess.run(
            self.inside(*command),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
            env=self.environment(),
        )

    def environment(self) -> dict[str, str]:
        """Return what surrounds a command on this node: ours finds its daemon or agent by itself."""
        kept = {k: v for k, v in os.environ.items() if k not in _FOREIGN and not k.startswith("RECONCILER_")}
        found = [*kept.get("PATH", "").split(":"), *_PATHS, str(Path(sys.executable).parent)]
        return {**kept, "PATH": ":".join(dict.fromkeys(found)), "RECONCILER_DATA_DIR": str(self.data)}

    def end_of(self, name: str, *, home: Path | None = None) -> str:
        """Return the last lines of a log."""
        path = (home or self.home / "log") / name
        with contextlib.suppress(FileNotFoundError):
            return "\n".join(path.read_text(errors="replace").splitlines()[-_LOG_LINES:])
        return ""

    def _be_init(self, hierarchies: Sequence[Hierarchy]) -> list[str]:
        told = json.dumps([one.words for one in hierarchies])
        return [sys.executable, "-m", "reconciler.lab.init", self.name, str(self.home), told]


def _until(what: str, holds: Callable[[], bool], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise DeadlineError(f"waited {timeout_s:.0f} s in vain until {what}")
        time.sleep(0.02)


def _began(pid: int) -> str:
    """Return when a process began, so that a number that is used again is not taken for it; empty when it ended."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        return "" if state in "ZX" else fields[18]
    return ""


def _children(pid: int) -> list[int]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
