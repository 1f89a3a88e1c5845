"""The address by which other hosts reach this one. Effect: asks the kernel."""

import socket

from reconciler.executors.network.netlink import LOWER_UP, UP, Netlink

LOOPBACK = "127.0.0.1"
_NOT_TOWARDS_OTHERS = ("lo", "rc", "reconciler-", "docker", "br-", "veth")


def node_address(configured: str = "") -> str:
    """Return the address that is set, else that of the default route, else the first of a link that is up.

    A host without any of them is alone: it is known by its loopback's.
    """
    return configured or _of_default_route() or _of_first_link() or LOOPBACK


def _of_default_route() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Connecting a datagram socket sends nothing; it only asks the routing table.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def _of_first_link() -> str:
    with Netlink() as door:
        up = {
            item["index"]
            for item in door.links()
            if item["flags"] & UP
            and item["flags"] & LOWER_UP
            and not (item.get_attr("IFLA_IFNAME") or "").startswith(_NOT_TOWARDS_OTHERS)
        }
        found = [(index, address) for index, address in door.addresses() if index in up]
    return min(found, default=(0, ""))[1]
