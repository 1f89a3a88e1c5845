"""Addresses from outside that this host holds for load balancers, and health checks of Services.

Effect. The addresses are on a link of their own without a cable; the kernel answers for them on every link (ARP), and
who asked another host before is told at once (gratuitous ARP). They stay while this process does not run.
"""

import socket
import struct
from collections.abc import Iterable

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg

from reconciler.executors.network import netlink
from reconciler.executors.network.health_checks import HealthChecks
from reconciler.executors.network.mirror import Link, Mirror
from reconciler.executors.network.netlink import Netlink
from reconciler.model.details import ProgramExternal
from reconciler.model.errors import ConfigurationError, TransientError

LINK = "reconciler-lb"
_REPEATS = 3
_BROADCAST = b"\xff" * 6
_ETHERTYPE_ARP = 0x0806
_UNKNOWN = "unknown"


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

    def program(self, detail: ProgramExternal) -> bool:
        """Hold exactly these addresses, announce them, and answer exactly these checks; return whether any differed."""
        if self.digest == detail.digest:
            return False
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
        try:
            with socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC) as door:
                door.bind((link.name, _ETHERTYPE_ARP))
                for _ in range(repeats):
                    for address in addresses:
                        for frame in announcements(link.address, address):
                            door.send(frame)
        except PermissionError as error:
            raise ConfigurationError(
                "addresses of load balancers cannot be announced: sockets of AF_PACKET are not permitted",
                hint="the service needs CAP_NET_RAW and AF_PACKET among RestrictAddressFamilies",
            ) from error
        except OSError as error:
            raise TransientError(f"addresses cannot be announced on {link.name}: {error}", reason="Announce") from error

    def _underlay(self, address: str) -> Link | None:
        index = next((index for index, own in sorted(self._mirror.addresses) if own == address), None)
        return self._mirror.links.get(index) if index is not None else None

    def _link(self, *, any_alias: bool = False) -> Link | None:
        link = self._mirror.named(LINK)
        return link if link is not None and (any_alias or link.alias in ("", self._alias)) else None

    def _held(self, link: Link | None) -> set[str]:
        return {own for index, own in self._mirror.addresses if link is not None and index == link.index}

    def _refuse_foreign(self) -> None:
        if self._mirror.named(LINK) is not None and self._link() is None:
            raise ConfigurationError(
                f"link {LINK} exists and is not this cluster's",
                hint=f"remove it when nothing uses it: ip link delete {LINK}",
            )


def announcements(hardware_address: str, address: str) -> tuple[bytes, bytes]:
    """Return the frames that tell everybody on a link who holds an address: ARP as a request, and as an answer."""
    own = bytes.fromhex(hardware_address.replace(":", ""))
    packed = socket.inet_aton(address)
    ethernet = _BROADCAST + own + struct.pack("!H", _ETHERTYPE_ARP)

    def frame(operation: int, target: bytes) -> bytes:
        return ethernet + struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + own + packed + target + packed

    return frame(1, b"\0" * 6), frame(2, _BROADCAST)


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
