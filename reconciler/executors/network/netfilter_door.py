"""A socket of the netfilter family of netlink. Effect: the kernel.

libnftables ends the process where it gets none, so this is tried before.
"""

import socket

from reconciler.executors.network.netfilter import NETFILTER
from reconciler.model.errors import ConfigurationError


def open_netfilter() -> socket.socket:
    """Open a socket that is bound; raise ConfigurationError where the kernel has no such family."""
    try:
        door = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETFILTER)
    except OSError as error:
        raise without_tables() from error
    door.bind((0, 0))
    return door


def without_tables() -> ConfigurationError:
    """Return the error of a kernel that cannot have our rules."""
    return ConfigurationError(
        "this kernel has no nf_tables, of which Services and network policies are made",
        hint="modprobe nf_tables; where there is no such module, another kernel; then: reconciler doctor",
    )
