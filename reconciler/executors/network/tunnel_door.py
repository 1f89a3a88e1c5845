"""Who may put packets into the cluster's tunnel: the hosts of its nodes, and nobody else.

Effect. A VXLAN device takes whatever names its number, whoever sends it. One rule of a table of our own drops what
names ours and does not come from a node's host; other tunnels on the same port are not looked at. A host that forges
the address of a node's is beyond that: the network between the hosts has to keep such packets out.
"""

import re
from collections.abc import Iterable

from reconciler.executors.network.foreign import foreign_table
from reconciler.executors.network.nftables import Nftables
from reconciler.executors.network.tunnel import PORT

TABLE = "reconciler-tunnel"
# A VXLAN header follows that of UDP (64 bits); its number is the 24 bits after the first 32.
_NUMBER = "@th,96,24"
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_PREROUTING = "type filter hook prerouting priority raw; policy accept;"


class TunnelDoor:
    """The rule of one cluster. Not thread-safe: its owner holds a lock."""

    def __init__(self, cluster_id: str, nftables: Nftables) -> None:
        self._comment = comment(cluster_id)
        self._nftables = nftables

    def program(self, number: int, hosts: Iterable[str]) -> None:
        """Let only these hosts (addresses) in, from one moment to the next; do nothing where it is so."""
        wanted = frozenset(hosts)
        if self.stands(number, wanted):
            return
        text = self._nftables.list_table(TABLE)
        if text is not None and self._comment not in text:
            raise foreign_table(TABLE, text)
        self._nftables.run(script(self._comment, number, wanted))

    def stands(self, number: int, hosts: frozenset[str]) -> bool:
        """Whether exactly these hosts are let in."""
        text = self._nftables.list_table(TABLE)
        if text is None or self._comment not in text:
            return False
        elements, _, rules = text.partition("chain ")
        rule = f"udp dport {PORT} {_NUMBER} {number:#x} ip saddr != @hosts drop"
        plain = " ".join(rules.replace(f"{number:d}", f"{number:#x}").split())
        return frozenset(_ADDRESS.findall(elements)) == hosts and rule in plain and "hook prerouting" in plain

    def remove(self) -> bool:
        """Delete the table when it is this cluster's; return whether it was."""
        text = self._nftables.list_table(TABLE, elements=False)
        if text is None or self._comment not in text:
            return False
        self._nftables.run(f"delete table ip {TABLE}")
        return True


def comment(cluster_id: str) -> str:
    """Return what says whose a table is."""
    return f'comment "reconciler cluster {cluster_id}"'


def script(said: str, number: int, hosts: frozenset[str]) -> str:
    """Return the transaction that makes the table anew."""
    elements = f"elements = {{ {', '.join(sorted(hosts))} }}" if hosts else ""
    return "\n".join(
        (
            f"table ip {TABLE} {{\n}}",
            f"delete table ip {TABLE}",
            f"table ip {TABLE} {{",
            f"  {said}",
            f"  set hosts {{ type ipv4_addr; {elements} }}",
            f"  chain prerouting {{ {_PREROUTING}",
            f"    udp dport {PORT} {_NUMBER} {number:#x} ip saddr != @hosts drop",
            "  }",
            "}",
        )
    )
