"""Hosts that are booted as a machine is: systemd as process 1, Docker and the journal as its services.

Each is a container of systemd-nspawn on the tree of `scripts/boot-tree`, with namespaces and cgroups of its own, on a
lab host: all of it ends with that, whatever happens to the test.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from reconciler.lab.cgroups import cgroup_hierarchies, join_cgroups, make_cgroups, remove_cgroups, set_apart
from reconciler.lab.engine import load, saved, version
from reconciler.lab.fabric import Fabric
from reconciler.lab.mounts import mount, mount_memory
from reconciler.lab.node import Node
from tests.e2e.host import ROOT, Run, wait_for

BOOT = Path("/var/tmp/reconciler-boot")
CHECKOUT, WHEELS = "/usr/src/reconciler", "/usr/src/wheels"
_ENGINE = Path("/var/run/docker.sock")
_BOOT_S, _ENGINE_S, _INSTALL_S = 60.0, 60.0, 180.0
# systemd mounts version 1 hierarchies read-only for a container's payload; an Engine makes groups in them.
_WRITABLE = """[Unit]
DefaultDependencies=no
Before=sysinit.target docker.service docker.socket containerd.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'for one in /sys/fs/cgroup/*/; do mount -o remount,rw,bind $one || true; done'
ExecStart=/bin/sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
[Install]
WantedBy=sysinit.target
"""


class BootedNode(Node):
    """One host; `home` is its disk."""

    def __init__(self, name: str, fabric: Fabric, number: int, home: Path, group: str) -> None:
        super().__init__(name, fabric.address(number), home, group)
        self._fabric = fabric
        self.root = home / "root"
        self._holder: subprocess.Popen[bytes] | None = None
        self._leader = 0

    @property
    def init(self) -> int:
        """Its process 1 as seen from outside; 0 while the power is off."""
        return self._leader

    @property
    def socket(self) -> Path:
        """Its Engine's socket, as seen from outside."""
        return Path(f"/proc/{self.init}/root/run/docker.sock")

    def make_disk(self) -> None:
        """Give it the files of a server of its own, and this checkout with what it needs to be installed offline."""
        for folder in ("upper", "work", "root", "docker", "home"):
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        layers = f"lowerdir={BOOT / 'tree'},upperdir={self.home}/upper,workdir={self.home}/work"
        mount("-t", "overlay", "-o", layers, "booted", self.root)
        etc = self.root / "etc"
        (etc / "hostname").write_text(f"{self.name}\n")
        (etc / "hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {self.name}\n")
        (etc / "resolv.conf").unlink(missing_ok=True)
        (etc / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        # An empty one would make it a first boot, with all that comes with it.
        (etc / "machine-id").unlink(missing_ok=True)
        (etc / "machine-id").write_text(f"{uuid.uuid4().hex}\n")
        (etc / "systemd/system/writable-cgroups.service").write_text(_WRITABLE)
        wants = etc / "systemd/system/sysinit.target.wants"
        wants.mkdir(exist_ok=True)
        (wants / "writable-cgroups.service").symlink_to("../writable-cgroups.service")

    def power_on(self) -> None:
        """Boot it, and connect it; what it starts takes a moment."""
        hierarchies = cgroup_hierarchies()
        make_cgroups(self._group, hierarchies)
        command = [
            *("systemd-nspawn", "--quiet", "--boot", "--directory", str(self.root), "--machine", self.name),
            *("--register=no", "--keep-unit", "--private-network", "--capability=all", "--console=pipe"),
            *("--system-call-filter=add_key keyctl bpf", "--resolv-conf=off", "--timezone=off", "--link-journal=no"),
            # The Engine's layers cannot be above layers.
            *("--bind", f"{self.home}/docker:/var/lib/docker", f"--bind-ro={ROOT}:{CHECKOUT}"),
            f"--bind-ro={BOOT / 'wheels'}:{WHEELS}",
        ]
        with (self.home / "console.log").open("ab") as console:
            self._holder = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd="/",
                env={"PATH": os.environ["PATH"], "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"},
                preexec_fn=lambda: join_cgroups(self._group, hierarchies),
            )
        set_apart(self._group, self._holder.pid, hierarchies)
        wait_for(f"process 1 of {self.name} is there", self._find_leader, _BOOT_S, 0.02)
        self._fabric.plug_in(self)

    def power_off(self) -> None:
        """Cut the power."""
        leader, self._leader = self._leader, 0
        if leader and self._holder is not None:
            os.kill(leader, signal.SIGKILL)
            self._holder.wait(30)

    def await_boot(self) -> None:
        """Wait until systemd has started what it is to start, and the Engine answers."""
        wait_for(f"{self.name} is up", lambda: self.state() in {"running", "degraded"}, _BOOT_S, 0.1)
        wait_for(f"the Engine of {self.name} answers", lambda: bool(version(self.socket)), _ENGINE_S, 0.1)

    def state(self) -> str:
        """What systemd says of it as a whole."""
        return self.run("systemctl", "is-system-running").stdout.strip()

    def environment(self) -> dict[str, str]:
        """Return what surrounds a command, as for somebody who has logged in."""
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LANG": "C.UTF-8",
        }

    def type(self, command: str, timeout: float = 60, **environment: str) -> Run:
        """Type a line into the shell."""
        words = [f"{name}={value}" for name, value in environment.items()]
        return Run(self.run("env", *words, "sh", "-c", command, timeout=timeout))

    def typed(self, command: str, timeout: float = 60, **environment: str) -> str:
        """Type a line that must succeed; return what it prints."""
        done = self.type(command, timeout, **environment)
        assert done.code == 0, f"{self.name}$ {command}\n{done}\n{self.type('journalctl --no-pager --lines 40').out}"
        return done.out

    def install(self) -> None:
        """As the README says; pip finds its packages in a folder instead of a network."""
        offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": WHEELS}
        self.typed(f"cd {CHECKOUT} && make install-systemd", _INSTALL_S, **offline)

    def write(self, path: str, text: str) -> None:
        """Write a file of its own."""
        (self.root / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path.lstrip("/")).write_text(text)

    def property(self, unit: str, name: str) -> str:
        """Return a property of a unit."""
        return self.typed(f"systemctl show --property {name} --value {unit}").strip()

    def journal(self, unit: str) -> str:
        """Return what is in the journal of a unit."""
        return self.typed(f"journalctl --no-pager --output short-precise --unit {unit}")

    def running(self) -> dict[str, str]:
        """Return when each of our running containers was started, by name."""
        format = "'{{.Name}} {{.State.StartedAt}}'"
        ours = "$(docker ps --quiet --filter label=reconciler.dev/cluster)"
        told = self.type(f"docker inspect --format {format} {ours}").out
        return {name.lstrip("/"): at for name, at in (line.split() for line in told.splitlines())}

    def _find_leader(self) -> bool:
        assert self._holder is not None
        assert self._holder.poll() is None, (self.home / "console.log").read_text()
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children")
        for one in children.read_text().split():
            with contextlib.suppress(FileNotFoundError):
                if Path(f"/proc/{one}/comm").read_text() == "systemd\n":
                    self._leader = int(one)
                    return True
        return False


@contextmanager
def booted_nodes(names: Sequence[str], image: str) -> Iterator[list[BootedNode]]:
    """Boot several hosts that share a network and have an image; everything of them is gone afterwards."""
    if not (BOOT / "tree.of").exists() or not (BOOT / "wheels.of").exists():
        pytest.fail("there is no system to boot; outside of a lab host: scripts/boot-tree")
    name = f"boot-{uuid.uuid4().hex[:8]}"
    disk = Path(os.environ["RECONCILER_LAB_DIR"]) / "nodes" / name
    fabric = Fabric(name, IPv4Network("10.99.0.0/24"))
    nodes = [BootedNode(one, fabric, number, disk / one, f"{name}/{one}") for number, one in enumerate(names, 1)]
    disk.mkdir(parents=True)
    fabric.up()
    try:
        # Thousands of small files that are soon removed: a disk would take most of the time.
        mount_memory(disk, name, "755")
        for node in nodes:
            node.make_disk()
            node.power_on()
        for node in nodes:
            node.await_boot()
            load(node.socket, saved(_ENGINE, image))
        yield nodes
    finally:
        for node in nodes:
            node.power_off()
        remove_cgroups(name)
        fabric.down()
        for path in (*(node.root for node in nodes), disk):
            subprocess.run(["umount", "--lazy", path], capture_output=True, check=False)
