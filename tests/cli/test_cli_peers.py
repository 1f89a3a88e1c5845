"""What `doctor` says of the network between hosts, and how a host is told of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from reconciler.cli import ranges
from reconciler.cli.checks import Grade, peers
from reconciler.cli.exits import Exit
from reconciler.cli.ranges import Network, Route, host_routes
from reconciler.config import Settings, load_settings
from reconciler.model.errors import ConfigurationError
from reconciler.model.node import NetworkBackend, NetworkView, Peer


def told_of(data_dir: Path, *others: Peer) -> Settings:
    """Return the settings of node-1, which was told of other nodes."""
    (data_dir / "agent").mkdir(parents=True)
    own = Peer(node="node-1", address="127.0.0.9", pod_cidr="10.42.0.0/24")
    view = NetworkView(cluster_id="c", term=1, generation=1, peers=(own, *others))
    (data_dir / "agent" / "view.json").write_bytes(msgspec.json.encode(view))
    return Settings(data_dir=str(data_dir), node="node-1")


def other(address: str, pod_cidr: str = "10.42.1.0/24", backend: NetworkBackend = "host-gw") -> Peer:
    """Another node."""
    return Peer(node="node-2", address=address, pod_cidr=pod_cidr, backend=backend)


def test_a_node_alone_asks_nobody(data_dir: Path) -> None:
    """Neither does one that was never told of others."""
    assert peers.check_peers(Settings(data_dir=str(data_dir))) == []
    assert peers.check_peers(told_of(data_dir)) == []


@pytest.mark.parametrize(
    ("silent", "grade"), [((), Grade.OK), (("10.42.1.0",), Grade.FAIL), (("10.99.0.2",), Grade.OK)]
)
def test_a_tunnel_is_asked_at_its_end(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, silent: tuple[str, ...], grade: Grade
) -> None:
    """Not at the host's address, which answers without any tunnel."""
    monkeypatch.setattr(peers, "_silent", lambda asked: [one for ip, one in asked.items() if ip in silent])
    [found] = peers.check_peers(told_of(data_dir, other("10.99.0.2", backend="vxlan")))
    assert found.grade is grade
    if grade is Grade.FAIL:
        assert found.message == "node node-2 (10.99.0.2) does not answer at 10.42.1.0"
        assert "UDP port 4789" in found.fix
        assert found.fix.endswith("reconciler describe node/node-1")
    else:
        assert found.message == "1 other node answers"


def test_without_root_nobody_can_be_asked(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning says what to do."""

    def refuse(_: object) -> list[Peer]:
        raise PermissionError

    monkeypatch.setattr(peers, "_silent", refuse)
    [found] = peers.check_peers(told_of(data_dir, other("10.99.0.2")))
    assert (found.grade, found.fix) == (Grade.WARN, "sudo reconciler doctor")


def test_an_address_that_is_not_the_hosts_is_told_of() -> None:
    """Other hosts would reach somebody else."""
    [found] = peers.check_node_address(Settings(node_address="192.0.2.7"))
    assert (found.grade, found.message) == (Grade.FAIL, "192.0.2.7 is no address of this host")


@pytest.mark.parametrize("text", ["localhost", "127.0.0.1", "fd00::1", "10.0.0.300"])
def test_an_address_that_others_cannot_reach_is_refused(data_dir: Path, text: str) -> None:
    """With the setting's name."""
    with pytest.raises(ConfigurationError, match="nodeAddress"):
        load_settings(str(data_dir), {"nodeAddress": text})


@pytest.mark.parametrize("backend", ["vxlan", "host-gw", "routed"])
def test_init_fixes_the_backend(run: Any, data_dir: Path, backend: str) -> None:
    """It stands in the settings."""
    assert run("init", "--receive", "--network-backend", backend, "--data-dir", data_dir).code == Exit.DONE
    assert load_settings(str(data_dir)).network_backend == backend
    assert f"networkBackend: {backend}" in (data_dir / "config.yaml").read_text()


def test_init_makes_a_tunnel_unless_told_otherwise(run: Any, data_dir: Path) -> None:
    """And knows no fourth way."""
    assert run("init", "--receive", "--network-backend", "ipip", "--data-dir", data_dir).code == Exit.ERROR
    assert run("init", "--receive", "--data-dir", data_dir).code == Exit.DONE
    assert load_settings(str(data_dir)).network_backend == "vxlan"


def test_our_own_routes_to_nodes_are_no_overlap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain routes go through the host's own link; those of others there, or elsewhere to the same, still count."""
    table = tmp_path / "route"
    table.write_text(
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
        "eth0\t00012A0A\t0200000A\t0003\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
        "eth0\t00022A0A\t0200000A\t0003\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
        "br0\t00012A0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
    )
    monkeypatch.setattr(ranges, "_routes_to_nodes", lambda: {Route(Network("10.42.1.0/24"), "eth0")})
    assert host_routes(table) == [Route(Network("10.42.2.0/24"), "eth0"), Route(Network("10.42.1.0/24"), "br0")]
