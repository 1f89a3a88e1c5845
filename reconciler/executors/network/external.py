"""Addresses from outside that this host holds for load balancers, and health checks of Services.

Effect. The addresses are on a link of their own without a cable; the kernel answers for them on every link (ARP), and
who asked another host before is told at once (gratuitous ARP). One that a stranger has is not taken: first it is asked
for (ARP probes). They stay while this process does not run.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from msgspec.structs import replace
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg

from reconciler.executors.network import netlink
from reconciler.executors.network.arp import announcements, holders, link_door
from reconciler.executors.network.foreign import foreign_link
from reconciler.executors.network.health_checks import HealthChecks
from reconciler.executors.network.mirror import Link, Mirror
from reconciler.executors.network.netlink import Netlink
from reconciler.model.details import ProgramExternal
from reconciler.model.errors import TransientError

LINK = "reconciler-lb"
_REPEATS = 3
_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Question:
    """Which addresses are to be asked for on which link, and the hosts of the cluster, whose answers do not count."""

    link: str
    hardware_address: str
    addresses: tuple[str, ...]
    peers: tuple[str, ...]

    def ask(self) -> dict[str, str]:
        """Return the addresses that other hosts have, and the hardware addresses of these; it takes a moment."""
        with link_door(self.link) as door:
            return holders(door, self.hardware_address, self.addresses, self.peers)


class ExternalAddresses:
    """The held addresses and the health checks. Not thread-safe: its owner holds a lock."""

    def __init__(self, cluster_id: str, mirror: Mirror) -> None:
        self._alias = f"reconciler load balancers {cluster_id}"
        self._mirror = mirror
        self._checks = HealthChecks()
        self._programmed: ProgramExternal | None = None

    @property
    def digest(self) -> str:
        """Return the digest of what was programmed and still stands; empty where nothing is held."""
        link = self._link()
        held = self._held(link)
        if self._programmed is None:
            return _UNKNOWN if held else ""
        is_whole = held == set(self._programmed.addresses) and (link is None or bool(link.flags & netlink.UP))
        if not is_whole or not self._checks.are_open():
            return _UNKNOWN
        return self._programmed.digest

    def question(self, detail: ProgramExternal) -> Question | None:
        """Return what is to be asked before these addresses are held; None where none is new."""
        new = sorted(set(detail.addresses) - self._held(self._link()))
        link = self._underlay(detail.address)
        if not new or link is None or not link.address:
            return None
        return Question(link.name, link.address, tuple(new), detail.peers)

    def program(self, detail: ProgramExternal, taken: Mapping[str, str]) -> bool:
        """Hold exactly these addresses, announce them, and answer exactly these checks; return whether any differed.

        Those that are `taken`, by the host with this hardware address, are left to it, and an error says so.
        """
        if self.digest == detail.digest:
            return False
        if conflicts := tuple(one for one in detail.addresses if one in taken):
            kept = tuple(one for one in detail.addresses if one not in taken)
            # It is not the whole, so that it is tried again.
            self.program(replace(detail, addresses=kept, digest=f"{detail.digest} without {conflicts}"), {})
            told = ", ".join(f"{one} is answered for by {taken[one]}" for one in conflicts)
            raise TransientError(
                f"not announced, since another host has it: {told}",
                reason="AddressConflict",
                hint="take the address from that host, or out of loadBalancer.addresses",
            )
        link = self._link()
        self._refuse_foreign()
        wanted, held = set(detail.addresses), self._held(link)
        with Netlink() as door:
            if link is None and wanted:
                door.add_holder(LINK)
                self._mirror.sync()
                link = self._link(any_alias=True)
            if link is not None and wanted:
                door.set_link(link.index, alias=self._alias)
                for address in sorted(wanted - held):
                    door.replace_address(link.index, address, netlink.SCOPE_HOST)
                for address in sorted(held - wanted):
                    _delete_address(door, link.index, address)
            elif link is not None:
                door.delete_link(link.index)
        self._mirror.sync()
        known = set(self._programmed.addresses) if self._programmed is not None else set()
        self._announce(detail.address, sorted(wanted - (known & held)))
        self._checks.open(detail.checks)
        self._programmed = detail if detail.digest else None
        return True

    def announce_again(self) -> None:
        """Tell the neighbours once more: whoever missed it, or has it from somebody else, learns it now."""
        if self._programmed is not None:
            self._announce(self._programmed.address, self._programmed.addresses, repeats=1)

    def close(self) -> None:
        """Stop answering health checks; the addresses stay."""
        self._checks.open(())

    def _announce(self, own: str, addresses: Iterable[str], repeats: int = _REPEATS) -> None:
        link = self._underlay(own)
        addresses = tuple(addresses)
        if link is None or not link.address or not addresses:
            return
        with link_door(link.name) as door:
            for _ in range(repeats):
                for address in addresses:
                    for frame in announcements(link.address, address):
                        door.send(frame)

    def _underlay(self, address: str) -> Link | None:
        index = next((index for index, own in sorted(self._mirror.addresses) if own == address), None)
        return self._mirror.links.get(index) if index is not None else None

    def _link(self, *, any_alias: bool = False) -> Link | None:
        link = self._mirror.named(LINK)
        return link if link is not None and (any_alias or link.alias in ("", self._alias)) else None

    def _held(self, link: Link | None) -> set[str]:
        return {own for index, own in self._mirror.addresses if link is not None and index == link.index}

    def _refuse_foreign(self) -> None:
        link = self._mirror.named(LINK)
        if link is not None and self._link() is None:
            raise foreign_link(LINK, link.alias)


def _delete_address(door: Netlink, index: int, address: str) -> None:
    message = ifaddrmsg()
    message["family"], message["prefixlen"], message["index"] = 2, 32, index
    message["attrs"] = [("IFA_LOCAL", address), ("IFA_ADDRESS", address)]
    door.request(netlink.RTM_DELADDR, message, 0, f"cannot remove address {address}")


def remove_link(door: Netlink, mirror: Mirror, cluster_id: str) -> bool:
    """Remove a cluster's held addresses with their link; return whether it was there."""
    link = mirror.named(LINK)
    if link is None or link.alias not in ("", f"reconciler load balancers {cluster_id}"):
        return False
    return door.delete_link(link.index)
