"""Ways to other nodes, between two network namespaces that share a link."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Iterator

import msgspec
import pytest

from reconciler.executors.network import peers, tunnel
from reconciler.executors.network.cleanup import remove_all
from reconciler.executors.network.netlink import NetlinkError
from reconciler.model.details import ProgramPeers
from reconciler.model.node import NetworkBackend, Peer
from reconciler.model.plan import OutcomeStatus
from tests.executors.network.conftest import CLIENTS, CLUSTER, HOST, SERVERS, Network

pytestmark = pytest.mark.real

OWN, OTHER, THIRD = "10.99.7.1", "10.99.7.2", "10.99.7.3"
BACKENDS = ("vxlan", "host-gw")


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout


def _peer(node: str, address: str, number: int, backend: NetworkBackend = "vxlan") -> Peer:
    return Peer(node=node, address=address, pod_cidr=f"10.42.{number}.0/24", backend=backend)


def _ways(digest: str, *others: Peer) -> ProgramPeers:
    return ProgramPeers(
        digest=digest, address=OWN, pod_cidr="10.42.0.0/24", cluster_pod_cidr="10.42.0.0/16", peers=others
    )


def _devices() -> list[str]:
    """Our devices with their index; the kernel tells of the state of any in its own time."""
    found = (line.partition(": <")[0] for line in _run("ip", "-oneline", "link").splitlines())
    return [one for one in found if ": reconciler" in one]


def _routes() -> list[str]:
    """The routes, without what is told of the state of their devices."""
    return [line.replace("linkdown", "").strip() for line in _run("ip", "route").splitlines()]


class Neighbour:
    """Another host: a namespace on the same link, wired by hand as its own executor would do it."""

    def __init__(self, network: Network) -> None:
        self.network = network
        holder = network.spawn(["unshare", "--net", "sh", "-c", "echo ready; exec sleep 600"])
        self.pid = holder.pid
        _run("ip", "link", "add", "lan", "type", "veth", "peer", "name", "lan", "netns", str(self.pid))
        _run("ip", "address", "add", f"{OWN}/24", "dev", "lan")
        _run("ip", "link", "set", "lan", "up")
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "address", "add", f"{OTHER}/24", "dev", "lan")
        self.run("ip", "link", "set", "lan", "up")
        self.run("ip", "address", "add", "10.42.1.5/32", "dev", "lo")

    def run(self, *command: str) -> str:
        """Run a command there."""
        return _run("nsenter", "-t", str(self.pid), "-n", *command)

    def wire(self, backend: str) -> None:
        """Make its way to this host."""
        if backend == "host-gw":
            self.run("ip", "route", "add", "10.42.0.0/24", "via", OWN, "src", "10.42.1.5")
            return
        here, there = tunnel.mac_of(CLUSTER, "node-1"), tunnel.mac_of(CLUSTER, "node-2")
        device = ["ip", "link", "add", "vx", "address", there, "type", "vxlan", "id", str(tunnel.vni_of(CLUSTER))]
        self.run(*device, "local", OTHER, "dev", "lan", "dstport", "4789", "nolearning")
        self.run("ip", "link", "set", "vx", "up")
        self.run("ip", "neigh", "replace", "10.42.0.0", "lladdr", here, "dev", "vx", "nud", "permanent")
        self.run("bridge", "fdb", "replace", here, "dev", "vx", "dst", OWN)
        route = ["ip", "route", "add", "10.42.0.0/24", "via", "10.42.0.0", "dev", "vx", "onlink"]
        self.run(*route, "src", "10.42.1.5")

    def serve(self) -> None:
        """Answer with who asked."""
        command = [sys.executable, "-c", SERVERS["tcp"], "there", "8080"]
        self.network.spawn(["nsenter", "-t", str(self.pid), "-n", *command])

    def ask(self, address: str) -> str:
        """Ask from there."""
        return self.run(sys.executable, "-c", CLIENTS["tcp"], address, "8080", "1").strip()


@pytest.fixture
def neighbour(network: Network) -> Iterator[Neighbour]:
    """Another host on a link with this one."""
    yield Neighbour(network)
    network.must(_ways("gone"))
    subprocess.run(["ip", "link", "delete", "lan"], capture_output=True, check=False)


@pytest.mark.parametrize("backend", BACKENDS)
def test_pods_of_two_nodes_reach_each_other_with_their_own_addresses(
    network: Network, neighbour: Neighbour, backend: NetworkBackend
) -> None:
    """In both directions, and from the hosts; nobody's address is translated."""
    neighbour.wire(backend)
    neighbour.serve()
    here = network.pod("here", "10.42.0.2")
    network.serve(here)
    assert network.must(_ways("1", _peer("node-2", OTHER, 1, backend))) is OutcomeStatus.DONE
    assert network.executor.facts().peers_digest == "1"
    assert network.ask("10.42.1.5", 8080, pod=here) == ["there 10.42.0.2"]
    assert neighbour.ask(here.ip) == "here 10.42.1.5"
    from_host = "10.42.0.0" if backend == "vxlan" else OWN
    assert network.ask("10.42.1.5", 8080) == [f"there {from_host}"]


def test_only_the_hosts_of_nodes_may_send_into_the_tunnel(network: Network, neighbour: Neighbour) -> None:
    """Whoever knows the tunnel's number gets nothing in from another address; other tunnels are not looked at."""
    neighbour.wire("vxlan")
    neighbour.serve()
    here = network.pod("here", "10.42.0.2")
    network.serve(here)
    network.must(_ways("1", _peer("node-2", OTHER, 1)))
    assert neighbour.ask(here.ip) == "here 10.42.1.5"
    rule = _run("nft", "list", "table", "ip", "reconciler-tunnel")
    assert OTHER in rule
    neighbour.run("ip", "address", "add", f"{THIRD}/24", "dev", "lan")
    neighbour.run("ip", "link", "delete", "vx")
    there, here_mac = tunnel.mac_of(CLUSTER, "node-2"), tunnel.mac_of(CLUSTER, "node-1")
    device = ["ip", "link", "add", "vx", "address", there, "type", "vxlan", "id", str(tunnel.vni_of(CLUSTER))]
    neighbour.run(*device, "local", THIRD, "dev", "lan", "dstport", "4789", "nolearning")
    neighbour.run("ip", "link", "set", "vx", "up")
    neighbour.run("ip", "neigh", "replace", "10.42.0.0", "lladdr", here_mac, "dev", "vx", "nud", "permanent")
    neighbour.run("bridge", "fdb", "replace", here_mac, "dev", "vx", "dst", OWN)
    neighbour.run(
        "ip", "route", "replace", "10.42.0.0/24", "via", "10.42.0.0", "dev", "vx", "onlink", "src", "10.42.1.5"
    )
    assert neighbour.ask(here.ip) == "silent"
    # Known as a node's, it gets in; and the rule comes back when somebody takes it away.
    network.must(_ways("2", _peer("node-2", THIRD, 1)))
    assert neighbour.ask(here.ip) == "here 10.42.1.5"
    _run("nft", "delete", "table", "ip", "reconciler-tunnel")
    network.executor.refresh(full=True)
    assert network.executor.facts().peers_damaged
    network.must(_ways("2", _peer("node-2", THIRD, 1)))
    assert THIRD in _run("nft", "list", "table", "ip", "reconciler-tunnel")
    network.must(_ways("none"))
    assert "reconciler-tunnel" not in _run("nft", "list", "tables")


@pytest.mark.parametrize("backend", BACKENDS)
def test_programming_again_changes_nothing_and_a_restart_neither(
    network: Network, neighbour: Neighbour, backend: NetworkBackend
) -> None:
    """P10: the device keeps its index, and everything is known to stand."""
    wanted = _ways("1", _peer("node-2", OTHER, 1, backend), _peer("node-3", THIRD, 2, backend))
    network.must(wanted)
    before = _devices(), _routes()
    assert network.must(wanted) is OutcomeStatus.UNCHANGED
    network.restart()
    facts = network.executor.refresh(full=True)
    assert (facts.peers_digest, facts.peers_damaged) == ("1", False)
    assert network.must(wanted) is OutcomeStatus.UNCHANGED
    assert (_devices(), _routes()) == before


def test_peers_that_go_leave_nothing_behind(network: Network, neighbour: Neighbour) -> None:
    """Route, neighbour and host of the one that went; with the last one the tunnel goes too."""
    network.must(_ways("1", _peer("node-2", OTHER, 1), _peer("node-3", THIRD, 2)))
    assert THIRD in _run("bridge", "fdb", "show", "dev", peers.LINK)
    network.must(_ways("2", _peer("node-2", OTHER, 1)))
    assert THIRD not in _run("bridge", "fdb", "show", "dev", peers.LINK)
    assert "10.42.2.0" not in _run("ip", "neigh") + _run("ip", "route")
    assert "10.42.1.0" in _run("ip", "route")
    network.must(_ways(""))
    assert "10.42.1.0" not in _run("ip", "route")
    assert peers.LINK not in _run("ip", "link")
    assert network.executor.facts().peers_damaged is False


def test_another_backend_takes_the_place_of_the_first(network: Network, neighbour: Neighbour) -> None:
    """For one peer, while the other keeps its way."""
    network.must(_ways("1", _peer("node-2", OTHER, 1), _peer("node-3", THIRD, 2)))
    network.must(_ways("2", _peer("node-2", OTHER, 1, "host-gw"), _peer("node-3", THIRD, 2)))
    routes = _run("ip", "route")
    assert f"10.42.1.0/24 via {OTHER} dev lan" in routes
    assert f"10.42.2.0/24 via 10.42.2.0 dev {peers.LINK}" in routes
    assert OTHER not in _run("bridge", "fdb", "show", "dev", peers.LINK)
    assert network.executor.refresh(full=True).peers_digest == "2"


SEEN = {
    "route": ["ip", "route", "del", "10.42.1.0/24"],
    "link": ["ip", "link", "del", peers.LINK],
    "switched off": ["ip", "link", "set", peers.LINK, "down"],
    "address": ["ip", "address", "del", "10.42.0.0/32", "dev", peers.LINK],
}
COMPARED = {
    "neighbour": ["ip", "neigh", "del", "10.42.1.0", "dev", peers.LINK],
    "host": ["bridge", "fdb", "replace", tunnel.mac_of(CLUSTER, "node-2"), "dev", peers.LINK, "dst", THIRD],
    "further host": ["bridge", "fdb", "append", "02:00:00:00:00:09", "dev", peers.LINK, "dst", THIRD],
}


@pytest.mark.parametrize("damage", [*SEEN, *COMPARED])
def test_damage_is_noticed_and_repaired(network: Network, neighbour: Neighbour, damage: str) -> None:
    """By an event of the kernel, or by the comparison that runs every now and then."""
    neighbour.wire("vxlan")
    neighbour.serve()
    wanted = _ways("1", _peer("node-2", OTHER, 1))
    network.must(wanted)
    network.watch()
    _run(*(SEEN | COMPARED)[damage])
    if damage in SEEN:
        assert network.looked("peers")
    facts = network.executor.refresh(full=True)
    assert (facts.peers_digest, facts.peers_damaged) == ("", True)
    assert network.must(wanted) is OutcomeStatus.DONE
    facts = network.executor.refresh(full=True)
    assert (facts.peers_digest, facts.peers_damaged) == ("1", False)
    assert network.ask("10.42.1.5", 8080) == ["there 10.42.0.0"]


def test_a_node_of_another_range_gives_its_first_one_up(network: Network, neighbour: Neighbour) -> None:
    """As a host that was removed and has joined by another name: its old range may be another node's by now."""
    first = msgspec.structs.replace(_ways("1", _peer("node-3", THIRD, 2)), pod_cidr="10.42.1.0/24")
    network.must(first)
    network.must(_ways("2", _peer("node-2", OTHER, 1), _peer("node-3", THIRD, 2)))
    assert "10.42.1.0/24 via 10.42.1.0 dev reconciler-vx" in _run("ip", "route")
    assert "10.42.1.0/32" not in _run("ip", "address", "show", peers.LINK)


def test_packets_fit_into_the_tunnel(network: Network, neighbour: Neighbour) -> None:
    """Its MTU is the underlay's less what the tunnel adds, and follows it."""
    wanted = _ways("1", _peer("node-2", OTHER, 1))
    network.must(wanted)
    assert "mtu 1450 " in _run("ip", "link", "show", peers.LINK)
    _run("ip", "link", "set", "lan", "mtu", "1400")
    assert network.executor.facts().peers_damaged
    network.must(wanted)
    assert "mtu 1350 " in _run("ip", "link", "show", peers.LINK)


def test_plain_routes_need_a_link_in_common(network: Network, neighbour: Neighbour) -> None:
    """Who does not share one is named; the others have their ways."""
    far = _peer("node-3", "192.0.2.7", 2, "host-gw")
    outcome = network.do(_ways("1", _peer("node-2", OTHER, 1, "host-gw"), far))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "NoWayToNode")
    assert "192.0.2.7 shares no link" in outcome.message
    assert f"10.42.1.0/24 via {OTHER} dev lan" in _run("ip", "route")
    assert network.executor.facts().peers_digest == ""


def test_a_route_of_others_is_left_and_named(network: Network, neighbour: Neighbour) -> None:
    """P05."""
    _run("ip", "route", "add", "10.42.1.0/24", "via", THIRD, "dev", "lan")
    outcome = network.do(_ways("1", _peer("node-2", OTHER, 1)))
    assert outcome.status is OutcomeStatus.FAILED
    assert "10.42.1.0/24 on lan is in the way" in outcome.message
    assert f"10.42.1.0/24 via {THIRD} dev lan" in _run("ip", "route")


def test_a_tunnel_of_others_is_left(network: Network, neighbour: Neighbour) -> None:
    """P05: it is named, keeps nothing else from being looked at, and who makes plain routes does not mind it."""
    _run("ip", "link", "add", peers.LINK, "type", "bridge")
    _run("ip", "link", "set", peers.LINK, "alias", "somebody else's")
    outcome = network.do(_ways("1", _peer("node-2", OTHER, 1)))
    assert (outcome.status, outcome.retry, outcome.reason) == (OutcomeStatus.FAILED, "terminal", "NetworkConflict")
    assert f"remove it: ip link delete {peers.LINK}" in outcome.message
    assert network.executor.refresh(full=True).peers_digest == ""
    network.must(_ways("2", _peer("node-2", OTHER, 1, "host-gw")))
    assert network.executor.refresh(full=True).peers_digest == "2"
    assert "somebody" in _run("ip", "link", "show", peers.LINK)
    _run("ip", "link", "del", peers.LINK)


def test_a_host_without_its_address_says_what_to_do(network: Network, neighbour: Neighbour) -> None:
    """The loopback's does not do either."""
    outcome = network.do(msgspec.structs.replace(_ways("1", _peer("node-2", OTHER, 1)), address="127.0.0.1"))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "NoNodeAddress")


def test_a_kernel_without_vxlan_is_told_of(
    network: Network, neighbour: Neighbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planner then asks for plain routes."""

    def refuse(*_: object) -> None:
        raise NetlinkError("cannot create", errno.EOPNOTSUPP)

    monkeypatch.setattr(tunnel, "add_tunnel", refuse)
    outcome = network.do(_ways("1", _peer("node-2", OTHER, 1)))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "NoTunnel")
    assert "makes no VXLAN" in network.executor.facts().tunnel_error
    network.must(_ways("2", _peer("node-2", OTHER, 1, "host-gw")))
    assert network.executor.facts().peers_digest == "2"


def test_everything_is_removed_with_the_cluster(network: Network, neighbour: Neighbour) -> None:
    """P05: and only what is this cluster's."""
    network.must(_ways("1", _peer("node-2", OTHER, 1), _peer("node-3", THIRD, 2, "host-gw")))
    network.executor.close()
    removed = remove_all(CLUSTER, network.directory / "run")
    assert f"link {peers.LINK}" in removed
    assert "2 routes to other nodes" in removed
    assert "10.42.1.0" not in _run("ip", "route")
    network.executor = network.start()
    network.must(HOST)
