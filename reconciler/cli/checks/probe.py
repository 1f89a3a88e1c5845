"""Tries, in a network namespace of its own, what the kernel can do. Run as a process: `python -m ...`.

Prints one JSON object: for each feature an empty text, or why it is missing. The host's own network is not touched.
"""

import ctypes
import json
import os
import socket
import sys
from typing import Any

_CLONE_NEWNET = 0x40000000
_NETFILTER = 12
_LINKS: dict[str, list[dict[str, Any]]] = {
    "veth": [{"ifname": "probe-a", "kind": "veth", "peer": {"ifname": "probe-b"}}],
    # A small kernel may lack the one; the other does as well.
    "dummy": [{"ifname": "probe-d", "kind": "dummy"}, {"ifname": "probe-d", "kind": "bridge"}],
    "vxlan": [{"ifname": "probe-v", "kind": "vxlan", "vxlan_id": 1, "vxlan_port": 4789}],
}


def main() -> int:
    """Leave the host's network, try everything, print what is missing."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        print(json.dumps({"namespace": os.strerror(ctypes.get_errno())}))
        return 0
    print(json.dumps({**_links(), "nftables": _nftables()}))
    return 0


def _links() -> dict[str, str]:
    from pyroute2 import IPRoute

    with IPRoute() as door:
        return {name: _first_that_works(door, links) for name, links in _LINKS.items()}


def _first_that_works(door: Any, links: list[dict[str, Any]]) -> str:
    """Add one of the links; return why none could be added."""
    from pyroute2.netlink.exceptions import NetlinkError

    said = ""
    for link in links:
        try:
            door.link("add", **link)
            return ""
        except NetlinkError as error:
            said = os.strerror(error.code)
    return said


def _nftables() -> str:
    try:
        library = ctypes.CDLL("libnftables.so.1")
    except OSError:
        return "libnftables.so.1 is not installed"
    try:
        # Without it the library would end this process.
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER).close()
    except OSError as error:
        return os.strerror(error.errno or 0)
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_new.argtypes = [ctypes.c_uint32]
    library.nft_ctx_buffer_error.argtypes = [ctypes.c_void_p]
    library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    context = library.nft_ctx_new(0)
    library.nft_ctx_buffer_error(context)
    commands = b"add table ip probe; add map ip probe m { type ipv4_addr . inet_service : ipv4_addr . inet_service; }"
    return "" if library.nft_run_cmd_from_buffer(context, commands) == 0 else "the kernel refuses tables or maps"


if __name__ == "__main__":
    sys.exit(main())
