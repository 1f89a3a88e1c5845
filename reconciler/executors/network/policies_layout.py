"""The kernel table of NetworkPolicies as text: one chain and one set for each profile, Pods in verdict maps. Pure.

A packet is looked up by its source in `egress` and by its destination in `ingress`; a Pod that is there leads to the
chain of its profile, and that has one set of what is let through: peer, protocol, port, as ranges that do not overlap.
So a packet meets the same few rules, whatever number of policies and Pods there is. Replies, and what is part of a
connection that was let through, pass; so does what a Pod sends to itself by way of a Service.

Only what is forwarded is looked at, and what Pods send to the host's DNS address: a host speaks with its own Pods
freely, and they with it. Services have been translated to their endpoints before, and sources are translated after.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from reconciler.model.networkpolicy import ANY_PROTOCOL, Box, PolicyRules

TABLE = "reconciler-policy"
INGRESS, EGRESS, SELVES = "ingress", "egress", "selves"
MAPS = (INGRESS, EGRESS, SELVES)

Elements: TypeAlias = Mapping[str, Mapping[str, str]]
"""Map, or set of a profile → key → value; the value is empty in a set."""


def comment(cluster_id: str) -> str:
    """Return the mark of ownership that the table carries."""
    return f"reconciler cluster {cluster_id}"


def elements_of(rules: PolicyRules) -> dict[str, dict[str, str]]:
    """Return what the maps and the profiles' sets hold."""
    found: dict[str, dict[str, str]] = {name: {} for name in MAPS}
    for pod in rules.pods:
        for name, profile in ((INGRESS, pod.ingress), (EGRESS, pod.egress)):
            if profile:
                found[name][pod.ip] = f"jump {profile}"
        found[SELVES][f"{pod.ip} . {pod.ip}"] = ""
    for profile_ in rules.profiles:
        found[profile_.name] = {_box(one): "" for one in profile_.boxes}
    return found


def _box(box: Box) -> str:
    if box.protocol == ANY_PROTOCOL:
        return f"{_address(box.low)}-{_address(box.high)} . 0-255 . 0-65535"
    return f"{_address(box.low)}-{_address(box.high)} . {box.protocol}-{box.protocol} . {box.first}-{box.last}"


def _address(number: int) -> str:
    return socket.inet_ntoa(number.to_bytes(4, "big"))


def table_script(cluster_id: str, dns_address: str, elements: Elements) -> str:
    """Return one transaction that replaces the whole table."""
    profiles = [name for name in elements if name not in MAPS]
    parts = [
        f"table ip {TABLE} {{\n}}\ndelete table ip {TABLE}",
        _frame(cluster_id, dns_address, profiles),
        *(_elements_script("add", name, elements[name]) for name in (*profiles, *MAPS)),
    ]
    return "\n".join(part for part in parts if part) + "\n"


def change_script(before: Elements, after: Elements) -> str:
    """Return one transaction that leads from one content to another; empty when they are the same."""
    made = [name for name in after if name not in before]
    gone = [name for name in before if name not in after]
    kept = [name for name in after if name in before]
    parts = [f"table ip {TABLE} {{\n{_profiles(made)}\n}}"] if made else []
    parts += (_elements_script("add", name, after[name]) for name in made)
    parts += (_elements_script("delete", name, _less(before[name], after[name])) for name in kept)
    parts += (_elements_script("add", name, _less(after[name], before[name])) for name in kept)
    # The chain leads to the set, and Pods led to the chain until now.
    parts += (f"flush chain ip {TABLE} {name}\ndelete chain ip {TABLE} {name}" for name in gone)
    parts += (f"delete set ip {TABLE} {name}" for name in gone)
    script = "\n".join(part for part in parts if part)
    return f"{script}\n" if script else ""


def remove_script() -> str:
    """Return the transaction that removes the table."""
    return f"delete table ip {TABLE}\n"


def _less(some: Mapping[str, str], others: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in some.items() if others.get(key) != value}


def _elements_script(verb: str, name: str, elements: Mapping[str, str]) -> str:
    if not elements:
        return ""
    is_valued = verb == "add"
    body = ", ".join(f"{key} : {value}" if value and is_valued else key for key, value in elements.items())
    return f"{verb} element ip {TABLE} {name} {{ {body} }}"


def _profiles(names: Iterable[str]) -> str:
    return "\n".join(_profile(name) for name in names)


def _profile(name: str) -> str:
    peer = "saddr" if name.startswith("in-") else "daddr"
    return f"""set {name} {{
    type ipv4_addr . inet_proto . inet_service
    flags interval
}}
chain {name} {{
    ip {peer} . meta l4proto . th dport @{name} return
    drop
}}"""


def _frame(cluster_id: str, dns_address: str, profiles: Iterable[str]) -> str:
    return f"""table ip {TABLE} {{
comment "{comment(cluster_id)}"
map {INGRESS} {{
    type ipv4_addr : verdict
}}
map {EGRESS} {{
    type ipv4_addr : verdict
}}
set {SELVES} {{
    type ipv4_addr . ipv4_addr
}}
{_profiles(profiles)}
chain forwarding {{
    type filter hook forward priority -5
    ct state established,related accept
    ip saddr . ip daddr @{SELVES} accept
    ip saddr vmap @{EGRESS}
    ip daddr vmap @{INGRESS}
}}
chain entering {{
    type filter hook input priority -5
    ip daddr != {dns_address} accept
    ct state established,related accept
    ip saddr vmap @{EGRESS}
}}
}}"""


_BLOCK = re.compile(r"^\t(?:map|set) (\S+) \{\n(.*?)^\t\}", re.MULTILINE | re.DOTALL)
_CONTENT = re.compile(r"elements = \{(.*?)\}", re.DOTALL)


def parse_listing(text: str) -> dict[str, dict[str, str]]:
    """Read the elements out of a listing of the table, in the form that they are written in here."""
    found: dict[str, dict[str, str]] = {}
    for name, block in _BLOCK.findall(text):
        content = _CONTENT.search(block)
        of = found.setdefault(name, {})
        for item in content[1].split(",") if content is not None else ():
            key, _, value = item.strip().partition(" : ")
            if key:
                of[key if name in MAPS else _spelled(key)] = value
    return found


def _spelled(key: str) -> str:
    """Return an element of a profile's set as it is written: the kernel's tool shortens ranges to networks and ones."""
    address, protocol, port = key.split(" . ")
    if "/" in address:
        network = ipaddress.IPv4Network(address)
        address = f"{network.network_address}-{network.broadcast_address}"
    return " . ".join(one if "-" in one else f"{one}-{one}" for one in (address, protocol, port))


def strip_elements(text: str) -> str:
    """Return a listing without elements: what is left is the same as long as nobody changes the rules."""
    return re.sub(r"\n\t\telements = \{.*?\}", "", text, flags=re.DOTALL)
