"""The frame of the kernel's table: maps, sets and the chains that are always there. Pure.

The maps that lead to endpoints exist once for each of `PLANES`. A packet for a Service is looked up by its address;
what is addressed to the node itself then by its port. Services that serve clients from outside only with endpoints of
this node (externalTrafficPolicy Local) are in the planes `local-` and `node-local-` besides, which only such clients
come to. Their address is kept; it is masked only where the endpoint is on another node, whose answer would not come
back this way.
"""

from typing import NamedTuple

from reconciler.model.base import Value

TABLE = "reconciler"
LINK_PREFIX = "rc"
LAYOUT = 2


class Plane(NamedTuple):
    """One set of the maps that lead to endpoints: what their names begin with, and what their keys are made of."""

    prefix: str
    key: str
    type: str


_ADDRESS = ("ip daddr . meta l4proto . th dport", "ipv4_addr . inet_proto . inet_service")
_PORT = ("meta l4proto . th dport", "inet_proto . inet_service")
PLANES = (
    Plane("", *_ADDRESS),
    Plane("local-", *_ADDRESS),
    Plane("node-", *_PORT),
    Plane("node-local-", *_PORT),
)
_PER_PLANE = ("services", "endpoints", "ports", "choices", "members")
_OTHERS = ("hairpin", "elsewhere", "marked", "fenced", "admitted", "unserved-on", "unserved-ports")
MAPS = (
    *(f"{plane.prefix}{name}" for plane in PLANES for name in _PER_PLANE),
    "host-ports",
    "host-ports-on",
    *_OTHERS,
)
VERDICTS = tuple(f"{plane.prefix}services" for plane in PLANES)


class Ranges(Value):
    """The addresses that the rules are about, and whose cluster it is."""

    cluster_id: str
    cluster_pod_cidr: str
    service_cidr: str
    layout: int = 0


def comment(ranges: Ranges) -> str:
    """Return the mark of ownership that the table carries."""
    return f"reconciler cluster {ranges.cluster_id}"


def _plane_maps(plane: Plane) -> str:
    # A port cannot be in the value of a `typeof` map: `tcp dport` would silently match TCP only, `th dport` is refused.
    prefix, key, type_ = plane
    return f"""map {prefix}services {{
    type {type_} : verdict
}}
map {prefix}endpoints {{
    typeof {key} . numgen random mod 65536 : ip daddr
}}
map {prefix}ports {{
    type {type_} : inet_service
}}
map {prefix}choices {{
    typeof {key} . numgen random mod 65536 : meta mark
}}
map {prefix}members {{
    type {type_} . mark : ipv4_addr . inet_service
}}
map {prefix}affinity {{
    type ipv4_addr . {type_} : mark
    size 65536
    flags dynamic,timeout
    timeout 10800s
}}"""


def frame(ranges: Ranges) -> str:
    """Return the table without elements, and without the chains that depend on how many endpoints there are."""
    pods, services = ranges.cluster_pod_cidr, ranges.service_cidr
    address, port = _ADDRESS[0], _PORT[0]
    # Who asks from a Pod or from the host itself is inside, whatever address is asked.
    outside = f"ip saddr != {pods} fib saddr type != local"
    planes = "\n".join(map(_plane_maps, PLANES))
    return f"""table ip {TABLE} {{
comment "{comment(ranges)}"
{planes}
map host-ports {{
    type inet_proto . inet_service : ipv4_addr . inet_service
}}
map host-ports-on {{
    type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service
}}
set hairpin {{
    type ipv4_addr . ipv4_addr
}}
set elsewhere {{
    type ipv4_addr . inet_proto . inet_service
}}
set marked {{
    type ipv4_addr . inet_proto . inet_service
}}
set fenced {{
    type ipv4_addr . inet_proto . inet_service
}}
set admitted {{
    type ipv4_addr . inet_proto . inet_service . ipv4_addr
    flags interval
}}
set unserved-on {{
    type ipv4_addr . inet_proto . inet_service
}}
set unserved-ports {{
    type inet_proto . inet_service
}}
chain destinations {{
    ip daddr {services} goto inside
    {address} @fenced {address} . ip saddr != @admitted drop
    {outside} {address} vmap @local-services
    {address} vmap @services
    fib daddr type != local return
    ip daddr 127.0.0.0/8 ip daddr != 127.0.0.1 return
    ip daddr != 127.0.0.1 {outside} {port} vmap @node-local-services
    ip daddr != 127.0.0.1 {port} vmap @node-services
    dnat ip to {address} map @host-ports-on
    dnat ip to {port} map @host-ports
}}
chain inside {{
    {address} vmap @services
}}
chain guarding {{
    type filter hook prerouting priority -300
    iifname "{LINK_PREFIX}*" ip daddr 127.0.0.0/8 drop
}}
chain arriving {{
    type nat hook prerouting priority -100
    jump destinations
}}
chain leaving {{
    type nat hook output priority -100
    jump destinations
}}
chain arrived {{
    type filter hook prerouting priority -99
    ct state new ct status dnat {address} @marked meta mark set 0
}}
chain left {{
    type filter hook output priority -99
    ct state new ct status dnat {address} @marked meta mark set 0
}}
chain masquerading {{
    type nat hook postrouting priority 100
    ct status dnat ip saddr . ip daddr @hairpin masquerade fully-random
    ct status dnat ct original ip daddr {services} ip saddr != {pods} masquerade fully-random
    ct status dnat ip saddr != {pods} {address} @elsewhere masquerade fully-random
    ct status dnat ip saddr 127.0.0.0/8 masquerade fully-random
    ip saddr {pods} ip daddr != {pods} masquerade fully-random
}}
chain unserved {{
    meta l4proto tcp reject with tcp reset
    reject
}}
chain forwarding {{
    type filter hook forward priority -110
    ip daddr {services} goto unserved
    {address} @unserved-on goto unserved
}}
chain sending {{
    type filter hook output priority 0
    ip daddr {services} goto unserved
    {address} @unserved-on goto unserved
}}
chain receiving {{
    type filter hook input priority -110
    {address} @unserved-on goto unserved
    ip daddr != 127.0.0.0/8 ct state new {port} @unserved-ports goto unserved
}}
}}"""
