"""HAProxy as a process that outlives us: its master is started detached, found by its command line, and signalled.

Effect. The master restarts itself for a new configuration and hands its sockets to the new worker, so that no
connection is refused meanwhile. What runs is asked of the worker itself: the digest of its configuration is in it.
"""

import contextlib
import errno
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from reconciler.executors.network.dns.pidfile import start_time
from reconciler.executors.systemd import SystemdError, has_unit, systemctl
from reconciler.model.errors import DeadlineError, TerminalError, TransientError

_SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
UNIT = "reconciler-ingress.service"
_UNIT_FOLDER = Path("/run/reconciler/ingress")
_VARIABLE = "RECONCILER_INGRESS_SOCKET"
_CHECK_S = 20.0
_START_S = 15.0
_STOP_S = 5.0
_ASK_S = 5.0
_DESCRIPTION = "Description: "
# What it says has its process in it, which differs each time.
_ALERT = re.compile(r"\[ALERT\]\s*\(\d+\)\s*:\s*")
# What the operating system says to more commands than this at a time is not waited for.
_COMMANDS = 200


def program() -> str:
    """Return where HAProxy is, or an empty text."""
    return shutil.which("haproxy", path=_SEARCHED) or ""


def version() -> str:
    """Return the version of HAProxy; empty where it is not installed."""
    found = program()
    if not found:
        return ""
    try:
        told = subprocess.run([found, "-v"], capture_output=True, text=True, timeout=_CHECK_S, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    words = told.split()
    return words[2] if told.startswith("HAProxy version ") and len(words) > 2 else ""


def unit_of(folder: Path) -> str:
    """Return the unit that runs HAProxy where the service manager does; an empty text where it is a plain process."""
    return UNIT if folder == _UNIT_FOLDER and has_unit(UNIT) else ""


class Proxy:
    """The HAProxy of one folder."""

    def __init__(self, folder: Path, config: Path) -> None:
        self._unit = unit_of(folder)
        self._config = config
        self._pid_file = folder / "haproxy.pid"
        self._socket = folder / "haproxy.sock"
        self._log = folder / "haproxy.log"
        self._pid = 0

    def master(self) -> int | None:
        """Return the process that runs our configuration, or None."""
        pid = self._written_pid() or self._pid
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return None
        self._pid = pid if str(self._config).encode() in words and _is_alive(pid) else 0
        return self._pid or None

    def _written_pid(self) -> int:
        """Return the process of the file; 0 for none, as for a moment of each reload."""
        try:
            return int(self._pid_file.read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return 0

    def started(self) -> str:
        """Return when the process started, in the kernel's ticks; empty when it does not run."""
        pid = self.master()
        return start_time(pid) if pid is not None else ""

    def running(self) -> str:
        """Return the digest of the configuration that the worker runs; empty when it does not answer."""
        try:
            told = self.ask(["show info"])
        except TransientError:
            return ""
        lines = (line.strip() for line in told.splitlines())
        found = [line for line in lines if line.lower().startswith(_DESCRIPTION.lower())]
        return found[0][len(_DESCRIPTION) :] if found else ""

    def check(self, config: Path) -> None:
        """Raise TerminalError when HAProxy does not take a configuration."""
        # A unit of the service manager has other rights than we do: what it can compile, we may not.
        environment = f"--setenv={_VARIABLE}={self._socket}"
        run = ("systemd-run", "--quiet", "--wait", "--pipe", "--collect", environment, "--")
        outside = run if self._unit else ()
        done = self._run(["-c", "-f", str(config)], _CHECK_S, outside)
        if done.returncode != 0:
            raise TerminalError(
                f"haproxy refuses the configuration, the one before stays: {_said(done.stderr)}",
                reason="BadConfiguration",
            )

    def start(self, structure: str) -> None:
        """Start it; return once it runs with the configuration `structure`."""
        if self._unit:
            self._restart_unit()
        else:
            done = self._run(["-W", "-D", "-p", str(self._pid_file), "-f", str(self._config)], _START_S)
            if done.returncode != 0:
                raise TransientError(f"haproxy does not start: {_said(done.stderr)}", reason="ProxyNotStarted")
        self._wait_for(structure)

    def reload(self, structure: str) -> None:
        """Have the master take the configuration that holds now."""
        try:
            with self._held() as process:
                signal.pidfd_send_signal(process, signal.SIGUSR2)
        except ProcessLookupError as error:
            raise TransientError("haproxy ended meanwhile", reason="ProxyEnded") from error
        self._wait_for(structure)

    def stop(self) -> bool:
        """Stop it at once; return whether it ran."""
        if self.master() is None:
            return False
        if self._unit:
            self._tell_manager("stop")
            return True
        with contextlib.suppress(ProcessLookupError), self._held() as process:
            for number in (signal.SIGTERM, signal.SIGKILL):
                signal.pidfd_send_signal(process, number)
                if select.select([process], [], [], _STOP_S)[0]:
                    break
        self._pid_file.unlink(missing_ok=True)
        return True

    @contextlib.contextmanager
    def _held(self) -> Iterator[int]:
        """Hold our process by a descriptor; raise ProcessLookupError where it does not run.

        A number may have been given to another process before it was held: only after that it is sure whose it is.
        """
        pid = self.master() or 0
        process = os.pidfd_open(pid) if pid else -1
        try:
            if process < 0 or self.master() != pid:
                raise ProcessLookupError(errno.ESRCH, "haproxy does not run")
            yield process
        finally:
            if process >= 0:
                os.close(process)

    def ask(self, commands: Iterable[str]) -> str:
        """Say commands to the worker; return what it answers."""
        listed, told = list(commands), ""
        for at in range(0, len(listed), _COMMANDS):
            told += self._ask(";".join(listed[at : at + _COMMANDS]))
        return told

    def _ask(self, line: str) -> str:
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(_ASK_S)
            try:
                door.connect(str(self._socket))
                door.sendall(f"{line}\n".encode())
                return b"".join(iter(lambda: door.recv(65536), b"")).decode("utf-8", "replace")
            except TimeoutError as error:
                raise DeadlineError(f"haproxy did not answer within {_ASK_S:.0f} s") from error
            except OSError as error:
                raise TransientError(f"haproxy cannot be reached: {error.strerror}", reason="ProxySilent") from error

    def _wait_for(self, structure: str) -> None:
        until = time.monotonic() + _START_S
        while self.running() != structure:
            if time.monotonic() > until:
                raise TransientError(
                    f"haproxy did not take the new configuration within {_START_S:.0f} s", reason="ProxyNotStarted"
                )
            time.sleep(0.02)

    def _restart_unit(self) -> None:
        """Start the unit; one that does not start is not tried for ever by the service manager, but by who asks us."""
        try:
            self._tell_manager("restart")
        except TransientError:
            with contextlib.suppress(TransientError):
                self._tell_manager("stop")
            raise

    def _tell_manager(self, verb: str) -> None:
        try:
            systemctl(verb, self._unit, timeout_s=_START_S)
        except SystemdError as error:
            raise TransientError(f"{error}; journalctl -u {self._unit} says why", reason="ProxyNotStarted") from error

    def _run(
        self, arguments: list[str], timeout: float, outside: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        found = program()
        if not found:
            raise TerminalError(
                "haproxy is not installed on this host: it cannot serve ingresses",
                reason="ProxyMissing",
                hint="apt-get install haproxy",
            )
        environment = {"PATH": _SEARCHED, _VARIABLE: str(self._socket)}
        # A file takes what it says: the detached process keeps it open, so that a pipe would never end.
        with self._log.open("w+b") as output:
            try:
                done = subprocess.run(
                    [*outside, found, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd="/",
                    env=environment,
                    timeout=timeout,
                    check=False,
                    start_new_session=True,
                )
            except subprocess.TimeoutExpired as error:
                raise DeadlineError(f"haproxy did not end its start within {timeout:.0f} s") from error
        text = self._log.read_text(errors="replace")
        return subprocess.CompletedProcess(done.args, done.returncode, "", text)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return False


def _said(text: str) -> str:
    """Return what went wrong, as HAProxy says it: the first lines with a fault."""
    lines = [_ALERT.sub("", line).strip() for line in text.splitlines() if _ALERT.match(line)]
    return " ".join(lines[:3])[:600] or text.strip()[-300:] or "it said nothing"
