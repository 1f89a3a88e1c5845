"""Checks of the network between hosts: this node's address, and whether the others answer. Effect: sends echoes."""

import os
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.checks import Finding, fail, ok, warn
from reconciler.model.node import NetworkView, Peer

if TYPE_CHECKING:
    from reconciler.config import Settings

_ANSWER_S = 2.0
_ECHO, _ECHO_REPLY = 8, 0
_FIX = {
    "vxlan": "let UDP port 4789 pass between the hosts; more is said on the daemon's: reconciler describe node/{node}",
    "host-gw": "let packets from and to the Pods' range pass between the hosts, which have to share a link",
    "routed": "let packets from and to the Pods' range pass between the hosts",
}


def check_node_address(settings: "Settings") -> Sequence[Finding]:
    """Whether this host has the address by which the others are to reach it."""
    from reconciler.executors.network.addresses import LOOPBACK, node_address
    from reconciler.executors.network.netlink import Netlink

    address = node_address(settings.node_address)
    fix = "set nodeAddress in the settings to an address of this host that other hosts reach"
    with Netlink() as door:
        held = {ip for _, ip in door.addresses()}
    if address not in held:
        return [fail("node-address", f"{address} is no address of this host", fix)]
    if address == LOOPBACK:
        return [warn("node-address", "this host has no address towards others; it can only be alone", fix)]
    return [ok("node-address", address)]


def check_peers(settings: "Settings") -> Sequence[Finding]:
    """Whether the other nodes answer, through the tunnel where there is one."""
    others = _others(Path(settings.data_dir) / "agent" / "view.json", settings.node_name)
    if not others:
        return []
    try:
        silent = _silent({_end(one): one for one in others})
    except PermissionError:
        return [warn("peers", "cannot be tried: echoes need root", "sudo reconciler doctor")]
    found = [
        fail(
            "peers",
            f"node {one.node} ({one.address}) does not answer at {_end(one)}",
            _FIX[one.backend].format(node=settings.node_name),
        )
        for one in silent
    ]
    said = "1 other node answers" if len(others) == 1 else f"{len(others)} other nodes answer"
    return found or [ok("peers", said)]


def _others(file: Path, node: str) -> list[Peer]:
    """Return the other nodes as this one was told of them last."""
    import msgspec

    try:
        view = msgspec.json.decode(file.read_bytes(), type=NetworkView)
    except (OSError, msgspec.DecodeError):
        return []
    return [one for one in view.peers if one.node != node]


def _end(peer: Peer) -> str:
    """Return an address that answers for a node's Pods: the end of its tunnel, or the host itself."""
    return str(IPv4Network(peer.pod_cidr)[0]) if peer.backend == "vxlan" else peer.address


def _silent(peers: Mapping[str, Peer]) -> list[Peer]:
    """Return those that do not answer an echo."""
    door = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    waiting, number = dict(peers), os.getpid() & 0xFFFF
    with door:
        for address in peers:
            try:
                door.sendto(_echo(number), (address, 0))
            except OSError:
                continue
        until = time.monotonic() + _ANSWER_S
        while waiting and (left := until - time.monotonic()) > 0:
            door.settimeout(left)
            try:
                data, (address, _) = door.recvfrom(2048)
            except TimeoutError:
                break
            header = (data[0] & 0xF) * 4
            if data[header] == _ECHO_REPLY and data[header + 4 : header + 6] == struct.pack("!H", number):
                waiting.pop(address, None)
    return list(waiting.values())


def _echo(number: int) -> bytes:
    total = (_ECHO << 8) + number + 1
    checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    return struct.pack("!BBHHH", _ECHO, 0, checksum, number, 1)
