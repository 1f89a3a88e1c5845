"""One host as its user sees it: the commands, a work tree to push from, the Engine's containers."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from reconciler.config import load_settings
from reconciler.executors.network.cleanup import remove_all

ROOT = Path(__file__).parents[2]
CLI = (sys.executable, "-m", "reconciler.cli.main")
IMAGE = "reconciler-e2e/app:1"


class Run:
    """What a command printed, and its exit code."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    def __repr__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"


class Host:
    """A daemon on a data directory of its own, and what surrounds it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.data = home / "data"
        self.tree = home / "tree"
        self.daemon: subprocess.Popen[bytes] | None = None
        self.environment = {
            **os.environ,
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.org",
            "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@example.org",
        }

    # Commands

    def run(self, *arguments: str, timeout: float = 60) -> Run:
        """Run one of our commands on this data directory."""
        command = [*CLI, *arguments, "--data-dir", str(self.data)]
        return Run(subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, cwd=self.home))

    def json(self, *arguments: str) -> Any:
        """Run a command and return its JSON."""
        done = self.run(*arguments, "--output", "json")
        assert done.out, done
        return json.loads(done.out)

    def init(self, *arguments: str) -> None:
        """Make the data directory with a received repository, and a work tree that pushes to it."""
        # Any free port: several daemons may serve in one network namespace.
        address = ("--api-address", "127.0.0.1:0")
        done = self.run("init", "--node", "node-1", *address, *(arguments or ("--receive",)))
        assert done.code == 0, done
        self.git("init", "--quiet", "--initial-branch=main", str(self.tree), cwd=self.home)
        if not arguments:
            self.git("remote", "add", "origin", str(self.data / "receive" / "manifests.git"))

    # The daemon

    def start(self) -> None:
        """Start the daemon and wait until it answers."""
        log = (self.home / "daemon.log").open("ab")
        self.daemon = subprocess.Popen(
            [*CLI, "daemon", "--data-dir", str(self.data)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
        )
        wait_for("the daemon answers", self.answers, 30)

    def answers(self) -> bool:
        """Whether the API answers; fails when the daemon ended."""
        assert self.daemon is not None
        assert self.daemon.poll() is None, self.log()
        return self.get("/version") is not None

    def stop(self) -> None:
        """Stop the daemon as a service manager does."""
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGTERM)
        assert self.daemon.wait(30) == 0, self.log()
        self.daemon = None

    def kill(self) -> None:
        """Kill the daemon at once."""
        assert self.daemon is not None
        self.daemon.kill()
        self.daemon.wait(10)
        self.daemon = None

    def restart(self) -> None:
        """Stop and start the daemon."""
        self.stop()
        self.start()

    def log(self) -> str:
        """What the daemon logged last."""
        path = self.home / "daemon.log"
        return path.read_text(errors="replace")[-6000:] if path.exists() else ""

    def get(self, path: str) -> Any:
        """Return one document of the API, or None."""
        return self._ask("GET", path)

    def patch(self, path: str, change: dict[str, Any]) -> Any:
        """Change one object through the API; return what it is then, or None."""
        return self._ask("PATCH", path, json.dumps(change), {"Content-Type": "application/merge-patch+json"})

    def _ask(self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None) -> Any:
        connection = _UnixConnection(str(self.data / "run" / "reconciler.sock"))
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            body = answer.read()
            return json.loads(body) if answer.status == 200 else None
        except OSError:
            return None
        finally:
            connection.close()

    # Git

    def git(self, *arguments: str, cwd: Path | None = None) -> None:
        """Run git in the work tree; it must succeed."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=cwd or self.tree,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)

    def write(self, files: dict[str, str]) -> None:
        """Replace the content of the work tree."""
        for path in self.tree.iterdir():
            if path.name != ".git":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name, text in files.items():
            file = self.tree / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def commit(self, message: str = "change") -> str:
        """Commit everything; return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}")
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=self.tree, capture_output=True, text=True, check=True)
        return head.stdout.strip()

    def push(self, files: dict[str, str] | None = None, *options: str, wait: bool = True) -> Run:
        """Commit and push; `wait` follows the rollout, else one leaves as soon as the daemon has applied the commit."""
        if files is not None:
            self.write(files)
        head = self.commit()
        command = ["git", "push", *options, "origin", "HEAD:main"]
        told, errors = self.home / "push.out", self.home / "push.err"
        with told.open("wb") as out, errors.open("wb") as err:
            process = subprocess.Popen(
                command, cwd=self.tree, env=self.environment, stdout=out, stderr=err, start_new_session=True
            )

        def is_over() -> bool:
            if process.poll() is not None or wait:
                return process.poll() is not None
            # First it tells the plan.
            return b"interrupt to leave" in errors.read_bytes() and self._has_applied(head)

        with suppress(AssertionError):
            wait_for("the push is over", is_over, 90, every=0.05)
        left = process.poll() is None
        if left:
            # As the interrupt key does: to everything in the foreground.
            os.killpg(process.pid, signal.SIGINT)
        code = process.wait(20)
        assert wait or not left or self._has_applied(head), f"{errors.read_text()}\n{self.log()}"
        return Run(subprocess.CompletedProcess(command, 0 if left else code, told.read_text(), errors.read_text()))

    def _has_applied(self, commit: str) -> bool:
        status = self.get("/apis/reconciler.dev/v1/status") or {"sources": []}
        return any((one.get("applied") or {}).get("commit") == commit for one in status["sources"])

    def settle(self, timeout: float = 60) -> None:
        """Wait until everything is healthy."""
        done = self.run("status", "--wait", "--timeout", str(timeout), timeout=timeout + 20)
        assert done.code == 0, f"{done}\n{self.log()}"

    # The Engine

    def containers(self, *, everything: bool = False) -> dict[str, dict[str, Any]]:
        """Return our containers by name as the Engine inspects them; without sandboxes unless `everything`."""
        ids = docker("ps", "--all", "--quiet", "--no-trunc", "--filter", "label=reconciler.dev/cluster").split()
        # A container may go between the two calls; the client then still prints the others.
        told = subprocess.run(["docker", "inspect", *ids], capture_output=True, text=True, timeout=60, check=False)
        found = json.loads(told.stdout) if ids else []
        named = {one["Name"].lstrip("/"): one for one in found}
        return {name: one for name, one in named.items() if everything or not name.startswith("rc_POD_")}

    def running(self) -> dict[str, str]:
        """Return the ids of the running containers by name, with sandboxes."""
        return {n: one["Id"] for n, one in self.containers(everything=True).items() if one["State"]["Running"]}

    def address(self, service: str, namespace: str = "default") -> str:
        """Return a Service's address."""
        return str(self.get(f"/api/v1/namespaces/{namespace}/services/{service}")["spec"]["clusterIP"])

    def pods(self, namespace: str = "default") -> list[dict[str, Any]]:
        """Return the Pods of a namespace."""
        return list(self.get(f"/api/v1/namespaces/{namespace}/pods")["items"])

    def events(self) -> str:
        """Return what `reconciler events` prints."""
        return self.run("events").out


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of a port."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(self._path)


def docker(*arguments: str, timeout: float = 60) -> str:
    """Run the Engine's own client; return what it prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def wait_for(what: str, holds: Callable[[], bool], timeout: float, every: float = 0.02) -> float:
    """Wait until a condition of another process holds; return how long it took."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < timeout, f"waited {timeout} s in vain: {what}"
        time.sleep(every)
    return time.monotonic() - started


@contextmanager
def fresh_host(home: Path) -> Iterator[Host]:
    """A host with a running daemon; everything of it is removed afterwards."""
    host = Host(home)
    host.init()
    host.start()
    try:
        yield host
    finally:
        remove(host)


def remove(host: Host) -> None:
    """Stop the daemon and remove what it made on this host, as `make clean` does."""
    if host.daemon is not None:
        host.kill()
    settings = load_settings(str(host.data))
    ids = docker("ps", "--all", "--quiet", "--filter", f"label=reconciler.dev/cluster={settings.cluster_id}").split()
    if ids:
        # The Engine may be removing some already; what counts is that none is left.
        subprocess.run(["docker", "rm", "--force", *ids], timeout=120, check=False, capture_output=True)
        filters = ("--filter", f"label=reconciler.dev/cluster={settings.cluster_id}")
        wait_for("all containers are removed", lambda: not docker("ps", "--all", "--quiet", *filters), 30)
    remove_all(settings.cluster_id, Path(settings.runtime_dir))
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for mount in sorted((one for one in mounts if one.startswith(str(host.home))), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=True, timeout=20)
