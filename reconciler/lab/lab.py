"""A whole lab: its folder, its nodes, and the cluster on them. Effect: everything of it is below one folder, or has the
lab's number in its name (cgroups, a network namespace, a link), so that whatever a crash has left is found again.
"""

import contextlib
import errno
import hashlib
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import msgspec

from reconciler.lab import cgroups, cluster, engine
from reconciler.lab.fabric import Fabric, Slow, free_subnet
from reconciler.lab.loops import detach_below
from reconciler.lab.mounts import file_system, mount_memory, mounted_below
from reconciler.lab.node import Node
from reconciler.lab.places import ENGINE_SETTINGS, absent_places, remove_places
from reconciler.lab.provided import NETWORK, provider_folder, write_provider
from reconciler.lab.record import ANY_SUBNET, Record, read_record, write_record
from reconciler.lab.requirements import require_machine
from reconciler.model.errors import ConfigurationError, TerminalError, TransientError

_AT_ONCE = 4
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# What a Unix socket's path may be long, less what a node's is below the lab's folder.
_PATH_MAX = 107 - len("/nodes/node-50/data/run/reconciler.sock")

Say = Callable[[str], None]


class Lab:
    """The lab in a folder, whether it is up or not."""

    def __init__(self, folder: Path, say: Say) -> None:
        self.folder = folder.absolute()
        self.number = hashlib.sha256(str(self.folder).encode()).hexdigest()[:6]
        self._say = say
        self._group = f"nodes-{self.number}"

    # What is there

    @property
    def record(self) -> Record | None:
        """What is written down, or None when there is no lab."""
        return read_record(self.folder)

    @property
    def is_leftover(self) -> bool:
        """Whether a crash has left this: not finished, or of before a reboot."""
        record = self.record
        if record is None:
            return self._fabric_of(IPv4Network(ANY_SUBNET)).exists or cgroups.has_cgroups(self._group)
        return not record.complete or record.boot_id != _boot_id()

    def required(self) -> Record:
        """Return what is written down; raise ConfigurationError when there is no lab."""
        record = self.record
        if record is None or self.is_leftover:
            what = "no lab" if record is None else "only what a crash has left of a lab, or one that is coming up,"
            raise ConfigurationError(f"there is {what} in {self.folder}", reason="NoLab", hint="reconciler lab up")
        return record

    def nodes(self) -> list[Node]:
        """Return its nodes."""
        record = self.required()
        return [self._node(number, record) for number in range(1, record.nodes + 1)]

    def node(self, name: str) -> Node:
        """Return one node; raise ConfigurationError when there is none of that name."""
        nodes = {node.name: node for node in self.nodes()}
        if name not in nodes:
            raise ConfigurationError(f"there is no node {name}", reason="NoNode", hint=f"there are {', '.join(nodes)}")
        return nodes[name]

    def describe(self) -> list[dict[str, Any]]:
        """Return what there is of every node."""
        record, nodes = self.required(), self.nodes()
        states = cluster.states(nodes[0]) or {}
        return [_describe(node, record, states.get(node.name, "Unknown")) for node in nodes]

    # Up and down

    def up(self, count: int, network_backend: str = "") -> bool:
        """Bring the lab up with that many nodes; whether anything was to be done.

        `network_backend` is that of its cluster, which it keeps: that of a lab that is up already, or `vxlan`.
        """
        require_machine()
        self._check_folder()
        with self._locked():
            if self.is_leftover:
                self._say(f"removing what a crash has left of a lab in {self.folder}")
                self._remove()
            record = self.record
            if record and record.nodes > count:
                raise ConfigurationError(
                    f"a lab with {record.nodes} nodes is up already", reason="AlreadyUp", hint="reconciler lab down"
                )
            if record and network_backend not in ("", record.network_backend):
                raise ConfigurationError(
                    f"a lab with network backend {record.network_backend} is up already",
                    reason="AlreadyUp",
                    hint="reconciler lab down",
                )
            if record and record.nodes == count and all(node.init for node in self.nodes()):
                return False
            try:
                self._bring_up(count, network_backend or "vxlan")
            except BaseException:
                if record is None:
                    self._say("it did not come up: removing what there is of it")
                    self._remove()
                raise
        return True

    def down(self) -> bool:
        """Remove everything of it, whatever state it is in; whether there was anything."""
        with self._locked():
            found = self.record is not None or self.is_leftover
            if found:
                self._remove()
        return found

    def _bring_up(self, count: int, network_backend: str) -> None:
        record = self.record or self._begin(network_backend)
        fabric = self._fabric(record)
        if not fabric.exists:
            fabric.up()
        if record.network_backend == "routed":
            fabric.lend(provider_folder(self.folder) / NETWORK)
        grown = msgspec.structs.replace(record, nodes=count)
        nodes = [self._node(number, grown) for number in range(1, count + 1)]
        off = [node for node in nodes if not node.init]
        self._say(f"switching on {_names(off)}")
        for node in off:
            self._switch_on(node, record)
        with ThreadPoolExecutor(max_workers=count) as pool:
            list(pool.map(Node.await_engine, nodes))
        self._say(f"the Docker Engines answer (version {nodes[0].engine_version()})")
        first, *others = nodes
        self._say(f"{first.name} runs the daemon")
        cluster.start_daemon(first, write_provider(self.folder, fabric.subnet), record.network_backend)
        if new := [node for node in others if not (node.data / "config.yaml").exists()]:
            self._say(f"those that join it: {_names(new)}")
            with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
                list(pool.map(lambda node: cluster.join(node, first), new))
        self._say("waiting until every node is ready")
        cluster.await_ready(first, [node.name for node in nodes], routed=record.network_backend == "routed")
        write_record(self.folder, msgspec.structs.replace(grown, complete=True))

    def _begin(self, network_backend: str) -> Record:
        """Make the folder, and write down that there is a lab before anything else is made."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # A Docker Engine keeps no layers on an overlay.
        if file_system(self.folder) == "overlayfs":
            mount_memory(self.folder, "reconciler-lab", "700")
        record = Record(
            nodes=0,
            subnet=str(free_subnet()),
            boot_id=_boot_id(),
            made=absent_places(),
            network_backend=network_backend,
        )
        write_record(self.folder, record)
        ENGINE_SETTINGS.mkdir(exist_ok=True)
        return record

    def _remove(self) -> None:
        record = self.record
        cgroups.remove_cgroups(self._group)
        self._fabric_of(IPv4Network(record.subnet if record else ANY_SUBNET)).down()
        # They belong to the whole machine, and can no longer be told once their files cannot be seen.
        detach_below(self.folder)
        for place in mounted_below(self.folder):
            subprocess.run(["umount", "--lazy", place], check=True, capture_output=True)
        remove_places(record.made if record else ())
        if self.folder.exists():
            shutil.rmtree(self.folder)

    # Power and links

    def power_on(self, name: str) -> bool:
        """Switch a node on; whether it was off."""
        with self._locked():
            record, node = self.required(), self.node(name)
            if node.init:
                return False
            self._switch_on(node, record)
        node.await_engine()
        return True

    def power_off(self, name: str) -> bool:
        """Cut a node's power; whether it was on."""
        node = self.node(name)
        was_on = bool(node.init)
        node.power_off()
        return was_on

    def partition(self, name: str, others: Sequence[str]) -> list[str]:
        """Let nothing pass between a node and others (all of them when none is named); return those."""
        with self._locked():
            record = self.required()
            self.node(name)
            cut_from = [self.node(other).name for other in others] or [n.name for n in self.nodes() if n.name != name]
            if name in cut_from:
                raise ConfigurationError(f"{name} cannot be cut from itself", reason="NoNode")
            pairs = {*record.cut, *((min(name, other), max(name, other)) for other in cut_from)}
            self._restrict(msgspec.structs.replace(record, cut=tuple(sorted(pairs))))
        return cut_from

    def slow(self, name: str, slow: Slow) -> None:
        """Make a node's link slow or lossy."""
        with self._locked():
            record, node = self.required(), self.node(name)
            if node.init and slow.delay != record.slow.get(name, Slow()).delay:
                self._fabric(record).delay(node, slow.delay)
            self._restrict(msgspec.structs.replace(record, slow={**record.slow, name: slow}))

    def heal(self, name: str) -> None:
        """Make a node's links good again."""
        with self._locked():
            record, node = self.required(), self.node(name)
            if node.init:
                self._fabric(record).delay(node, "")
            cut = tuple(pair for pair in record.cut if name not in pair)
            slow = {other: value for other, value in record.slow.items() if other != name}
            self._restrict(msgspec.structs.replace(record, cut=cut, slow=slow))

    # Images

    def load(self, image: str, host_engine: Path) -> dict[str, list[str]]:
        """Load an archive, or an image of this machine's Engine, into every node that is on; the images by node."""
        nodes = [node for node in self.nodes() if node.init]
        if not nodes:
            raise TransientError("every node is off", hint="reconciler lab up")
        file, loaded = Path(image), {}
        for node in nodes:
            archive = engine.archived(file) if file.is_file() else engine.saved(host_engine, image)
            try:
                loaded[node.name] = engine.load(node.socket, archive)
            except TerminalError as error:
                raise TerminalError(f"{node.name}: {error}", hint=error.hint) from error
        return loaded

    # Parts

    def _node(self, number: int, record: Record) -> Node:
        name = f"node-{number}"
        home = self.folder / "nodes" / name
        return Node(name, self._fabric(record).address(number), home, f"{self._group}/{name}")

    def _switch_on(self, node: Node, record: Record) -> None:
        node.power_on()
        fabric = self._fabric(record)
        fabric.plug_in(node)
        if delay := record.slow.get(node.name, Slow()).delay:
            fabric.delay(node, delay)

    def _restrict(self, record: Record) -> None:
        loss = {name: slow.loss for name, slow in record.slow.items() if slow.loss}
        self._fabric(record).restrict(record.cut, loss)
        write_record(self.folder, record)

    def _fabric(self, record: Record) -> Fabric:
        return self._fabric_of(IPv4Network(record.subnet))

    def _fabric_of(self, subnet: IPv4Network) -> Fabric:
        return Fabric(f"reconciler-lab-{self.number}", subnet, f"rclab-{self.number}")

    def _check_folder(self) -> None:
        if len(str(self.folder)) > _PATH_MAX:
            raise ConfigurationError(
                f"{self.folder} is too long for the sockets below it",
                hint=f"at most {_PATH_MAX} characters: --data-dir",
            )
        if self.record is None and self.folder.exists() and any(self.folder.iterdir()):
            raise ConfigurationError(
                f"{self.folder} holds something else than a lab", reason="NotALab", hint="another --data-dir"
            )

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Exclude other commands that change this lab. A bound name leaves nothing behind, however this ends."""
        with socket.socket(socket.AF_UNIX) as name:
            try:
                name.bind(f"\0reconciler-lab-{self.number}")
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                raise TransientError(f"another command is changing the lab in {self.folder}", reason="Busy") from error
            yield


def _describe(node: Node, record: Record, status: str) -> dict[str, Any]:
    bad = record.slow.get(node.name, Slow())
    services = node.services()
    return {
        "name": node.name,
        "address": node.address,
        "power": "on" if node.init else "off",
        "engine": node.engine_version(),
        "agent": bool(services) and all(services.values()),
        "status": status,
        "cutFrom": [other for pair in record.cut if node.name in pair for other in pair if other != node.name],
        "delay": bad.delay,
        "lossPercent": bad.loss,
        "dataDir": str(node.data),
    }


def _names(nodes: Sequence[Node]) -> str:
    return ", ".join(node.name for node in nodes)


def _boot_id() -> str:
    return _BOOT_ID.read_text(encoding="ascii").strip()
