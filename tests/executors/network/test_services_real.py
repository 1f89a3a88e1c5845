"""Services and host ports on a real kernel."""

import subprocess
import sys
import time
from collections import Counter

import pytest

from reconciler.model.details import HostPort
from reconciler.model.node import Endpoint, EndpointPort, ServiceEntry, ServicePortEntry
from reconciler.model.plan import OutcomeStatus
from tests.executors.network.conftest import HOST, SERVERS, Network, Pod, program, service

pytestmark = pytest.mark.real
VIP = "10.43.0.9"


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout


@pytest.fixture
def pods(network: Network) -> list[Pod]:
    """Three Pods that answer with their names."""
    made = [network.pod(name, f"10.42.0.{number}") for number, name in enumerate("abc", start=2)]
    for pod in made:
        network.serve(pod)
    return made


def _ips(pods: list[Pod]) -> list[str]:
    return [pod.ip for pod in pods]


def test_a_service_spreads_over_its_endpoints(network: Network, pods: list[Pod]) -> None:
    """From the host, from a Pod, and from a Pod to itself; the client's address stays but for the hairpin."""
    network.must(program("1", service(*_ips(pods))))
    assert Counter(network.names(VIP, 80, times=60)).keys() == {"a", "b", "c"}
    answers = set(network.ask(VIP, 80, times=60, pod=pods[0]))
    assert {"b 10.42.0.2", "c 10.42.0.2"} < answers
    (itself,) = [answer for answer in answers if answer.startswith("a ")]
    assert itself != "a 10.42.0.2"


def test_a_service_without_endpoints_refuses_at_once(network: Network, pods: list[Pod]) -> None:
    """Nobody waits for a timeout, from host or Pod, with or without a Service, over TCP or UDP."""
    network.must(program("1", service()))
    started = time.monotonic()
    assert set(network.ask(VIP, 80, times=30)) == {"refused"}
    assert set(network.ask(VIP, 80, times=30, pod=pods[0])) == {"refused"}
    assert network.ask("10.43.7.7", 1234, pod=pods[0]) == ["refused"]
    assert network.ask(VIP, 80, pod=pods[0], protocol="udp") == ["refused"]
    # One who is not refused waits three seconds, and so would each of sixty.
    assert time.monotonic() - started < 30


def test_a_change_reaches_new_connections(network: Network, pods: list[Pod]) -> None:
    """Endpoints come and go, in any number."""
    for digest, chosen in (("1", pods[:1]), ("2", pods), ("3", pods[1:]), ("4", pods[2:]), ("5", pods[:2])):
        assert network.must(program(digest, service(*_ips(chosen)))) is OutcomeStatus.DONE
        assert set(network.names(VIP, 80, times=40)) == {pod.name for pod in chosen}
        assert network.executor.facts().services_digest == digest
        assert network.must(program(digest, service(*_ips(chosen)))) is OutcomeStatus.UNCHANGED


def test_affinity_keeps_a_client_at_its_endpoint(network: Network, pods: list[Pod]) -> None:
    """ClientIP: one client, one endpoint, also when another endpoint goes; only a lost one is replaced."""
    network.must(program("1", service(*_ips(pods), affinity=600)))
    (first,) = set(network.names(VIP, 80, times=20, pod=pods[0]))
    others = [pod for pod in pods if pod.name != first]
    network.must(program("2", service(*(pod.ip for pod in pods if pod is not others[0]), affinity=600)))
    assert set(network.names(VIP, 80, times=20, pod=pods[0])) == {first}
    network.must(program("3", service(*_ips(others), affinity=600)))
    (second,) = set(network.names(VIP, 80, times=20, pod=pods[0]))
    assert second != first
    assert set(network.names(VIP, 80, times=10)) <= {pod.name for pod in others}


def test_endpoints_may_listen_on_different_ports(network: Network, pods: list[Pod]) -> None:
    """A named target port may be another number in each Pod."""
    network.serve(pods[1], port=8081)
    targets = tuple(
        EndpointPort(port=number, endpoints=(Endpoint(ip=pod.ip),))
        for number, pod in zip((8080, 8081), pods, strict=False)
    )
    mixed = ServiceEntry(
        namespace="shop", name="mixed", cluster_ip=VIP, ports=(ServicePortEntry(port=80, targets=targets),)
    )
    network.must(program("1", mixed))
    assert set(network.names(VIP, 80, times=40)) == {"a", "b"}


@pytest.mark.parametrize("affinity", [0, 600])
def test_udp_reaches_a_service(network: Network, affinity: int) -> None:
    """UDP works from host and Pod, with and without affinity."""
    a, b = network.pod("a", "10.42.0.2"), network.pod("b", "10.42.0.3")
    for pod in (a, b):
        network.serve(pod, "udp")
    network.must(program("1", service(a.ip, b.ip, protocol="UDP", affinity=affinity)))
    wanted = {"a", "b"} if not affinity else None
    for client in (None, a):
        answered = set(network.names(VIP, 80, times=30, pod=client, protocol="udp"))
        assert answered == wanted if wanted else len(answered) == 1 and answered < {"a", "b"}


def test_udp_clients_leave_an_endpoint_that_goes(network: Network) -> None:
    """A client that keeps its port is not bound to a removed endpoint for ever."""
    a, b = network.pod("a", "10.42.0.2"), network.pod("b", "10.42.0.3")
    for pod in (a, b):
        network.serve(pod, "udp")
    network.must(program("1", service(a.ip, protocol="UDP")))
    script = f"""
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
    door.settimeout(3)
    door.bind(("0.0.0.0", 5555))
    door.connect(("{VIP}", 80))
    print("ready", flush=True)
    for line in sys.stdin:
        door.send(b"?")
        print(door.recv(200).decode(), flush=True)
"""
    client = network.spawn(["nsenter", "-t", str(b.pid), "-n", sys.executable, "-c", script], talks=True)
    assert client.stdin is not None and client.stdout is not None
    answers = []
    for digest, target in (("2", a), ("3", b), ("4", b)):
        client.stdin.write("?\n")
        client.stdin.flush()
        answers.append(client.stdout.readline().split()[0])
        network.must(program(digest, service(target.ip, protocol="UDP")))
    assert answers == ["a", "a", "b"]


@pytest.mark.parametrize(
    "damage", ["nft flush ruleset", "nft flush table ip reconciler", "nft delete table ip reconciler"]
)
def test_a_flushed_table_is_noticed_by_event_and_made_whole(network: Network, pods: list[Pod], damage: str) -> None:
    """The kernel tells at once; programming the same Services again restores them."""
    network.must(program("1", service(*_ips(pods))))
    network.watch()
    _run(*damage.split())
    assert network.looked("nftables")
    assert network.executor.facts().services_digest == ""
    network.must(HOST)
    network.must(program("1", service(*_ips(pods))))
    assert set(network.names(VIP, 80, times=40)) == {"a", "b", "c"}
    assert network.executor.facts().services_digest == "1"


def test_a_single_foreign_element_is_noticed(network: Network, pods: list[Pod]) -> None:
    """Somebody who leads a Service elsewhere is found, and undone."""
    network.must(program("1", service(pods[0].ip)))
    network.watch()
    key = f"{VIP} . tcp . 80 . 0"
    _run("nft", f"delete element ip reconciler endpoints {{ {key} }}")
    _run("nft", f"add element ip reconciler endpoints {{ {key} : 10.42.0.3 }}")
    assert network.looked("nftables")
    network.must(program("1", service(pods[0].ip)))
    assert set(network.names(VIP, 80, times=10)) == {"a"}


def test_rules_of_others_do_not_disturb(network: Network, pods: list[Pod]) -> None:
    """P12: somebody else's table comes and goes without anybody looking."""
    network.must(program("1", service(pods[0].ip)))
    network.watch()
    _run("nft", "add table ip elsewhere")
    _run("nft", "delete table ip elsewhere")
    assert not network.looked("nftables", timeout_s=0.3)
    assert network.executor.facts().services_digest == "1"


@pytest.mark.parametrize("others_wrote", [False, True])
def test_a_restart_interrupts_nothing(network: Network, pods: list[Pod], others_wrote: bool) -> None:
    """P10: the table that stands is recognised, whether or not others wrote rules meanwhile, and then changed."""
    network.must(program("1", service(*_ips(pods)), service(pods[0].ip, address="10.43.0.10", affinity=60)))
    network.executor.close()
    if others_wrote:
        _run("nft", "add table ip elsewhere")
        _run("nft", "delete table ip elsewhere")
    before = _run("nft", "list table ip reconciler")
    network.executor = network.start()
    facts = network.executor.facts()
    assert (facts.prepared, facts.services_digest) == (True, "1")
    assert network.must(program("1", service(*_ips(pods)))) is OutcomeStatus.UNCHANGED
    assert _run("nft", "list table ip reconciler") == before
    network.must(program("2", service(pods[1].ip)))
    assert set(network.names(VIP, 80, times=20)) == {"b"}
    assert network.ask("10.43.0.10", 80) == ["refused"]


def test_a_table_changed_while_we_were_away_is_noticed(network: Network, pods: list[Pod]) -> None:
    """P17: what does not stand is not believed to stand."""
    network.must(program("1", service(*_ips(pods))))
    network.executor.close()
    _run("nft", f"delete element ip reconciler endpoints {{ {VIP} . tcp . 80 . 1 }}")
    network.executor = network.start()
    assert network.executor.facts().services_digest == ""
    network.must(program("1", service(*_ips(pods))))
    assert set(network.names(VIP, 80, times=40)) == {"a", "b", "c"}


def test_a_foreign_table_of_our_name_is_refused(network: Network) -> None:
    """P05: a table without our mark is not replaced."""
    _run("nft", "delete table ip reconciler")
    _run("nft", "add table ip reconciler")
    outcome = network.do(program("1", service()))
    assert (outcome.status, outcome.retry) == (OutcomeStatus.FAILED, "terminal")
    _run("nft", "delete table ip reconciler")


def test_a_host_port_leads_to_its_pod(network: Network, pods: list[Pod]) -> None:
    """From outside with the client's address, from the host itself, from other Pods and from the Pod itself."""
    outside = network.spawn(["unshare", "--net", "sh", "-c", "echo ready; exec sleep 600"])
    inside = ["nsenter", "-t", str(outside.pid), "-n"]
    _run("ip", "link", "add", "out0", "type", "veth", "peer", "name", "eth0", "netns", str(outside.pid))
    for command in ("addr add 192.0.2.1/24 dev out0", "link set out0 up"):
        _run("ip", *command.split())
    for command in ("addr add 192.0.2.2/24 dev eth0", "link set eth0 up"):
        _run(*inside, "ip", *command.split())
    every = HostPort(port=9000, pod_ip=pods[0].ip, pod_port=8080)
    single = HostPort(host_ip="192.0.2.1", port=9001, pod_ip=pods[1].ip, pod_port=8080)
    network.must(program("1", host_ports=(every, single)))
    client = Pod("outside", "192.0.2.2", outside.pid)
    assert network.ask("192.0.2.1", 9000, pod=client) == ["a 192.0.2.2"]
    assert network.names("192.0.2.1", 9001, pod=client) == ["b"]
    assert network.names("192.0.2.1", 9000) == ["a"]
    assert network.names("192.0.2.1", 9000, pod=pods[1]) == ["a"]
    assert network.names("192.0.2.1", 9000, pod=pods[0]) == ["a"]
    assert network.names("127.0.0.1", 9000) == ["a"]
    network.must(program("2"))
    assert network.ask("192.0.2.1", 9000, pod=client) == ["refused"]
    assert network.ask("127.0.0.1", 9000) == ["refused"]


def test_a_pod_with_a_host_port_does_not_reach_the_hosts_loopback(network: Network, pods: list[Pod]) -> None:
    """The way that leads 127.0.0.1 to the Pod is closed in the other direction."""
    network.must(program("1", host_ports=(HostPort(port=9000, pod_ip=pods[0].ip, pod_port=8080),)))
    network.spawn([sys.executable, "-c", SERVERS["tcp"], "host", "7000"])
    assert network.names("127.0.0.1", 7000) == ["host"]
    inside = ["nsenter", "-t", str(pods[0].pid), "-n"]
    # Have the Pod's 127.0.0.1 leave through its link, as a Pod with NET_ADMIN or a raw socket could.
    _run(*inside, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet")
    _run(*inside, "ip", "link", "set", "lo", "down")
    _run(*inside, "ip", "route", "flush", "table", "local")
    _run(*inside, "ip", "route", "add", "local", pods[0].ip, "dev", "eth0", "table", "local")
    _run(*inside, "ip", "route", "add", "127.0.0.1", "via", "169.254.1.1", "dev", "eth0", "src", pods[0].ip)
    assert network.ask("127.0.0.1", 7000, pod=pods[0]) == ["silent"]
    _run("nft", "flush", "chain", "ip", "reconciler", "guarding")
    assert network.names("127.0.0.1", 7000, pod=pods[0]) == ["host"], "the guard was not what kept it away"


def test_the_accept_rules_survive_docker(network: Network) -> None:
    """P10: a restart of the Engine rebuilds its chains; ours stay, and removed ones are noticed and restored."""
    network.watch()
    assert _run("iptables", "-S", "DOCKER-USER").count("10.42.0.0/16") == 2
    subprocess.run(["scripts/lab-dockerd", "restart"], check=True, timeout=60)
    assert _run("iptables", "-S", "DOCKER-USER").count("10.42.0.0/16") == 2
    assert network.executor.facts().prepared
    _run("iptables", "-F", "DOCKER-USER")
    assert network.looked("host")
    network.must(HOST)
    assert _run("iptables", "-S", "DOCKER-USER").count("10.42.0.0/16") == 2


def test_pods_pass_a_forwarding_policy_of_drop(network: Network, pods: list[Pod]) -> None:
    """Docker drops what it does not know; the accept rules let Pods and Services through."""
    network.must(program("1", service(pods[1].ip)))
    _run("iptables", "-P", "FORWARD", "DROP")
    try:
        assert network.names(pods[1].ip, 8080, pod=pods[0]) == ["b"]
        assert network.names(VIP, 80, pod=pods[0]) == ["b"]
    finally:
        _run("iptables", "-P", "FORWARD", "ACCEPT")
