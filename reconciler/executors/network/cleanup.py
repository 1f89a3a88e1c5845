"""Removes from this host what one cluster put into its network, and nothing else (P05).

Effect. Works without state of ours: ownership is read from aliases, comments and the server's lock file.
"""

import shutil
from pathlib import Path

from reconciler.executors.ingress.cleanup import stop_proxy
from reconciler.executors.network.dns import pidfile
from reconciler.executors.network.external import LINK as EXTERNAL
from reconciler.executors.network.external import remove_link
from reconciler.executors.network.host import AcceptRules, Host
from reconciler.executors.network.links import Owner
from reconciler.executors.network.mirror import Mirror
from reconciler.executors.network.netlink import Netlink
from reconciler.executors.network.nftables import Nftables
from reconciler.executors.network.peers import LINK as TUNNEL
from reconciler.executors.network.peers import remove_routes, remove_tunnel
from reconciler.executors.network.policies import remove_table as remove_policies
from reconciler.executors.network.services import remove_table
from reconciler.executors.network.tunnel_door import TunnelDoor


def remove_all(cluster_id: str, runtime_dir: Path) -> tuple[str, ...]:
    """Remove links, routes, table, accept rules and DNS server of a cluster; return what was removed."""
    removed = list(stop_proxy(runtime_dir))
    runtime = runtime_dir / "network"
    if (server := pidfile.running(runtime)) is not None and pidfile.stop(server):
        removed.append(f"DNS server (process {server.pid})")
    nftables = Nftables()
    try:
        if remove_table(nftables, cluster_id):
            removed.append("nftables table ip reconciler")
        if remove_policies(nftables, cluster_id):
            removed.append("nftables table ip reconciler-policy")
        if TunnelDoor(cluster_id, nftables).remove():
            removed.append("nftables table ip reconciler-tunnel")
    finally:
        nftables.close()
    mirror = Mirror()
    try:
        removed += _remove_links(mirror, cluster_id)
        removed += _remove_ways(mirror, cluster_id)
        if Host(cluster_id, mirror).remove():
            removed.append("link reconciler-dns")
    finally:
        mirror.close()
    if AcceptRules(cluster_id).remove():
        removed.append("accept rules in DOCKER-USER")
    shutil.rmtree(runtime, ignore_errors=True)
    return tuple(removed)


def _remove_links(mirror: Mirror, cluster_id: str) -> list[str]:
    removed = []
    with Netlink() as door:
        for link in list(mirror.links.values()):
            owner = Owner.read(link.alias)
            if owner is not None and owner.cluster_id == cluster_id and door.delete_link(link.index):
                removed.append(f"link {link.name}")
    return removed


def _remove_ways(mirror: Mirror, cluster_id: str) -> list[str]:
    removed = []
    with Netlink() as door:
        if count := remove_routes(door):
            removed.append(f"{count} routes to other nodes")
        if remove_tunnel(door, mirror, cluster_id):
            removed.append(f"link {TUNNEL}")
        if remove_link(door, mirror, cluster_id):
            removed.append(f"link {EXTERNAL}")
    return removed
