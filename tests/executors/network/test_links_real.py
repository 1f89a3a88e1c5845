"""Pod links on a real kernel."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.executors.network.cleanup import remove_all
from reconciler.executors.network.links import interface_name
from reconciler.executors.network.netlink import Netlink
from reconciler.model.details import AttachPod
from reconciler.model.errors import ConfigurationError
from reconciler.model.plan import OutcomeStatus
from tests.executors.network.conftest import CLUSTER, HOST, Network

pytestmark = pytest.mark.real


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout


def test_pods_reach_each_other_and_the_host_reaches_them(network: Network) -> None:
    """Addresses work in every direction, and nobody's address is translated on the way."""
    a, b = network.pod("a", "10.42.0.2"), network.pod("b", "10.42.0.3")
    network.serve(a)
    network.serve(b)
    assert network.ask(b.ip, 8080, pod=a) == ["b 10.42.0.2"]
    assert network.ask(a.ip, 8080, pod=b) == ["a 10.42.0.3"]
    assert network.names(a.ip, 8080) == ["a"]


def test_attaching_again_changes_nothing(network: Network) -> None:
    """The effect is idempotent by name."""
    pod = network.pod("a", "10.42.0.2")
    assert network.attach(pod) is OutcomeStatus.UNCHANGED
    assert [(fact.pod_uid, fact.ip, fact.whole) for fact in network.executor.facts().links] == [
        ("uid-a", "10.42.0.2", True)
    ]


DAMAGE = {
    "route": ["ip", "route", "del", "10.42.0.2"],
    "link": ["ip", "link", "del", interface_name("uid-a")],
    "switched off": ["ip", "link", "set", interface_name("uid-a"), "down"],
    "alias": ["ip", "link", "set", interface_name("uid-a"), "alias", f"reconciler pod {CLUSTER} uid-a 10.42.0.77"],
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_noticed_by_event_and_repaired(network: Network, damage: str) -> None:
    """Whatever somebody removes, the kernel tells at once, and attaching again makes it whole."""
    pod = network.pod("a", "10.42.0.2")
    network.serve(pod)
    network.watch()
    _run(*DAMAGE[damage])
    assert network.looked("link")
    assert not any(fact.whole for fact in network.executor.facts().links)
    assert network.attach(pod) is OutcomeStatus.DONE
    assert [fact.whole for fact in network.executor.facts().links] == [True]
    assert network.names(pod.ip, 8080) == ["a"]


@pytest.mark.parametrize("command", ["ip route del default", "ip addr flush dev eth0", "ip link set eth0 down"])
def test_damage_inside_a_pod_is_found_by_the_full_compare(network: Network, command: str) -> None:
    """No event of the host tells of it; the comparison that runs every now and then does."""
    pod = network.pod("a", "10.42.0.2")
    _run("nsenter", "-t", str(pod.pid), "-n", *command.split())
    assert [fact.whole for fact in network.executor.refresh(full=True).links] == [False]
    assert network.attach(pod) is OutcomeStatus.DONE
    assert [fact.whole for fact in network.executor.refresh(full=True).links] == [True]


def test_a_new_namespace_of_a_sandbox_is_wired_anew(network: Network) -> None:
    """A sandbox that was started again has an empty namespace, while the old link may still be there."""
    pod = network.pod("a", "10.42.0.2")
    fresh = network.spawn(["unshare", "--net", "sh", "-c", "echo ready; exec sleep 600"])
    network.pods["a"] = type(pod)("a", pod.ip, fresh.pid)
    assert network.attach(pod) is OutcomeStatus.DONE
    assert pod.ip in _run("nsenter", "-t", str(fresh.pid), "-n", "ip", "addr")


def test_a_sandbox_that_does_not_run_is_stale(network: Network) -> None:
    """The planner is to look again: the world changed since it planned."""
    outcome = network.do(AttachPod(pod_uid="uid-x", sandbox="nobody", pod_ip="10.42.0.9"))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.STALE, "SandboxGone")


def test_detaching_removes_link_and_route(network: Network) -> None:
    """Nothing of the Pod is left on the host; a second time there is nothing to do."""
    pod = network.pod("a", "10.42.0.2")
    assert network.detach(pod) is OutcomeStatus.DONE
    assert network.detach(pod) is OutcomeStatus.UNCHANGED
    assert interface_name("uid-a") not in _run("ip", "link")
    assert pod.ip not in _run("ip", "route")


def test_a_link_of_others_is_refused(network: Network) -> None:
    """P05: a link that bears our name and another owner is not touched."""
    name = interface_name("uid-a")
    _run("ip", "link", "add", name, "type", "bridge")
    _run("ip", "link", "set", name, "alias", "reconciler pod other-cluster uid-a 10.42.0.2")
    holder = network.spawn(["unshare", "--net", "sh", "-c", "echo ready; exec sleep 600"])
    network.netns_of = lambda _: holder.pid  # type: ignore[method-assign]
    network.restart()
    outcome = network.do(AttachPod(pod_uid="uid-a", sandbox="a", pod_ip="10.42.0.2"))
    assert (outcome.status, outcome.retry) == (OutcomeStatus.FAILED, "terminal")
    assert network.executor.facts().links == ()
    assert name in _run("ip", "link")
    _run("ip", "link", "del", name)


def test_links_are_known_after_a_restart(network: Network) -> None:
    """P10, P17: a new process of ours finds the Pods wired and changes nothing."""
    pod = network.pod("a", "10.42.0.2")
    network.restart()
    assert [(fact.pod_uid, fact.whole) for fact in network.executor.facts().links] == [("uid-a", True)]
    assert network.attach(pod) is OutcomeStatus.UNCHANGED


CHANGES = ("add_veth", "set_link", "replace_address", "replace_route", "replace_neighbour")


class _Killed(BaseException):
    """Ends what runs, as a kill does: nothing handles it."""


@pytest.mark.parametrize("steps", range(9))
def test_a_pod_wired_halfway_is_wired_to_the_end(network: Network, monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """P17: killed after any of the kernel's changes; the next process of ours sees what is missing, and makes it."""
    left = iter(range(steps))

    def until_killed(change: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: object, **more: object) -> Any:
            if next(left, None) is None:
                raise _Killed
            return change(*arguments, **more)

        return step

    with monkeypatch.context() as patched:
        for name in CHANGES:
            patched.setattr(Netlink, name, until_killed(getattr(Netlink, name)))
        with pytest.raises(_Killed):
            network.pod("a", "10.42.0.2")
    network.restart()
    assert not any(fact.whole for fact in network.executor.facts().links)
    pod = network.pods["a"]
    assert network.attach(pod) is OutcomeStatus.DONE
    assert [fact.whole for fact in network.executor.facts().links] == [True]
    network.serve(pod)
    assert network.names(pod.ip, 8080) == ["a"]


def test_one_instance_per_network_namespace(network: Network) -> None:
    """A second start is refused and told which process and data directory hold the network."""
    with pytest.raises(ConfigurationError, match=r"process \d+ with data directory .*data"):
        network.start()


def test_only_what_is_ours_is_removed(network: Network) -> None:
    """P05: uninstalling takes our links, table, rules and server, and leaves everything else."""
    network.pod("a", "10.42.0.2")
    _run("ip", "link", "add", "rcforeign", "type", "bridge")
    _run("nft", "add", "table", "ip", "foreign")
    _run("iptables", "-I", "DOCKER-USER", "-s", "192.0.2.0/24", "-j", "ACCEPT")
    try:
        assert remove_all("another-cluster", Path("/nonexistent")) == ()
        removed = remove_all(CLUSTER, network.directory / "run")
        assert len(removed) == 5
        assert "reconciler" not in _run("nft", "list", "tables") + _run("ip", "link") + _run("iptables", "-S")
        assert "foreign" in _run("nft", "list", "tables") and "rcforeign" in _run("ip", "link")
        assert "192.0.2.0/24" in _run("iptables", "-S")
    finally:
        _run("ip", "link", "del", "rcforeign")
        _run("nft", "delete", "table", "ip", "foreign")
        _run("iptables", "-F", "DOCKER-USER")


def test_pods_reach_out_under_the_hosts_address(network: Network) -> None:
    """What leaves the cluster's networks is masqueraded."""
    pod = network.pod("a", "10.42.0.2")
    outside = network.spawn(["unshare", "--net", "sh", "-c", "echo ready; exec sleep 600"])
    inside = ["nsenter", "-t", str(outside.pid), "-n"]
    _run("ip", "link", "add", "out0", "type", "veth", "peer", "name", "eth0", "netns", str(outside.pid))
    for command in ("addr add 192.0.2.1/24 dev out0", "link set out0 up"):
        _run("ip", *command.split())
    for command in ("addr add 192.0.2.2/24 dev eth0", "link set eth0 up"):
        _run(*inside, "ip", *command.split())
    network.serve(type(pod)("outside", "192.0.2.2", outside.pid))
    assert network.ask("192.0.2.2", 8080, pod=pod) == ["outside 192.0.2.1"]


def test_preparing_again_changes_nothing(network: Network) -> None:
    """P09: a prepared host is left as it is."""
    assert network.must(HOST) is OutcomeStatus.UNCHANGED
    assert network.executor.facts().prepared
