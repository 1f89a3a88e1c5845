"""What the kernel has in links, addresses and routes, kept current by its own events.

Effect. The kernel puts an event into the socket's queue before the write that caused it returns, so that reading the
queue empty (`sync`) is as good as listing everything, and costs what changed.
"""

import errno
from dataclasses import dataclass
from typing import Any

from reconciler.executors.network import netlink
from reconciler.executors.network.netlink import Netlink


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the host. `alias` says whose it is; `peer` is the index of a pair's other end."""

    index: int
    name: str
    alias: str
    flags: int
    mtu: int
    address: str
    peer: int

    @property
    def is_up(self) -> bool:
        """Whether the link is on and its other end is too."""
        return bool(self.flags & netlink.UP and self.flags & netlink.LOWER_UP)


class Mirror:
    """Links by index, addresses, and routes of the main table. Not thread-safe: its owner holds a lock."""

    def __init__(self) -> None:
        # Changed settings (forwarding) are not kept here: they only wake whoever waits.
        groups = netlink.GROUP_LINK | netlink.GROUP_ADDRESS | netlink.GROUP_ROUTE | netlink.GROUP_SETTINGS
        self._events = Netlink(groups=groups)
        self._events.socket.setblocking(False)
        self.links: dict[int, Link] = {}
        self.addresses: set[tuple[int, str]] = set()
        self.routes: dict[tuple[str, int], set[int]] = {}
        self._gateways: dict[tuple[str, int, int], str] = {}
        self.reload()

    def close(self) -> None:
        """Stop listening."""
        self._events.close()

    def fileno(self) -> int:
        """Return the socket that becomes readable when something changed."""
        return self._events.socket.fileno()

    def named(self, name: str) -> Link | None:
        """Return the link of a name."""
        return next((link for link in self.links.values() if link.name == name), None)

    def leads(self, destination: str, prefix: int, index: int) -> bool:
        """Return whether a range is routed through a link."""
        return index in self.routes.get((destination, prefix), ())

    def leads_by(self, destination: str, prefix: int, index: int, gateway: str) -> bool:
        """Return whether a range is routed through a link by a gateway."""
        return self.leads(destination, prefix, index) and self._gateways[destination, prefix, index] == gateway

    def reload(self) -> None:
        """Read everything anew."""
        while self._drain(apply=False):
            pass
        self.links, self.addresses, self.routes, self._gateways = {}, set(), {}, {}
        with Netlink() as door:
            for message in door.links():
                self._apply(message)
            self.addresses = set(door.addresses())
            for message in door.routes():
                self._apply(message)
        self.sync()

    def read_link(self, door: Netlink, index: int) -> None:
        """Read one link: that its other end was switched on becomes an event only a moment later."""
        self.sync()
        if (message := door.link(index)) is not None:
            self._apply(message)

    def sync(self) -> bool:
        """Take in the events that have come; return whether there were any."""
        return self._drain(apply=True)

    def _drain(self, *, apply: bool) -> bool:
        any_came = False
        while True:
            try:
                data = self._events.socket.recv(1 << 18)
            except BlockingIOError:
                return any_came
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                if apply:  # events were lost: only reading everything helps
                    self.reload()
                return True
            any_came = True
            if apply:
                for message in self._events.parse(data):
                    self._apply(message)

    def _apply(self, message: Any) -> None:
        match message["header"]["type"]:
            case netlink.RTM_NEWLINK:
                # Bridges tell of their ports with a message of their own family; the link itself comes with none.
                if message["family"] == 0:
                    self._take_link(_link(message))
            case netlink.RTM_DELLINK:
                if message["family"] == 0:
                    self._forget_link(message["index"])
            case netlink.RTM_NEWADDR if message["family"] == 2:
                self.addresses.add((message["index"], message.get_attr("IFA_LOCAL")))
            case netlink.RTM_DELADDR if message["family"] == 2:
                self.addresses.discard((message["index"], message.get_attr("IFA_LOCAL")))
            case netlink.RTM_NEWROUTE | netlink.RTM_DELROUTE as kind:
                self._apply_route(kind, message)

    def _apply_route(self, kind: int, message: Any) -> None:
        index = message.get_attr("RTA_OIF")
        if message["family"] != 2 or message.get_attr("RTA_TABLE") != netlink.TABLE_MAIN or index is None:
            return
        key = (message.get_attr("RTA_DST") or "0.0.0.0", message["dst_len"])
        if kind == netlink.RTM_DELROUTE:
            self.routes.get(key, set()).discard(index)
            return
        self._gateways[*key, index] = message.get_attr("RTA_GATEWAY") or ""
        if message["header"]["flags"] & netlink.REPLACE:
            self.routes[key] = {index}
        else:
            self.routes.setdefault(key, set()).add(index)

    def _take_link(self, link: Link) -> None:
        self.links[link.index] = link
        if not link.flags & netlink.UP:
            self._forget_routes(link.index)

    def _forget_link(self, index: int) -> None:
        self.links.pop(index, None)
        self._forget_routes(index)
        self.addresses = {pair for pair in self.addresses if pair[0] != index}

    def _forget_routes(self, index: int) -> None:
        # The kernel removes a link's routes without a word when the link goes or is switched off.
        for through in self.routes.values():
            through.discard(index)


def _link(message: Any) -> Link:
    return Link(
        index=message["index"],
        name=message.get_attr("IFLA_IFNAME") or "",
        alias=message.get_attr("IFLA_IFALIAS") or "",
        flags=message["flags"],
        mtu=message.get_attr("IFLA_MTU") or 0,
        address=message.get_attr("IFLA_ADDRESS") or "",
        peer=message.get_attr("IFLA_LINK") or 0,
    )
