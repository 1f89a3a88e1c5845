"""Several hosts on one lab host, as `reconciler lab` makes them, whose daemon and agents a test starts itself."""

from __future__ import annotations

import json
import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from reconciler.lab.cgroups import remove_cgroups
from reconciler.lab.engine import load, saved
from reconciler.lab.fabric import Fabric
from reconciler.lab.node import Node

_ENGINE = Path("/var/run/docker.sock")


class Inside(subprocess.Popen[bytes]):
    """A process on another host: signals reach it, and not the door by which it was started."""

    def send_signal(self, sig: int) -> None:
        """Signal the process behind the door."""
        while self.poll() is None:
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
            with suppress(FileNotFoundError, ProcessLookupError):
                if inside := children.read_text().split():
                    os.kill(int(inside[0]), sig)
                    return
            time.sleep(0.01)


class LabNode(Node):
    """One host."""

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

    def docker(self, *arguments: str, check: bool = True) -> str:
        """Ask this host's Engine, by its socket; return what is printed."""
        done = subprocess.run(
            ["docker", "--host", f"unix://{self.socket}", *arguments], capture_output=True, timeout=60, check=False
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout.decode()

    def running(self) -> dict[str, dict[str, Any]]:
        """Return our running containers by name, as the Engine inspects them."""
        ids = self.docker("ps", "--quiet", "--no-trunc", "--filter", "label=reconciler.dev/cluster").split()
        # Those that are removed meanwhile are left out, and the program then says that it failed.
        found = json.loads(self.docker("inspect", *ids, check=False)) if ids else []
        return {one["Name"].lstrip("/"): one for one in found if one["State"]["Running"]}


@contextmanager
def lab_nodes(count: int, image: str) -> Iterator[list[LabNode]]:
    """Switch on several hosts that share a network and have an image; everything of them is gone afterwards."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    disk = Path(os.environ["RECONCILER_LAB_DIR"]) / "nodes" / name
    fabric = Fabric(name, IPv4Network("10.99.0.0/24"))
    numbers = range(1, count + 1)
    nodes = [LabNode(f"host-{n}", fabric.address(n), disk / f"host-{n}", f"{name}/host-{n}") for n in numbers]
    fabric.up()
    try:
        for node in nodes:
            node.power_on()
            fabric.plug_in(node)
        for node in nodes:
            node.await_engine()
            load(node.socket, saved(_ENGINE, image))
        yield nodes
    finally:
        remove_cgroups(name)
        fabric.down()
