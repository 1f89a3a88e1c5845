"""The kernel table of Services as text: a constant number of chains, everything that changes in maps.

Pure. Elements are written exactly as `nft --numeric list table` prints them, so that what stands in the kernel can be
compared with what should. The map `endpoints` is keyed by a random index and yields an address, `ports` the port that
all endpoints share. Services with ClientIP affinity, or with endpoints on several ports, go through `choices` instead,
which yields a token for the endpoint that `affinity` remembers and `members` resolves: a remembered endpoint that has
gone resolves to nothing, and another one is chosen. The token passes through the packet's mark.

These maps exist four times, see `PLANES`: for addresses and for ports on the node, and of each for everybody and for
clients from outside of Services that serve these only with endpoints of this node.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping

from reconciler.executors.network.frame import MAPS, PLANES, TABLE, VERDICTS, Ranges, frame
from reconciler.model.details import HostPort
from reconciler.model.external import Way
from reconciler.model.node import ServiceEntry
from reconciler.model.serving import serving_backends

PROTOCOLS = {"TCP": 6, "UDP": 17, "SCTP": 132}
# A chain of this name exists once for every number of endpoints (and timeout) in use.
_CHAIN = re.compile(r"goto ((node-local-|node-|local-|)(?:balance-\d+|mixed-\d+|affinity-\d+-(\d+)))$")
_NAME = re.compile(r"(node-local-|node-|local-|)(balance|mixed|affinity|stick)-(\d+)(?:-(\d+))?$")

Element = tuple[str, str, str]
"""(map, key, value); the value is empty in a set."""

Elements = Mapping[str, Mapping[str, str]]
"""Map → key → value."""


def service_elements(service: ServiceEntry) -> tuple[Element, ...]:
    """Return what one Service puts into the maps: nothing when it has no address or nobody serves it."""
    if not service.cluster_ip:
        return ()
    return tuple(
        element
        for port in service.ports
        for element in _lead(
            "",
            f"{service.cluster_ip} . {PROTOCOLS[port.protocol]} . {port.port}",
            PROTOCOLS[port.protocol],
            serving_backends(service, port),
            service.affinity_timeout_s,
        )
    )


def way_elements(way: Way) -> tuple[Element, ...]:
    """Return what one port of a Service puts into the maps for clients from outside."""
    return tuple(_way_elements(way))


def _way_elements(way: Way) -> Iterator[Element]:
    protocol = PROTOCOLS[way.protocol]
    inside = tuple((one.ip, one.port) for one in way.backends)
    own = tuple((one.ip, one.port) for one in way.own)
    targets = [("", f"{address} . {protocol} . {way.port}", "unserved-on") for address in way.addresses]
    if way.node_port:
        targets.append(("node-", f"{protocol} . {way.node_port}", "unserved-ports"))
    for prefix, key, unserved in targets:
        if not inside:
            yield unserved, key, ""
            continue
        yield from _lead(prefix, key, protocol, inside, way.affinity_timeout_s)
        if not way.local:
            continue
        if own:
            yield from _lead(f"{prefix}local-", key, protocol, own, way.affinity_timeout_s)
        else:
            yield f"{prefix}local-services", key, "drop"
    yield from (("elsewhere", f"{one.ip} . {protocol} . {one.port}", "") for one in way.backends if one.elsewhere)
    for address in way.fenced:
        key = f"{address} . {protocol} . {way.port}"
        yield "fenced", key, ""
        yield from (("admitted", f"{key} . {cidr.removesuffix('/32')}", "") for cidr in way.source_ranges)


def _lead(
    prefix: str, key: str, protocol: int, chosen: tuple[tuple[str, int], ...], timeout_s: int
) -> Iterator[Element]:
    """Yield what leads from a key to endpoints; nothing when there are none."""
    if not chosen:
        return
    count = len(chosen)
    numbers = {number for _, number in chosen}
    if not timeout_s and len(numbers) == 1:
        yield f"{prefix}services", key, f"goto {prefix}balance-{count}"
        yield f"{prefix}ports", key, str(*numbers)
        yield from ((f"{prefix}endpoints", f"{key} . {index}", ip) for index, (ip, _) in enumerate(chosen))
    else:
        kind = f"affinity-{count}-{timeout_s}" if timeout_s else f"mixed-{count}"
        yield f"{prefix}services", key, f"goto {prefix}{kind}"
        for index, (ip, number) in enumerate(chosen):
            token = f"0x{_token(ip, number):08x}"
            yield f"{prefix}choices", f"{key} . {index}", token
            yield f"{prefix}members", f"{key} . {token}", f"{ip} . {number}"
            yield "marked", f"{ip} . {protocol} . {number}", ""
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
    parts = [f"table ip {TABLE} {{\n}}", f"delete table ip {TABLE}", frame(ranges)]
    parts.append(chains_script(sorted(chains_of(verdicts_in(elements)))))
    parts += (_elements_script("add", name, elements.get(name, {})) for name in MAPS)
    return "\n".join(part for part in parts if part) + "\n"


def change_script(chains: Iterable[str], removed: Elements, added: Elements) -> str:
    """Return one transaction that makes chains, takes elements away and adds elements."""
    parts = [chains_script(chains)]
    parts += (_elements_script("delete", name, dict.fromkeys(removed.get(name, {}), "")) for name in MAPS)
    parts += (_elements_script("add", name, added.get(name, {})) for name in MAPS)
    return "\n".join(part for part in parts if part) + "\n"


def verdicts_in(elements: Elements) -> Iterator[str]:
    """Go through the verdicts that the maps of all planes hold."""
    for name in VERDICTS:
        yield from elements.get(name, {}).values()


def chains_of(verdicts: Iterable[str]) -> set[str]:
    """Return the chains that verdicts lead to, with those that these lead to."""
    found = set()
    for verdict in set(verdicts):
        if match := _CHAIN.match(verdict):
            found.add(match[1])
            if match[3]:
                found.add(f"{match[2]}stick-{match[3]}")
    return found


def chains_script(names: Iterable[str]) -> str:
    """Return the definitions of chains."""
    # `stick` first: a chain must exist before another one leads to it.
    ordered = sorted(names, key=lambda name: ("stick" not in name, name))
    if not ordered:
        return ""
    return f"table ip {TABLE} {{\n" + "\n".join(_chain(name) for name in ordered) + "\n}"


def _chain(name: str) -> str:
    match = _NAME.match(name)
    assert match is not None, name
    prefix, kind, number, timeout_s = match.groups()
    (target,) = (plane.key for plane in PLANES if plane.prefix == prefix)
    drawn = f"{target} . numgen random mod {number}"
    to_member = f"dnat ip to {target} . meta mark map @{prefix}members"
    if kind == "balance":
        rules = [f"dnat ip to {drawn} map @{prefix}endpoints : {target} map @{prefix}ports"]
    elif kind == "mixed":
        rules = [f"meta mark set {drawn} map @{prefix}choices", to_member]
    elif kind == "affinity":
        stick = f"{prefix}stick-{timeout_s}"
        rules = [
            f"meta mark set ip saddr . {target} map @{prefix}affinity jump {stick}",
            # An update of what is remembered keeps the old token, so that it has to go first.
            f"delete @{prefix}affinity {{ ip saddr . {target} : meta mark }}",
            f"meta mark set {drawn} map @{prefix}choices goto {stick}",
        ]
    else:
        rules = [f"update @{prefix}affinity {{ ip saddr . {target} timeout {number}s : meta mark }}", to_member]
    return f"chain {name} {{\n" + "\n".join(rules) + "\n}"


def _elements_script(verb: str, name: str, elements: Mapping[str, str]) -> str:
    if not elements:
        return ""
    body = ", ".join(f"{key} : {value}" if value else key for key, value in elements.items())
    return f"{verb} element ip {TABLE} {name} {{ {body} }}"


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
