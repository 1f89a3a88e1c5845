"""What the ways to other nodes are made of, as requests to the kernel: a VXLAN device, its tables, marked routes.

Effect. The device learns nothing and floods nothing: for every peer there is one fixed neighbour (the gateway of its
range), one entry that says to which host that neighbour's packets go, and one route. Routes bear a protocol number of
our own, so that they are known as ours without any file.
"""

import errno
import hashlib
from typing import Any, NamedTuple

from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from reconciler.executors.network import netlink
from reconciler.executors.network.netlink import Netlink, NetlinkError

PORT = 4789
PROTOCOL_OURS = 82
_DELNEIGH, _GETNEIGH = 29, 30
_BRIDGE_FAMILY = 7
_FDB_STATE = 0x80 | 0x40  # permanent, and not to be looked up by ARP
_ON_SELF = 0x2
_ONLINK = 0x4


class Tunnel(NamedTuple):
    """The attributes of a VXLAN device that matter."""

    vni: int
    underlay: int
    local: str
    port: int
    learning: int
    mac: str


class Route(NamedTuple):
    """A route of the main table: where to, by which gateway and link, and whose it is."""

    destination: str
    prefix: int
    gateway: str
    link: int
    protocol: int


def vni_of(cluster_id: str) -> int:
    """Return the number of a cluster's tunnel: never one of those that other tools begin to count at."""
    digest = hashlib.sha256(cluster_id.encode()).digest()
    return int.from_bytes(digest[:3], "big") | 0x800000


def mac_of(cluster_id: str, node: str) -> str:
    """Return the hardware address of a node's end of the tunnel, which every node can tell of every other."""
    digest = hashlib.sha256(f"{cluster_id}/{node}".encode()).digest()
    return ":".join(f"{one:02x}" for one in (0x02, *digest[:5]))


def add_tunnel(door: Netlink, name: str, tunnel: Tunnel, mtu: int) -> None:
    """Create the device."""
    data = [
        ("IFLA_VXLAN_ID", tunnel.vni),
        ("IFLA_VXLAN_LINK", tunnel.underlay),
        ("IFLA_VXLAN_LOCAL", tunnel.local),
        ("IFLA_VXLAN_PORT", tunnel.port),
        ("IFLA_VXLAN_LEARNING", tunnel.learning),
    ]
    message = ifinfmsg()
    message["attrs"] = [
        ("IFLA_IFNAME", name),
        ("IFLA_MTU", mtu),
        ("IFLA_ADDRESS", tunnel.mac),
        ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", "vxlan"), ("IFLA_INFO_DATA", {"attrs": data})]}),
    ]
    flags = netlink.CREATE | netlink.EXCLUSIVE
    door.request(netlink.RTM_NEWLINK, message, flags, f"cannot create the tunnel {name}")


def tunnel_of(link: Any) -> Tunnel | None:
    """Read a device as the kernel tells of it; None when it is no VXLAN."""
    kind = link.get_attr("IFLA_LINKINFO")
    if kind is None or kind.get_attr("IFLA_INFO_KIND") != "vxlan":
        return None
    data = kind.get_attr("IFLA_INFO_DATA")
    return Tunnel(
        vni=data.get_attr("IFLA_VXLAN_ID"),
        underlay=data.get_attr("IFLA_VXLAN_LINK") or 0,
        local=data.get_attr("IFLA_VXLAN_LOCAL") or "",
        port=data.get_attr("IFLA_VXLAN_PORT"),
        learning=data.get_attr("IFLA_VXLAN_LEARNING") or 0,
        mac=link.get_attr("IFLA_ADDRESS") or "",
    )


def set_mtu(door: Netlink, index: int, mtu: int) -> None:
    """Bring a link to a size of packets."""
    message = ifinfmsg()
    message["index"] = index
    message["attrs"] = [("IFLA_MTU", mtu)]
    door.request(netlink.RTM_NEWLINK, message, 0, f"cannot set the MTU of link {index}")


# Routes


def routes(door: Netlink) -> list[Route]:
    """Return the routes of the main table."""
    return [
        Route(
            destination=item.get_attr("RTA_DST") or "0.0.0.0",
            prefix=item["dst_len"],
            gateway=item.get_attr("RTA_GATEWAY") or "",
            link=item.get_attr("RTA_OIF") or 0,
            protocol=item["proto"],
        )
        for item in door.routes()
    ]


def replace_route(door: Netlink, route: Route, *, onlink: bool, source: str = "") -> None:
    """Lead a range to a gateway; `onlink`: the gateway is behind the link, whatever its address."""
    message = _route(route)
    message["flags"] = _ONLINK if onlink else 0
    if source:
        message["attrs"].append(("RTA_PREFSRC", source))
    what = f"cannot add the route {route.destination}/{route.prefix} by {route.gateway}"
    door.request(netlink.RTM_NEWROUTE, message, netlink.CREATE | netlink.REPLACE, what)


def delete_route(door: Netlink, route: Route) -> None:
    """Delete a route; it may have gone already."""
    what = f"cannot delete the route {route.destination}/{route.prefix}"
    _unless_gone(door, netlink.RTM_DELROUTE, _route(route), what)


def _route(route: Route) -> Any:
    message = rtmsg()
    message["family"], message["dst_len"], message["table"] = 2, route.prefix, netlink.TABLE_MAIN
    message["proto"], message["scope"], message["type"] = route.protocol, netlink.SCOPE_UNIVERSE, netlink.TYPE_UNICAST
    message["attrs"] = [("RTA_DST", route.destination), ("RTA_GATEWAY", route.gateway), ("RTA_OIF", route.link)]
    return message


# Neighbours, and the hosts behind them


def neighbours(door: Netlink, index: int) -> dict[str, str]:
    """Return the fixed neighbours of a link: address → hardware address."""
    return {
        str(item.get_attr("NDA_DST")): str(item.get_attr("NDA_LLADDR") or "")
        for item in _entries(door, 2, index)
        if item["state"] & netlink.NEIGHBOUR_PERMANENT
    }


def delete_neighbour(door: Netlink, index: int, address: str) -> None:
    """Forget a neighbour; it may have gone already."""
    message = ndmsg()
    message["family"], message["ifindex"] = 2, index
    message["attrs"] = [("NDA_DST", address)]
    _unless_gone(door, _DELNEIGH, message, f"cannot forget the neighbour {address}")


def hosts(door: Netlink, index: int) -> set[tuple[str, str]]:
    """Return to which hosts a tunnel sends: (hardware address, host) pairs."""
    return {
        (str(item.get_attr("NDA_LLADDR")), str(item.get_attr("NDA_DST")))
        for item in _entries(door, _BRIDGE_FAMILY, index)
        if item.get_attr("NDA_DST")
    }


def replace_host(door: Netlink, index: int, mac: str, host: str) -> None:
    """Send what is for a hardware address to a host."""
    door.request(
        netlink.RTM_NEWNEIGH,
        _forwarding(index, mac, host),
        netlink.CREATE | netlink.REPLACE,
        f"cannot lead {mac} to {host}",
    )


def delete_host(door: Netlink, index: int, mac: str, host: str) -> None:
    """Forget a host; it may have gone already."""
    _unless_gone(door, _DELNEIGH, _forwarding(index, mac, host), f"cannot forget the host {host}")


def _forwarding(index: int, mac: str, host: str) -> Any:
    message = ndmsg()
    message["family"], message["ifindex"] = _BRIDGE_FAMILY, index
    message["state"], message["flags"] = _FDB_STATE, _ON_SELF
    message["attrs"] = [("NDA_LLADDR", mac), ("NDA_DST", host)]
    return message


def _entries(door: Netlink, family: int, index: int) -> list[Any]:
    message = ndmsg()
    message["family"] = family
    found = door.dump(_GETNEIGH, message, "cannot list neighbours")
    return [item for item in found if item["ifindex"] == index and item["family"] == family]


def _unless_gone(door: Netlink, kind: int, message: Any, what: str) -> None:
    try:
        door.request(kind, message, 0, what)
    except NetlinkError as error:
        if error.errno not in (errno.ESRCH, errno.ENOENT):
            raise
