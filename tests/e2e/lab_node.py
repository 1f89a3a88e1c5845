"""Several hosts on one lab host: each with its own processes, mounts, name, network and Docker Engine.

Run as a program it is process 1 of such a host: it sets the host up and then only waits. When it is killed, as by a
power cut, every process and mount of the host vanishes; what is on its disk stays until the lab host is removed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FABRIC, GATEWAY = "fabric", "10.99.0.1"
_OWN = ("/run", "/var/lib/docker", "/var/lib/containerd", "/etc/docker", "/var/lib/reconciler", "/var/log")


class Inside(subprocess.Popen[bytes]):
    """A process on another host: signals reach it, and not the door by which it was started."""

    def send_signal(self, sig: int) -> None:
        """Signal the process behind the door."""
        while self.poll() is None:
            if inside := _children(self.pid):
                with suppress(ProcessLookupError):
                    os.kill(inside[0], sig)
                return
            time.sleep(0.01)


class LabNode:
    """One host; `disk` is where its own directories are."""

    def __init__(self, name: str, number: int, disk: Path) -> None:
        self.name = name
        self.address = f"10.99.0.{10 + number}"
        self.disk = disk
        self._holder: subprocess.Popen[bytes] | None = None
        self._init = 0

    def start(self) -> None:
        """Switch the host on; returns when its Engine answers."""
        command = ["unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
        self._holder = subprocess.Popen(
            [*command, sys.executable, __file__, self.name, str(self.disk)], stdout=subprocess.PIPE
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"up\n", f"{self.name} did not start"
        [self._init] = _children(self._holder.pid)
        self._plug_in()
        done = self.run(str(ROOT / "scripts" / "lab-dockerd"), "start")
        assert done.returncode == 0, (done.stdout, done.stderr)

    def stop(self) -> None:
        """Cut the power."""
        if self._holder is not None:
            os.kill(self._init, signal.SIGKILL)
            self._holder.wait(20)
            self._holder = None

    def inside(self, *command: str) -> list[str]:
        """Return a command that runs on this host."""
        return ["nsenter", "--target", str(self._init), "--mount", "--uts", "--ipc", "--net", "--pid", "--", *command]

    def run(self, *command: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command on this host."""
        return subprocess.run(
            self.inside(*command),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def spawn(self, log: Path, *command: str) -> Inside:
        """Start a command on this host."""
        with log.open("ab") as file:
            return Inside(
                self.inside(*command),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd="/",
            )

    def docker(self, *arguments: str, data: bytes | None = None) -> str:
        """Ask this host's Engine, by its socket; return what is printed."""
        door = f"unix://{self.disk}/run/docker.sock"
        done = subprocess.run(
            ["docker", "--host", door, *arguments], capture_output=True, input=data, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()

    def running(self) -> dict[str, dict[str, Any]]:
        """Return our running containers by name, as the Engine inspects them."""
        ids = self.docker("ps", "--quiet", "--no-trunc", "--filter", "label=reconciler.dev/cluster").split()
        found = json.loads(self.docker("inspect", *ids)) if ids else []
        return {one["Name"].lstrip("/"): one for one in found if one["State"]["Running"]}

    def _plug_in(self) -> None:
        link = f"lab-{self.name}"[:15]
        _ip("link", "add", link, "netns", FABRIC, "type", "veth", "peer", "name", "eth0", "netns", str(self._init))
        _ip("-n", FABRIC, "link", "set", link, "master", "br0", "up")
        for words in (
            ("link", "set", "lo", "up"),
            ("address", "add", f"{self.address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("route", "add", "default", "via", GATEWAY),
        ):
            done = self.run("ip", *words)
            assert done.returncode == 0, done.stderr


@contextmanager
def lab_nodes(count: int, image: str) -> Iterator[list[LabNode]]:
    """Switch on several hosts that share a network and have an image; everything of them is gone afterwards."""
    disk = Path(os.environ["RECONCILER_LAB_DIR"]) / "nodes" / uuid.uuid4().hex[:8]
    nodes = [LabNode(f"host-{n}", n, disk / f"host-{n}") for n in range(1, count + 1)]
    _ip("netns", "add", FABRIC)
    try:
        for words in (
            ("link", "add", "br0", "type", "bridge"),
            ("address", "add", f"{GATEWAY}/24", "dev", "br0"),
            ("link", "set", "br0", "up"),
            ("link", "set", "lo", "up"),
        ):
            _ip("-n", FABRIC, *words)
        saved = subprocess.run(["docker", "save", image], capture_output=True, check=True, timeout=60).stdout
        for node in nodes:
            node.start()
            node.docker("load", data=saved)
        yield nodes
    finally:
        for node in nodes:
            node.stop()
        _ip("netns", "delete", FABRIC)


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, (words, done.stderr)


def _children(pid: int) -> list[int]:
    with suppress(FileNotFoundError, ProcessLookupError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _be_init(name: str, disk: Path) -> None:
    """Set the host up, then collect what ends."""

    def do(*words: str) -> None:
        subprocess.run(words, check=True, capture_output=True)

    do("mount", "--make-rprivate", "/")
    for directory in _OWN:
        own = disk / directory.strip("/").replace("/", "-")
        own.mkdir(parents=True, exist_ok=True)
        do("mount", "--bind", str(own), directory)
    (Path("/run") / "lock").mkdir(exist_ok=True)
    do("hostname", name)
    for file, text in (("boot-id", str(uuid.uuid4())), ("machine-id", uuid.uuid4().hex)):
        path = disk / file
        if file == "boot-id" or not path.exists():
            path.write_text(f"{text}\n")
        do("mount", "--bind", str(path), {"boot-id": "/proc/sys/kernel/random/boot_id"}.get(file, "/etc/machine-id"))
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    sys.stdout.write("up\n")
    sys.stdout.flush()
    while True:
        signal.pause()


if __name__ == "__main__":
    _be_init(sys.argv[1], Path(sys.argv[2]))
