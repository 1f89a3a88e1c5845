"""The network between the nodes of a lab: a bridge in a network namespace of its own.

Effect: links, addresses and rules, by `ip`, `tc` and `nft`. A namespace of its own, because bridged frames pass the
firewall of the namespace that owns the bridge, and a Docker Engine there would drop them.
"""

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network
from pathlib import Path

from reconciler.lab.mounts import mount, mounted_below
from reconciler.lab.node import Node
from reconciler.model.base import Value
from reconciler.model.errors import ConfigurationError, TransientError

_BRIDGE, _TABLE = "br0", "reconciler_lab"
_NAMED = Path("/run/netns")
_CANDIDATES = tuple(IPv4Network(f"10.{number}.0.0/24") for number in range(99, 79, -1))
_FIRST_NODE = 11
_FRACTION = 100_000

Pair = tuple[str, str]


class Slow(Value):
    """How bad a node's link is, each way: a time such as `50ms`, and packets of 100 that are lost."""

    delay: str = ""
    loss: float = 0


class Fabric:
    """A bridge in the namespace `name`; with a link of this machine, `door`, its addresses are reached from here."""

    def __init__(self, name: str, subnet: IPv4Network, door: str = "") -> None:
        self.name = name
        self.subnet = subnet
        self.door = door

    @property
    def exists(self) -> bool:
        """Whether it is there."""
        return (_NAMED / self.name).exists()

    def up(self) -> None:
        """Make it."""
        ip("netns", "add", self.name)
        self._ip("link", "add", _BRIDGE, "type", "bridge", hint="is the kernel's bridge there? modprobe bridge veth")
        self._ip("address", "add", self._with_length(1), "dev", _BRIDGE)
        for link in ("lo", _BRIDGE):
            self._ip("link", "set", link, "up")
        # So that what lies beyond is refused at once and not waited for.
        # It tells nobody of shorter ways: Pods know of none.
        quiet = (f"net.ipv4.conf.{link}.send_redirects=0" for link in ("all", _BRIDGE))
        ip("netns", "exec", self.name, "sysctl", "-qw", "net.ipv4.ip_forward=1", *quiet)
        if self.door:
            ip("link", "add", self.door, "type", "veth", "peer", "name", "door", "netns", self.name)
            self._ip("link", "set", "door", "master", _BRIDGE, "up")
            ip("address", "add", self._with_length(2), "dev", self.door)
            ip("link", "set", self.door, "up")

    def lend(self, place: Path) -> None:
        """Have nodes that are switched on from now on reach its routes by this file."""
        if place not in map(Path, mounted_below(place.parent)):
            place.touch()
            mount("--bind", _NAMED / self.name, place)

    def down(self) -> None:
        """Remove it with all its links; without the namespace, their other ends vanish too."""
        if self.door and (Path("/sys/class/net") / self.door).exists():
            ip("link", "delete", self.door)
        if self.exists:
            ip("netns", "delete", self.name)

    def address(self, number: int) -> str:
        """Return the address of a node by its number, from 1."""
        return str(self.subnet[_FIRST_NODE - 1 + number])

    def plug_in(self, node: Node) -> None:
        """Connect a node that has just been switched on."""
        # The end of a node that has just gone off may not have gone yet.
        subprocess.run(["ip", "-n", self.name, "link", "delete", node.name], capture_output=True, check=False)
        ends = ("type", "veth", "peer", "name", "eth0", "netns", str(node.init))
        self._ip("link", "add", node.name, *ends, hint="is the kernel's veth there? modprobe veth")
        self._ip("link", "set", node.name, "master", _BRIDGE, "up")
        for words in (
            ("link", "set", "lo", "up"),
            ("address", "add", f"{node.address}/{self.subnet.prefixlen}", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("route", "add", "default", "via", str(self.subnet[1])),
        ):
            _run(*node.inside("ip", *words))

    def restrict(self, cut: Iterable[Pair], loss: Mapping[str, float]) -> None:
        """Let nothing pass between these pairs of nodes, and lose so many of 100 packets of those, each way."""
        both = [f'"{a}" . "{b}", "{b}" . "{a}"' for a, b in sorted(cut)]
        elements = f"elements = {{ {', '.join(both)} }}" if both else ""
        lost = [
            f'{end} "{name}" numgen random mod {_FRACTION} <= {round(percent / 100 * _FRACTION) - 1} drop'
            for name, percent in sorted(loss.items())
            if percent * _FRACTION >= 100
            for end in ("iifname", "oifname")
        ]
        rules = f"""
            table bridge {_TABLE} {{ }}
            delete table bridge {_TABLE}
            table bridge {_TABLE} {{
                set cut {{ type ifname . ifname; {elements} }}
                chain forward {{
                    type filter hook forward priority 0;
                    iifname . oifname @cut drop
                    {"; ".join(lost)}
                }}
            }}
        """
        _run(
            *("ip", "netns", "exec", self.name, "nft", "-f", "-"),
            data=rules,
            hint="does the kernel filter on bridges? modprobe nf_tables nft_numgen nft_meta_bridge",
        )

    def delay(self, node: Node, time: str) -> None:
        """Delay each packet of a node by so much, each way; not at all when it is empty."""
        ends = (["ip", "netns", "exec", self.name, "tc"], node.name), (node.inside("tc"), "eth0")
        for door, link in ends:
            if not time:
                subprocess.run([*door, "qdisc", "delete", "dev", link, "root"], capture_output=True, check=False)
                continue
            try:
                _run(*door, "qdisc", "replace", "dev", link, "root", "netem", "delay", time)
            except TransientError as error:
                raise ConfigurationError(
                    "this kernel cannot delay packets: it has no netem",
                    reason="MissingKernelFeature",
                    hint="modprobe sch_netem (on Debian and Ubuntu in linux-modules-extra); --loss works without",
                ) from error

    def _ip(self, *words: str, hint: str = "") -> None:
        ip("-n", self.name, *words, hint=hint)

    def _with_length(self, number: int) -> str:
        return f"{self.subnet[number]}/{self.subnet.prefixlen}"


def free_subnet() -> IPv4Network:
    """Return a range for the nodes that nothing on this machine uses."""
    routes: list[Mapping[str, str]] = json.loads(_run("ip", "-json", "-4", "route", "show"))
    used = [IPv4Network(one["dst"]) for one in routes if one["dst"] != "default"]
    for subnet in _CANDIDATES:
        if not any(subnet.overlaps(other) for other in used):
            return subnet
    raise TransientError(f"every range from {_CANDIDATES[-1]} to {_CANDIDATES[0]} is in use here (ip route)")


def ip(*words: str, hint: str = "") -> str:
    """Run one `ip` command."""
    return _run("ip", *words, hint=hint)


def _run(*command: str, data: str | None = None, hint: str = "") -> str:
    done = subprocess.run(
        command,
        input=data,
        stdin=None if data is not None else subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    if done.returncode != 0:
        raise TransientError(f"{' '.join(command)}: {done.stderr.strip()}", hint=hint)
    return done.stdout
