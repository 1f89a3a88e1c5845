"""The ways to the Pods of other nodes: programmed by difference with what the kernel has, watched, kept over restarts.

Effect. Nothing that stands as it should is touched, so that a restart interrupts nothing (P10); what is ours and not
wanted any more is removed, whoever made it.
"""

import contextlib
import errno
import ipaddress
from typing import NamedTuple

from reconciler.executors.network import netlink, tunnel
from reconciler.executors.network.foreign import foreign_link, foreign_route
from reconciler.executors.network.mirror import Link, Mirror
from reconciler.executors.network.netlink import Netlink, NetlinkError, write_setting
from reconciler.executors.network.nftables import Nftables
from reconciler.executors.network.state import StateFile
from reconciler.executors.network.tunnel import PROTOCOL_OURS, Route, Tunnel
from reconciler.executors.network.tunnel_door import TunnelDoor
from reconciler.model.details import ProgramPeers
from reconciler.model.errors import ConfigurationError, TerminalError
from reconciler.model.node import Peer

LINK = "reconciler-vx"
OVERHEAD_BYTES = 50
# What a kernel answers that was built without VXLAN, or may not load it.
_NO_TUNNELS = (errno.EOPNOTSUPP, errno.ENODEV, errno.EAFNOSUPPORT)


class _Wanted(NamedTuple):
    """What the kernel is to have for some peers."""

    routes: frozenset[Route]
    neighbours: dict[str, str]
    hosts: frozenset[tuple[str, str]]


class PeerRoutes:
    """The ways from this host. Not thread-safe: its owner holds a lock."""

    def __init__(self, cluster_id: str, node: str, mirror: Mirror, file: StateFile, nftables: Nftables) -> None:
        self._cluster_id = cluster_id
        self._door = TunnelDoor(cluster_id, nftables)
        self._node = node
        self._mirror = mirror
        self._file = file
        self._alias = f"reconciler tunnel {cluster_id}"
        self._programmed = file.load(ProgramPeers)
        self._tables_whole = True
        # What the kernel is to have for the last peers asked about: it is asked at every event.
        self._made: tuple[ProgramPeers, int, int, _Wanted] | None = None
        self.tunnel_error = ""

    def standing(self) -> tuple[str, bool]:
        """Return the digest of what was programmed and still stands, and whether somebody changed it."""
        if self._programmed is None:
            return "", False
        stands = self._stands(self._programmed)
        return self._programmed.digest if stands else "", not stands

    def program(self, detail: ProgramPeers) -> bool:
        """Bring the ways to these peers; return whether anything was changed."""
        self._mirror.sync()
        stood = self._programmed == detail and self._stands(detail)
        underlay = self._underlay(detail) if detail.peers else None
        with Netlink() as door:
            if (known := self._mirror.named(LINK)) is not None:
                # A link that is off tells nobody when it is given another owner.
                self._mirror.read_link(door, known.index)
            self._guard(detail)
            self._ensure_tunnel(door, detail, underlay)
            link = self._tunnel_link() if _tunnelled(detail) else None
            wanted = self._wanted(detail, underlay, link)
            failures = self._apply(door, wanted, link, detail)
        self._mirror.sync()
        self._tables_whole = True
        if failures:
            self._forget()
            raise TerminalError("; ".join(failures), reason="NoWayToNode")
        if not detail.peers:
            return self._forget()
        self._programmed = detail
        if not stood:
            self._file.save(detail)
        return not stood

    def compare(self) -> None:
        """Compare with the kernel what it tells no events of: the tunnel's attributes and its tables."""
        detail = self._programmed
        # One that is somebody else's is none of ours to complain of here: it is not as it should be.
        link = self._mirror.named(LINK)
        if detail is None or link is None or not _tunnelled(detail):
            self._tables_whole = True
            return
        with Netlink() as door:
            found = door.link(link.index)
            wanted = self._wanted(detail, self._find_underlay(detail.address), link)
            self._tables_whole = (
                found is not None
                and tunnel.tunnel_of(found) == self._tunnel(detail)
                and tunnel.neighbours(door, link.index) == wanted.neighbours
                and tunnel.hosts(door, link.index) == wanted.hosts
                and self._door.stands(tunnel.vni_of(self._cluster_id), _hosts(detail))
            )

    # The tunnel

    def _guard(self, detail: ProgramPeers) -> None:
        """Let only peers send into the tunnel, before there is one."""
        if _tunnelled(detail):
            self._door.program(tunnel.vni_of(self._cluster_id), _hosts(detail))
        else:
            self._door.remove()

    def _ensure_tunnel(self, door: Netlink, detail: ProgramPeers, underlay: Link | None) -> None:
        if not _tunnelled(detail) or underlay is None:
            unused = self._mirror.named(LINK)
            if unused is not None and unused.alias in ("", self._alias):
                door.delete_link(unused.index)
                self._mirror.sync()
            return
        link = self._tunnel_link()
        mtu = underlay.mtu - OVERHEAD_BYTES
        wanted = self._tunnel(detail)
        found = door.link(link.index) if link is not None else None
        if link is not None and (found is None or tunnel.tunnel_of(found) != wanted or self._has_other(link, detail)):
            door.delete_link(link.index)
            link = None
        if link is not None and self._link_whole(detail, link, mtu):
            return
        if link is None:
            self._add(door, wanted, mtu)
            self._mirror.sync()
            link = self._mirror.named(LINK)
            assert link is not None
        self._set_up(door, detail, link, mtu)

    def _add(self, door: Netlink, wanted: Tunnel, mtu: int) -> None:
        try:
            tunnel.add_tunnel(door, LINK, wanted, mtu)
        except NetlinkError as error:
            if error.errno not in _NO_TUNNELS:
                raise
            self.tunnel_error = f"this kernel makes no VXLAN ({error})"
            raise TerminalError(
                f"{self.tunnel_error}: plain routes are used, which need a link in common",
                reason="NoTunnel",
                hint="modprobe vxlan, then restart the agent",
            ) from error

    def _set_up(self, door: Netlink, detail: ProgramPeers, link: Link, mtu: int) -> None:
        if link.mtu != mtu:
            tunnel.set_mtu(door, link.index, mtu)
        # What a host sends from another of its addresses comes in here and is answered elsewhere: looked at loosely.
        write_setting(f"ipv4/conf/{LINK}/rp_filter", "2")
        write_setting(f"ipv4/conf/{LINK}/send_redirects", "0")
        with contextlib.suppress(FileNotFoundError):
            write_setting(f"ipv6/conf/{LINK}/disable_ipv6", "1")
        door.replace_address(link.index, _first(detail.pod_cidr))
        door.set_link(link.index, alias=self._alias)
        self._mirror.read_link(door, link.index)

    def _tunnel(self, detail: ProgramPeers) -> Tunnel:
        underlay = self._find_underlay(detail.address)
        return Tunnel(
            vni=tunnel.vni_of(self._cluster_id),
            underlay=underlay.index if underlay is not None else 0,
            local=detail.address,
            port=tunnel.PORT,
            learning=0,
            mac=tunnel.mac_of(self._cluster_id, self._node),
        )

    def _tunnel_link(self) -> Link | None:
        link = self._mirror.named(LINK)
        if link is not None and link.alias not in ("", self._alias):
            raise foreign_link(LINK, link.alias)
        return link

    def _underlay(self, detail: ProgramPeers) -> Link:
        link = self._find_underlay(detail.address)
        if link is None or link.name == "lo":
            raise ConfigurationError(
                f"no link that other hosts can reach has this node's address {detail.address}",
                reason="NoNodeAddress",
                hint="set nodeAddress to an address of this host, then restart",
            )
        return link

    def _find_underlay(self, address: str) -> Link | None:
        indexes = sorted(index for index, ip in self._mirror.addresses if ip == address)
        return next((self._mirror.links[one] for one in indexes if one in self._mirror.links), None)

    # Routes and tables

    def _wanted(self, detail: ProgramPeers, underlay: Link | None, link: Link | None) -> _Wanted:
        through, tunnel_index = underlay.index if underlay else 0, link.index if link else 0
        if self._made is None or self._made[0] is not detail or self._made[1:3] != (through, tunnel_index):
            self._made = (detail, through, tunnel_index, _wanted(self._cluster_id, detail, through, tunnel_index))
        return self._made[3]

    def _apply(self, door: Netlink, wanted: _Wanted, link: Link | None, detail: ProgramPeers) -> list[str]:
        """Change what differs, additions before removals; return the peers to which there is no way, with why."""
        if link is not None and _tunnelled(detail):
            self._apply_tables(door, wanted, link.index)
        standing = tunnel.routes(door)
        ours = {one for one in standing if one.protocol == PROTOCOL_OURS}
        ranges = {(one.destination, one.prefix) for one in wanted.routes}
        failures = [
            foreign_route(f"{one.destination}/{one.prefix}", self._name_of(one.link))
            for one in standing
            if one.protocol != PROTOCOL_OURS and (one.destination, one.prefix) in ranges
        ]
        if failures:
            return failures
        for route in sorted(wanted.routes - ours):
            failures += self._add_route(door, route, detail)
        for route in sorted(ours - wanted.routes):
            if (route.destination, route.prefix) not in ranges:
                tunnel.delete_route(door, route)
        return failures

    def _add_route(self, door: Netlink, route: Route, detail: ProgramPeers) -> list[str]:
        through_tunnel = self._name_of(route.link) == LINK
        try:
            tunnel.replace_route(door, route, onlink=through_tunnel, source="" if through_tunnel else detail.address)
        except NetlinkError as error:
            if through_tunnel or error.errno not in (errno.ENETUNREACH, errno.EINVAL):
                raise
            return [
                f"host {route.gateway} shares no link with this one ({detail.address}), which plain routes need: "
                "use networkBackend: vxlan"
            ]
        return []

    def _apply_tables(self, door: Netlink, wanted: _Wanted, index: int) -> None:
        neighbours, hosts = tunnel.neighbours(door, index), tunnel.hosts(door, index)
        for mac, host in sorted(wanted.hosts - hosts):
            tunnel.replace_host(door, index, mac, host)
        for address, mac in sorted(wanted.neighbours.items()):
            if neighbours.get(address) != mac:
                door.replace_neighbour(index, address, mac)
        for address in sorted(neighbours.keys() - wanted.neighbours.keys()):
            tunnel.delete_neighbour(door, index, address)
        for mac, host in sorted(hosts - wanted.hosts):
            tunnel.delete_host(door, index, mac, host)

    # State

    def _stands(self, detail: ProgramPeers) -> bool:
        underlay, link = self._find_underlay(detail.address), self._mirror.named(LINK)
        if underlay is None or not self._tables_whole:
            return False
        mtu = underlay.mtu - OVERHEAD_BYTES
        if _tunnelled(detail) and (link is None or not self._link_whole(detail, link, mtu)):
            return False
        wanted = self._wanted(detail, underlay, link)
        return all(self._mirror.leads_by(one.destination, one.prefix, one.link, one.gateway) for one in wanted.routes)

    def _link_whole(self, detail: ProgramPeers, link: Link, mtu: int) -> bool:
        return (
            (link.alias, link.mtu) == (self._alias, mtu)
            and bool(link.flags & netlink.UP)
            and (link.index, _first(detail.pod_cidr)) in self._mirror.addresses
        )

    def _has_other(self, link: Link, detail: ProgramPeers) -> bool:
        """Whether the tunnel has an address of a range that this node had before, where another node may be now."""
        own = (link.index, _first(detail.pod_cidr))
        return any(one[0] == link.index and one != own for one in self._mirror.addresses)

    def _name_of(self, index: int) -> str:
        link = self._mirror.links.get(index)
        return link.name if link is not None else f"link {index}"

    def _forget(self) -> bool:
        known, self._programmed = self._programmed, None
        self._file.remove()
        return known is not None


def remove_routes(door: Netlink) -> int:
    """Remove every route to other nodes; return how many there were."""
    ours = [one for one in tunnel.routes(door) if one.protocol == PROTOCOL_OURS]
    for route in ours:
        tunnel.delete_route(door, route)
    return len(ours)


def remove_tunnel(door: Netlink, mirror: Mirror, cluster_id: str) -> bool:
    """Remove a cluster's tunnel; return whether it was there."""
    link = mirror.named(LINK)
    if link is None or link.alias not in ("", f"reconciler tunnel {cluster_id}"):
        return False
    return door.delete_link(link.index)


def _hosts(detail: ProgramPeers) -> frozenset[str]:
    """Return the addresses of the hosts that are reached by the tunnel."""
    return frozenset(one.address for one in detail.peers if one.backend == "vxlan")


def _tunnelled(detail: ProgramPeers) -> bool:
    return any(one.backend == "vxlan" for one in detail.peers)


def _wanted(cluster_id: str, detail: ProgramPeers, underlay: int, link: int) -> _Wanted:
    macs = {one.node: tunnel.mac_of(cluster_id, one.node) for one in detail.peers if one.backend == "vxlan"}
    tunnelled = [one for one in detail.peers if one.node in macs]
    return _Wanted(
        routes=frozenset(_route(one, link if one.node in macs else underlay) for one in detail.peers),
        neighbours={_first(one.pod_cidr): macs[one.node] for one in tunnelled},
        hosts=frozenset((macs[one.node], one.address) for one in tunnelled),
    )


def _route(peer: Peer, link: int) -> Route:
    network = ipaddress.IPv4Network(peer.pod_cidr)
    destination = str(network.network_address)
    gateway = destination if peer.backend == "vxlan" else peer.address
    return Route(destination, network.prefixlen, gateway, link, PROTOCOL_OURS)


def _first(cidr: str) -> str:
    """Return the first address of a range, which no Pod is given: the node's own end of the tunnel."""
    return str(ipaddress.IPv4Network(cidr).network_address)
