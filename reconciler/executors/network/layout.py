"""The kernel table of Services as text: a constant number of chains, everything that changes in maps.

Pure. Elements are written exactly as `nft --numeric list table` prints them, so that what stands in the kernel can be
compared with what should. The map `endpoints` is keyed by a random index and yields an address, `ports` the port that
all endpoints share. Services with ClientIP affinity, or with endpoints on several ports, go through `choices` instead,
which yields a token for the endpoint that `affinity` remembers and `members` resolves: a remembered endpoint that has
gone resolves to nothing, and another one is chosen. The token passes through the packet's mark.
"""

import hashlib
import re
import socket
from collections.abc import Iterable, Iterator, Mapping

from reconciler.model.base import Value
from reconciler.model.details import HostPort
from reconciler.model.node import Endpoint, ServiceEntry, ServicePortEntry

TABLE = "reconciler"
LINK_PREFIX = "rc"
PROTOCOLS = {"TCP": 6, "UDP": 17, "SCTP": 132}
MAPS = ("services", "endpoints", "ports", "choices", "members", "host-ports", "host-ports-on", "hairpin")
# A chain of this name exists once for every number of endpoints (and timeout) in use.
_CHAIN = re.compile(r"goto (balance-\d+|mixed-\d+|affinity-\d+-(\d+))$")

Element = tuple[str, str, str]
"""(map, key, value); the value is empty in a set."""

Elements = Mapping[str, Mapping[str, str]]
"""Map → key → value."""


class Ranges(Value):
    """The addresses that the rules are about, and whose cluster it is."""

    cluster_id: str
    cluster_pod_cidr: str
    service_cidr: str


def comment(ranges: Ranges) -> str:
    """Return the mark of ownership that the table carries."""
    return f"reconciler cluster {ranges.cluster_id}"


def service_elements(service: ServiceEntry) -> tuple[Element, ...]:
    """Return what one Service puts into the maps: nothing when it has no address or nobody serves it."""
    if not service.cluster_ip:
        return ()
    return tuple(
        element for port in service.ports for element in _port_elements(service, port, backends(service, port))
    )


def backends(service: ServiceEntry, port: ServicePortEntry) -> tuple[tuple[str, int], ...]:
    """Return where a port leads: ready endpoints, else those that still serve while they terminate."""
    every = [(target.port, endpoint) for target in port.targets for endpoint in target.endpoints]
    chosen = [pair for pair in every if _is_ready(service, pair[1])]
    if not chosen:
        chosen = [pair for pair in every if pair[1].serving and pair[1].terminating]
    return tuple(sorted({(endpoint.ip, number) for number, endpoint in chosen}, key=_backend_order))


def _is_ready(service: ServiceEntry, endpoint: Endpoint) -> bool:
    return service.publish_not_ready or (endpoint.ready and not endpoint.terminating)


def _backend_order(backend: tuple[str, int]) -> tuple[bytes, int]:
    return socket.inet_aton(backend[0]), backend[1]


def _port_elements(
    service: ServiceEntry, port: ServicePortEntry, chosen: tuple[tuple[str, int], ...]
) -> Iterator[Element]:
    if not chosen:
        return
    key = f"{service.cluster_ip} . {PROTOCOLS[port.protocol]} . {port.port}"
    count, timeout_s = len(chosen), service.affinity_timeout_s
    numbers = {number for _, number in chosen}
    if not timeout_s and len(numbers) == 1:
        yield "services", key, f"goto balance-{count}"
        yield "ports", key, str(*numbers)
        yield from (("endpoints", f"{key} . {index}", ip) for index, (ip, _) in enumerate(chosen))
    else:
        yield "services", key, f"goto affinity-{count}-{timeout_s}" if timeout_s else f"goto mixed-{count}"
        for index, (ip, number) in enumerate(chosen):
            token = f"0x{_token(ip, number):08x}"
            yield "choices", f"{key} . {index}", token
            yield "members", f"{key} . {token}", f"{ip} . {number}"
    yield from (("hairpin", f"{ip} . {ip}", "") for ip in sorted({ip for ip, _ in chosen}))


def _token(ip: str, port: int) -> int:
    """Name an endpoint in 32 bits, the same whoever else serves."""
    return int.from_bytes(hashlib.sha256(f"{ip}:{port}".encode()).digest()[:4], "big")


def host_port_elements(port: HostPort) -> tuple[Element, ...]:
    """Return what one port of the host puts into the maps."""
    number = PROTOCOLS[port.protocol]
    target = f"{port.pod_ip} . {port.pod_port}"
    hairpin = ("hairpin", f"{port.pod_ip} . {port.pod_ip}", "")
    if port.host_ip in ("", "0.0.0.0"):
        return ("host-ports", f"{number} . {port.port}", target), hairpin
    return ("host-ports-on", f"{port.host_ip} . {number} . {port.port}", target), hairpin


def table_script(ranges: Ranges, elements: Elements) -> str:
    """Return one transaction that replaces the whole table."""
    parts = [f"table ip {TABLE} {{\n}}", f"delete table ip {TABLE}", _frame(ranges)]
    values = elements.get("services", {}).values()
    parts.append(chains_script(sorted(chains_of(values))))
    parts += (_elements_script("add", name, elements.get(name, {})) for name in MAPS)
    return "\n".join(part for part in parts if part) + "\n"


def change_script(chains: Iterable[str], removed: Elements, added: Elements) -> str:
    """Return one transaction that makes chains, takes elements away and adds elements."""
    parts = [chains_script(chains)]
    parts += (_elements_script("delete", name, dict.fromkeys(removed.get(name, {}), "")) for name in MAPS)
    parts += (_elements_script("add", name, added.get(name, {})) for name in MAPS)
    return "\n".join(part for part in parts if part) + "\n"


def chains_of(verdicts: Iterable[str]) -> set[str]:
    """Return the chains that verdicts lead to, with those that these lead to."""
    found = set()
    for verdict in set(verdicts):
        if match := _CHAIN.match(verdict):
            found.add(match[1])
            if match[2]:
                found.add(f"stick-{match[2]}")
    return found


def chains_script(names: Iterable[str]) -> str:
    """Return the definitions of chains."""
    # `stick` first: a chain must exist before another one leads to it.
    ordered = sorted(names, key=lambda name: (not name.startswith("stick"), name))
    if not ordered:
        return ""
    return f"table ip {TABLE} {{\n" + "\n".join(_chain(name) for name in ordered) + "\n}"


_TARGET = "ip daddr . meta l4proto . th dport"


def _chain(name: str) -> str:
    kind, *numbers = name.split("-")
    if kind == "balance":
        rules = [f"dnat ip to {_TARGET} . numgen random mod {numbers[0]} map @endpoints : {_TARGET} map @ports"]
    elif kind == "mixed":
        rules = [
            f"meta mark set {_TARGET} . numgen random mod {numbers[0]} map @choices",
            f"dnat ip to {_TARGET} . meta mark map @members",
        ]
    elif kind == "affinity":
        rules = [
            f"meta mark set ip saddr . {_TARGET} map @affinity jump stick-{numbers[1]}",
            # An update of what is remembered keeps the old token, so that it has to go first.
            f"delete @affinity {{ ip saddr . {_TARGET} : meta mark }}",
            f"meta mark set {_TARGET} . numgen random mod {numbers[0]} map @choices goto stick-{numbers[1]}",
        ]
    else:
        rules = [
            f"update @affinity {{ ip saddr . {_TARGET} timeout {numbers[0]}s : meta mark }}",
            f"dnat ip to {_TARGET} . meta mark map @members",
        ]
    return f"chain {name} {{\n" + "\n".join(rules) + "\n}"


def _elements_script(verb: str, name: str, elements: Mapping[str, str]) -> str:
    if not elements:
        return ""
    body = ", ".join(f"{key} : {value}" if value else key for key, value in elements.items())
    return f"{verb} element ip {TABLE} {name} {{ {body} }}"


def _frame(ranges: Ranges) -> str:
    # A port cannot be in the value of a `typeof` map: `tcp dport` would silently match TCP only, `th dport` is refused.
    pods, services = ranges.cluster_pod_cidr, ranges.service_cidr
    return f"""table ip {TABLE} {{
comment "{comment(ranges)}"
map services {{
    type ipv4_addr . inet_proto . inet_service : verdict
}}
map endpoints {{
    typeof {_TARGET} . numgen random mod 65536 : ip daddr
}}
map ports {{
    type ipv4_addr . inet_proto . inet_service : inet_service
}}
map choices {{
    typeof {_TARGET} . numgen random mod 65536 : meta mark
}}
map members {{
    type ipv4_addr . inet_proto . inet_service . mark : ipv4_addr . inet_service
}}
map affinity {{
    type ipv4_addr . ipv4_addr . inet_proto . inet_service : mark
    size 65536
    flags dynamic,timeout
    timeout 10800s
}}
map host-ports {{
    type inet_proto . inet_service : ipv4_addr . inet_service
}}
map host-ports-on {{
    type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service
}}
set hairpin {{
    type ipv4_addr . ipv4_addr
}}
chain destinations {{
    {_TARGET} vmap @services
    ip daddr {services} return
    fib daddr type != local return
    ip daddr 127.0.0.0/8 ip daddr != 127.0.0.1 return
    dnat ip to {_TARGET} map @host-ports-on
    dnat ip to meta l4proto . th dport map @host-ports
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
    ct state new ct status dnat ct original ip daddr {services} meta mark set 0
}}
chain left {{
    type filter hook output priority -99
    ct state new ct status dnat ct original ip daddr {services} meta mark set 0
}}
chain masquerading {{
    type nat hook postrouting priority 100
    ct status dnat ip saddr . ip daddr @hairpin masquerade fully-random
    ct status dnat ct original ip daddr {services} ip saddr != {pods} masquerade fully-random
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
}}
chain sending {{
    type filter hook output priority 0
    ip daddr {services} goto unserved
}}
}}"""


_BLOCK = re.compile(r"^\t(?:map|set) (\S+) \{\n(.*?)^\t\}", re.MULTILINE | re.DOTALL)
_CONTENT = re.compile(r"elements = \{(.*?)\}", re.DOTALL)


def parse_listing(text: str) -> dict[str, dict[str, str]]:
    """Read the elements out of a listing of the table; what the kernel itself adds (`affinity`) is left out."""
    found: dict[str, dict[str, str]] = {name: {} for name in MAPS}
    for name, block in _BLOCK.findall(text):
        content = _CONTENT.search(block)
        if name not in found or content is None:
            continue
        for item in content[1].split(","):
            key, _, value = item.strip().partition(" : ")
            if key:
                found[name][key] = value
    return found


def strip_elements(text: str) -> str:
    """Return a listing without elements: what is left is the same as long as nobody changes the rules."""
    return re.sub(r"\n\t\telements = \{.*?\}", "", text, flags=re.DOTALL)
