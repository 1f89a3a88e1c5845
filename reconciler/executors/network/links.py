"""A Pod's cable: a routed pair of virtual links between the host and the sandbox's network namespace.

Effect. The host's end is `rc` and eleven hex digits of the Pod's uid, and carries in its alias whose it is, so that
ownership survives every process of ours. There is no bridge: the host routes the Pod's address (a /32) to the link and
answers for the gateway 169.254.1.1 there.
"""

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from reconciler.executors.network import netlink
from reconciler.executors.network.conntrack import Sweeper
from reconciler.executors.network.foreign import foreign_link
from reconciler.executors.network.frame import LINK_PREFIX
from reconciler.executors.network.mirror import Link, Mirror
from reconciler.executors.network.netlink import Netlink, NetlinkError, read_setting, write_setting
from reconciler.executors.network.state import SandboxBook
from reconciler.model.details import AttachPod, DetachPod
from reconciler.model.errors import StaleError
from reconciler.model.node_report import LinkFact

GATEWAY = "169.254.1.1"
INSIDE = "eth0"
OVERLAY_BYTES = 50
_OURS = (LINK_PREFIX, "reconciler-")
NetnsOf = Callable[[str], int | None]


@dataclass(frozen=True, slots=True)
class Owner:
    """What the alias of a link of ours says."""

    cluster_id: str
    pod_uid: str
    ip: str

    @property
    def alias(self) -> str:
        """Write it as the kernel keeps it."""
        return f"reconciler pod {self.cluster_id} {self.pod_uid} {self.ip}"

    @classmethod
    def read(cls, alias: str) -> "Owner | None":
        """Read an alias; None when the link is not a Pod's of ours."""
        words = alias.split(" ")
        if len(words) != 5 or words[:2] != ["reconciler", "pod"]:
            return None
        return cls(*words[2:])


def interface_name(pod_uid: str) -> str:
    """Return the name of the host's end of a Pod's link."""
    return LINK_PREFIX + hashlib.sha256(pod_uid.encode()).hexdigest()[:11]


class PodLinks:
    """The Pod links of one cluster on this host. Not thread-safe: its owner holds a lock."""

    def __init__(self, cluster_id: str, mirror: Mirror, netns_of: NetnsOf, sandboxes: SandboxBook) -> None:
        self._cluster_id = cluster_id
        self._mirror = mirror
        self._netns_of = netns_of
        self._sandboxes = sandboxes
        self._broken_inside: set[str] = set()
        self._sweeper = Sweeper()

    def attach(self, detail: AttachPod) -> bool:
        """Wire a Pod, or repair its wiring; return whether anything had to be changed."""
        pid = self._netns_of(detail.sandbox)
        if pid is None:
            raise StaleError(f"the sandbox {detail.sandbox} does not run", reason="SandboxGone")
        try:
            return self._attach(detail, pid)
        except FileNotFoundError as error:
            raise StaleError(f"the sandbox {detail.sandbox} ended meanwhile", reason="SandboxGone") from error

    def _attach(self, detail: AttachPod, pid: int) -> bool:
        owner = Owner(self._cluster_id, detail.pod_uid, detail.pod_ip)
        name = interface_name(detail.pod_uid)
        self._mirror.sync()
        self._sweeper.keep(owner.ip)
        link = self._usable_link(name, owner, pid)
        # Only a Pod that is in the book counts as wired: whatever ends this halfway, it is done again.
        known = bool(self._sandboxes.of(owner.pod_uid))
        if known and link is not None and self._is_whole(link, owner) and _whole_inside(pid, link, owner.ip):
            self._remember(owner, detail.sandbox)
            return False
        self._sandboxes.forget(owner.pod_uid)
        with Netlink() as door:
            if link is None:
                door.add_veth(name, peer=INSIDE, pid=pid, mtu=self._mtu())
                self._mirror.sync()
                link = self._mirror.named(name)
            if link is None:
                raise StaleError(f"link {name} vanished while it was made", reason="SandboxGone")
            _wire_outside(door, link, owner)
            _wire_inside(pid, link, owner.ip)
            self._mirror.read_link(door, link.index)
        self._remember(owner, detail.sandbox)
        return True

    def detach(self, detail: DetachPod) -> bool:
        """Remove what belongs to a Pod: link, routes, tracked connections; return whether there was anything."""
        self._mirror.sync()
        changed = False
        link = self._mirror.named(interface_name(detail.pod_uid))
        if link is not None and self._may_use(link):
            with Netlink() as door:
                changed = door.delete_link(link.index)
            self._mirror.sync()
        # The address may belong to the next Pod by now; its connections are then its own.
        if detail.pod_ip and not self._is_wired(detail.pod_ip):
            self._sweeper.forget(detail.pod_ip)
        self._sandboxes.forget(detail.pod_uid)
        self._broken_inside.discard(detail.pod_uid)
        return changed

    def open_to_loopback(self, ips: frozenset[str]) -> None:
        """Let the host's own 127.0.0.1 reach the Pods that have a port of the host, and no others.

        Such a link would also let its Pod reach what listens on the host's loopback, but for the table's guard.
        """
        for link, owner in self.owned():
            value = "1" if owner.ip in ips else "0"
            # The link may go at any time; whatever watches it tells.
            with contextlib.suppress(FileNotFoundError):
                write_setting(f"ipv4/conf/{link.name}/route_localnet", value)

    def facts(self) -> tuple[LinkFact, ...]:
        """Return every Pod link of this cluster, in order of Pod uid."""
        found = [
            LinkFact(
                pod_uid=owner.pod_uid,
                interface=link.name,
                ip=owner.ip,
                whole=(
                    self._is_whole(link, owner)
                    and bool(self._sandboxes.of(owner.pod_uid))
                    and owner.pod_uid not in self._broken_inside
                ),
            )
            for link, owner in self.owned()
        ]
        return tuple(sorted(found, key=lambda fact: fact.pod_uid))

    def compare_inside(self) -> None:
        """Look into every Pod's network namespace, and at the settings of the host's ends."""
        broken = set()
        for link, owner in self.owned():
            sandbox = self._sandboxes.of(owner.pod_uid)
            pid = self._netns_of(sandbox) if sandbox else None
            if not _settings_whole(link.name):
                broken.add(owner.pod_uid)
            elif pid is not None:
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    if not _whole_inside(pid, link, owner.ip):
                        broken.add(owner.pod_uid)
        self._broken_inside = broken

    def owned(self) -> list[tuple[Link, Owner]]:
        """Return the links whose alias says that they are this cluster's, with what it says."""
        pairs = ((link, Owner.read(link.alias)) for link in self._mirror.links.values())
        return [(link, owner) for link, owner in pairs if owner and owner.cluster_id == self._cluster_id]

    def _usable_link(self, name: str, owner: Owner, pid: int) -> Link | None:
        """Return the Pod's link when it can be kept; remove ours when it leads elsewhere."""
        link = self._mirror.named(name)
        if link is None:
            return None
        if not self._may_use(link):
            raise foreign_link(name, link.alias)
        with Netlink(pid=pid) as inside:
            leads_here = any(
                item["index"] == link.peer and item.get_attr("IFLA_LINK") == link.index for item in inside.links()
            )
        if leads_here and link.alias in ("", owner.alias):
            return link
        with Netlink() as door:
            door.delete_link(link.index)
        self._mirror.sync()
        return None

    def _may_use(self, link: Link) -> bool:
        # A link of exactly this name without an alias is one that we were killed over.
        owner = Owner.read(link.alias)
        return link.alias == "" or (owner is not None and owner.cluster_id == self._cluster_id)

    def _is_whole(self, link: Link, owner: Owner) -> bool:
        return link.alias == owner.alias and link.is_up and self._mirror.leads(owner.ip, 32, link.index)

    def _is_wired(self, ip: str) -> bool:
        return any(owner.ip == ip for _, owner in self.owned())

    def _remember(self, owner: Owner, sandbox: str) -> None:
        self._sandboxes.remember(owner.pod_uid, sandbox)
        self._broken_inside.discard(owner.pod_uid)

    def _mtu(self) -> int:
        """Return what fits through the link of the default route (without one: all), with room for the tunnel."""
        through = self._mirror.routes.get(("0.0.0.0", 0)) or {index for index, _ in self._mirror.addresses}
        links = (self._mirror.links[index] for index in through if index in self._mirror.links)
        sizes = [link.mtu for link in links if link.name != "lo" and not link.name.startswith(_OURS)]
        return max(min(sizes, default=1500) - OVERLAY_BYTES, 1280)


def _wire_outside(door: Netlink, link: Link, owner: Owner) -> None:
    door.set_link(link.index, alias=owner.alias)
    write_setting(f"ipv4/conf/{link.name}/proxy_arp", "1")
    write_setting(f"ipv4/neigh/{link.name}/proxy_delay", "0")
    write_setting(f"ipv4/conf/{link.name}/send_redirects", "0")
    # A Pod may only speak with its own address.
    write_setting(f"ipv4/conf/{link.name}/rp_filter", "1")
    door.replace_route(owner.ip, 32, link.index)


def _wire_inside(pid: int, link: Link, ip: str) -> None:
    with Netlink(pid=pid) as door:
        index = link.peer
        names = {item.get_attr("IFLA_IFNAME"): item["index"] for item in door.links()}
        if names.get(INSIDE) != index:
            raise NetlinkError(f"{INSIDE} of the Pod is another link", 17)
        door.set_link(names["lo"])
        door.replace_address(index, ip)
        door.set_link(index)
        door.replace_route(GATEWAY, 32, index)
        door.replace_route("0.0.0.0", 0, index, gateway=GATEWAY, scope=netlink.SCOPE_UNIVERSE)
        # Known for good, so that it does not depend on the host having a default route (proxy ARP does).
        door.replace_neighbour(index, GATEWAY, link.address)


def _settings_whole(name: str) -> bool:
    return read_setting(f"ipv4/conf/{name}/proxy_arp") == "1"


def _whole_inside(pid: int, link: Link, ip: str) -> bool:
    with Netlink(pid=pid) as door:
        index = link.peer
        up = any(item["index"] == index and item["flags"] & netlink.UP for item in door.links())
        if not up or (index, ip) not in door.addresses():
            return False
        routes = {
            (item.get_attr("RTA_DST") or "", item["dst_len"], item.get_attr("RTA_GATEWAY") or "")
            for item in door.routes()
            if item.get_attr("RTA_OIF") == index
        }
    return {(GATEWAY, 32, ""), ("", 0, GATEWAY)} <= routes
