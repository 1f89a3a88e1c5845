"""A synchronous rtnetlink door: pyroute2's codec on a plain socket, in any network namespace.

Effect. Every request is acknowledged by the kernel before it returns, and bounded by a deadline. pyroute2's own socket
classes bring a thread with an event loop each, which costs more than all the messages of one Pod together.
"""

import contextlib
import ctypes
import errno
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.iprsocket import MarshalRtnl
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from reconciler.model.errors import DeadlineError, TransientError

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWNEIGH = 28
REQUEST, ACK, DUMP, REPLACE, EXCLUSIVE, CREATE = 0x1, 0x4, 0x300, 0x100, 0x200, 0x400
GROUP_LINK, GROUP_ADDRESS, GROUP_ROUTE, GROUP_SETTINGS = 0x1, 0x10, 0x40, 0x800000

SCOPE_UNIVERSE, SCOPE_LINK, SCOPE_HOST = 0, 253, 254
TABLE_MAIN = 254
PROTOCOL_STATIC = 4
TYPE_UNICAST = 1
NEIGHBOUR_PERMANENT = 0x80
UP, LOWER_UP = 0x1, 0x10000

_HEADER = struct.Struct("=IHHII")
_SOL_NETLINK, _NETLINK_CAP_ACK, _NETLINK_STRICT_CHECK = 270, 10, 12
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


class NetlinkError(TransientError):
    """The kernel refused a request. `errno` says why."""

    reason = "Netlink"

    def __init__(self, what: str, number: int) -> None:
        super().__init__(f"{what}: {os.strerror(number)}")
        self.errno = number


@contextlib.contextmanager
def inside(pid: int) -> Iterator[None]:
    """Have this thread work in the network namespace of a process for a moment."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        other = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _set_namespace(other)
        finally:
            os.close(other)
        try:
            yield
        finally:
            _set_namespace(own)
    finally:
        os.close(own)


def _set_namespace(descriptor: int) -> None:
    if _LIBC.setns(descriptor, _CLONE_NEWNET) != 0:
        raise NetlinkError("cannot enter a network namespace", ctypes.get_errno())


def write_setting(path: str, value: str) -> None:
    """Write a kernel setting below /proc/sys/net when it differs."""
    file = Path("/proc/sys/net") / path
    if file.read_text().strip() != value:
        file.write_text(value)


def read_setting(path: str) -> str:
    """Read a kernel setting below /proc/sys/net; empty when it does not exist."""
    try:
        descriptor = os.open(f"/proc/sys/net/{path}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    try:
        return os.read(descriptor, 4096).decode().strip()
    finally:
        os.close(descriptor)


class Netlink:
    """One rtnetlink socket. Not thread-safe: its owner holds a lock."""

    def __init__(self, *, pid: int | None = None, groups: int = 0, timeout_s: float = 5.0) -> None:
        """Open a socket here, or in the network namespace of process `pid`; `groups` subscribes to events."""
        with contextlib.nullcontext() if pid is None else inside(pid):
            self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        self.socket.bind((0, groups))
        self.socket.settimeout(timeout_s)
        self.socket.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        if groups:
            with contextlib.suppress(PermissionError):
                self.socket.setsockopt(socket.SOL_SOCKET, 33, 4 << 20)  # SO_RCVBUFFORCE
        self._marshal = MarshalRtnl()
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the socket back."""
        self.socket.close()

    def parse(self, data: bytes) -> Iterator[Any]:
        """Decode a buffer of messages."""
        return iter(self._marshal.parse(data))

    def request(self, kind: int, message: Any, flags: int, what: str) -> None:
        """Send one request and wait for the kernel's answer; raise NetlinkError when it refuses."""
        sequence = self._send(kind, message, REQUEST | ACK | flags)
        while True:
            data = self._receive(what)
            length, answer, _, answered, _ = _HEADER.unpack_from(data)
            if answer == _NLMSG_ERROR and answered == sequence and length >= 20:
                number = -struct.unpack_from("=i", data, 16)[0]
                if number:
                    raise NetlinkError(what, number)
                return

    def dump(self, kind: int, message: Any, what: str) -> list[Any]:
        """Return all objects of a kind."""
        sequence = self._send(kind, message, REQUEST | DUMP)
        found: list[Any] = []
        while True:
            data = self._receive(what)
            for item in self._marshal.parse(data):
                header = item["header"]
                if header["sequence_number"] != sequence:
                    continue
                if header["type"] == _NLMSG_DONE:
                    return found
                if header["type"] == _NLMSG_ERROR:
                    raise NetlinkError(what, abs(int(header["error"].code)) if header["error"] else errno.EIO)
                found.append(item)

    def _send(self, kind: int, message: Any, flags: int) -> int:
        self._sequence += 1
        message["header"] = {"type": kind, "flags": flags, "sequence_number": self._sequence, "pid": 0}
        message.encode()
        self.socket.send(bytes(message.data))
        return self._sequence

    def _receive(self, what: str) -> bytes:
        try:
            return self.socket.recv(1 << 18)
        except TimeoutError as error:
            raise DeadlineError(f"{what}: the kernel did not answer") from error

    # Links

    def add_veth(self, name: str, *, peer: str, pid: int, mtu: int) -> None:
        """Create a pair of virtual cables, one end here, the other in the namespace of process `pid`."""
        descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            other = {
                "attrs": [("IFLA_IFNAME", peer), ("IFLA_MTU", mtu), ("IFLA_NET_NS_FD", descriptor)],
            }
            data = {"attrs": [("VETH_INFO_PEER", other)]}
            message = ifinfmsg()
            message["attrs"] = [
                ("IFLA_IFNAME", name),
                ("IFLA_MTU", mtu),
                ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", "veth"), ("IFLA_INFO_DATA", data)]}),
            ]
            self.request(RTM_NEWLINK, message, CREATE | EXCLUSIVE, f"cannot create link {name}")
        finally:
            os.close(descriptor)

    def add_holder(self, name: str) -> None:
        """Create a link without a cable, to hold addresses and routes."""
        try:
            self._add_simple(name, "dummy")
        except NetlinkError as error:
            # A small kernel may lack the driver; a bridge without ports does as well.
            if error.errno != errno.EOPNOTSUPP:
                raise
            self._add_simple(name, "bridge")

    def _add_simple(self, name: str, kind: str) -> None:
        message = ifinfmsg()
        message["attrs"] = [
            ("IFLA_IFNAME", name),
            ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", kind)]}),
        ]
        self.request(RTM_NEWLINK, message, CREATE | EXCLUSIVE, f"cannot create link {name}")

    def set_link(self, index: int, *, alias: str | None = None) -> None:
        """Switch a link on, and name its owner."""
        message = ifinfmsg()
        message["index"], message["flags"], message["change"] = index, UP, UP
        message["attrs"] = [("IFLA_IFALIAS", alias)] if alias is not None else []
        self.request(RTM_NEWLINK, message, 0, f"cannot switch link {index} on")

    def delete_link(self, index: int) -> bool:
        """Delete a link; return whether there was one."""
        message = ifinfmsg()
        message["index"] = index
        try:
            self.request(RTM_DELLINK, message, 0, f"cannot delete link {index}")
        except NetlinkError as error:
            if error.errno == errno.ENODEV:
                return False
            raise
        return True

    def link(self, index: int) -> Any | None:
        """Return one link as it is now; None when there is none."""
        message = ifinfmsg()
        message["index"] = index
        sequence = self._send(RTM_GETLINK, message, REQUEST)
        for item in self._marshal.parse(self._receive(f"cannot read link {index}")):
            if item["header"]["sequence_number"] == sequence and item["header"]["type"] == RTM_NEWLINK:
                return item
        return None

    def links(self) -> list[Any]:
        """Return all links of the namespace."""
        return self.dump(RTM_GETLINK, ifinfmsg(), "cannot list links")

    # Addresses, routes, neighbours

    def replace_address(self, index: int, address: str, scope: int = SCOPE_UNIVERSE) -> None:
        """Give a link an address with a prefix of 32."""
        message = ifaddrmsg()
        message["family"], message["prefixlen"], message["scope"], message["index"] = 2, 32, scope, index
        message["attrs"] = [("IFA_LOCAL", address), ("IFA_ADDRESS", address)]
        self.request(RTM_NEWADDR, message, CREATE | REPLACE, f"cannot add address {address}")

    def addresses(self) -> list[tuple[int, str]]:
        """Return (link index, IPv4 address) pairs of the namespace."""
        message = ifaddrmsg()
        message["family"] = 2
        found = self.dump(RTM_GETADDR, message, "cannot list addresses")
        return [(item["index"], item.get_attr("IFA_LOCAL")) for item in found if item["family"] == 2]

    def replace_route(
        self, destination: str, prefix: int, index: int, *, gateway: str = "", scope: int = SCOPE_LINK
    ) -> None:
        """Lead a range through a link."""
        message = _route(destination, prefix, index, scope)
        if gateway:
            message["attrs"].append(("RTA_GATEWAY", gateway))
        self.request(RTM_NEWROUTE, message, CREATE | REPLACE, f"cannot add route {destination}/{prefix}")

    def delete_route(self, destination: str, prefix: int, index: int) -> bool:
        """Delete a route; return whether there was one."""
        try:
            self.request(
                RTM_DELROUTE,
                _route(destination, prefix, index, SCOPE_LINK),
                0,
                f"cannot delete route {destination}/{prefix}",
            )
        except NetlinkError as error:
            if error.errno == errno.ESRCH:
                return False
            raise
        return True

    def routes(self) -> list[Any]:
        """Return the IPv4 routes of the main table."""
        message = rtmsg()
        message["family"] = 2
        found = self.dump(RTM_GETROUTE, message, "cannot list routes")
        return [item for item in found if item.get_attr("RTA_TABLE") == TABLE_MAIN]

    def replace_neighbour(self, index: int, address: str, hardware_address: str) -> None:
        """Fix the hardware address of a neighbour, so that nobody has to ask for it."""
        message = ndmsg()
        message["family"], message["ifindex"], message["state"] = 2, index, NEIGHBOUR_PERMANENT
        message["attrs"] = [("NDA_DST", address), ("NDA_LLADDR", hardware_address)]
        self.request(RTM_NEWNEIGH, message, CREATE | REPLACE, f"cannot fix neighbour {address}")


def _route(destination: str, prefix: int, index: int, scope: int) -> Any:
    message = rtmsg()
    message["family"], message["dst_len"], message["table"] = 2, prefix, TABLE_MAIN
    message["proto"], message["scope"], message["type"] = PROTOCOL_STATIC, scope, TYPE_UNICAST
    attributes: list[tuple[str, Any]] = [("RTA_OIF", index)]
    if prefix:
        attributes.insert(0, ("RTA_DST", destination))
    message["attrs"] = attributes
    return message
