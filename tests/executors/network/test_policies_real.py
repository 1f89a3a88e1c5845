"""The rules of network policies on a real kernel."""

import subprocess
import threading
from collections.abc import Iterator

import pytest

from reconciler.executors.network.nftables import Nftables
from reconciler.executors.network.policies import remove_table as remove_policies
from reconciler.executors.network.policies_layout import TABLE
from reconciler.model.details import AttachPod, ProgramPolicies
from reconciler.model.networkpolicy import ANY_PROTOCOL, Box, IsolatedPod, PolicyProfile, PolicyRules
from reconciler.model.plan import OutcomeStatus
from reconciler.planner.node.policy_boxes import address_number
from tests.executors.network.conftest import CLUSTER, HOST, Network, Pod, program, service

pytestmark = pytest.mark.real
A, B, C = "10.42.0.2", "10.42.0.3", "10.42.0.4"
DNS = HOST.dns_address
OWN = "192.0.2.77"
TCP, UDP = 6, 17


def _nft(*command: str) -> str:
    return subprocess.run(["nft", *command], capture_output=True, text=True, check=True, timeout=20).stdout


def _box(ip: str, protocol: int = ANY_PROTOCOL, first: int = 0, last: int = 65535, until: str = "") -> Box:
    return Box(address_number(ip), address_number(until or ip), protocol, first, last)


def rules(digest: str, ingress: dict[str, tuple[Box, ...]], egress: dict[str, tuple[Box, ...]]) -> ProgramPolicies:
    """Return what isolates Pods by address, each with what is let through."""
    profiles, pods = [], []
    for ip in sorted({*ingress, *egress}):
        names = {}
        for direction, prefix, of in (("ingress", "in", ingress), ("egress", "eg", egress)):
            if ip in of:
                names[direction] = f"{prefix}-{ip.replace('.', '')}"
                profiles.append(PolicyProfile(name=names[direction], boxes=of[ip]))
        pods.append(IsolatedPod(ip=ip, **names))
    return ProgramPolicies(
        digest=digest, dns_address=DNS, rules=PolicyRules(pods=tuple(pods), profiles=tuple(profiles))
    )


NONE = ProgramPolicies(digest="", dns_address=DNS, rules=PolicyRules())


@pytest.fixture
def pods(network: Network) -> Iterator[list[Pod]]:
    """Three Pods that answer with their names."""
    made = [network.pod(name, ip) for name, ip in (("a", A), ("b", B), ("c", C))]
    for pod in made:
        network.serve(pod)
    yield made


def _reach(network: Network, address: str, port: int, pod: Pod | None = None, protocol: str = "tcp") -> bool:
    """Whether somebody answers; denied packets are dropped, so that this does not wait for long."""
    options = {"tcp": [], "udp": ["-u"]}[protocol]
    command = ["busybox", "timeout", "1", "busybox", "nc", *options, "-w", "1", address, str(port)]
    prefix = ["nsenter", "-t", str(pod.pid), "-n"] if pod else []
    done = subprocess.run([*prefix, *command], input="?\n", capture_output=True, text=True, timeout=20, check=False)
    return bool(done.stdout)


def test_only_what_is_let_through_arrives(network: Network, pods: list[Pod]) -> None:
    """By peer, protocol and port, at both ends of ranges; the host itself always, and the Pod itself."""
    a, b, c = pods
    for port in (8079, 8081, 8090, 8091):
        network.serve(a, port=port)
    network.serve(a, "udp", 8080)
    network.must(rules("1", {A: (_box(B, TCP, 8080, 8090),)}, {}))
    table = {
        "b:8079": (_reach(network, A, 8079, b), False),
        "b:8080": (_reach(network, A, 8080, b), True),
        "b:8081": (_reach(network, A, 8081, b), True),
        "b:8090": (_reach(network, A, 8090, b), True),
        "b:8091": (_reach(network, A, 8091, b), False),
        "b:8080/udp": (_reach(network, A, 8080, b, "udp"), False),
        "c:8080": (_reach(network, A, 8080, c), False),
        "host:8091": (_reach(network, A, 8091), True),
        "a→b": (_reach(network, B, 8080, a), True),
        "b→c": (_reach(network, C, 8080, b), True),
    }
    assert {name: got for name, (got, _) in table.items()} == {name: wanted for name, (_, wanted) in table.items()}


def test_what_leaves_is_judged_by_its_endpoint(network: Network, pods: list[Pod]) -> None:
    """A Service is its endpoints; a Pod reaches itself through one, its host always, and names when it may."""
    a, *_ = pods
    network.must(program("1", service(B), service(A, address="10.43.0.10"), service(C, address="10.43.0.11")))
    network.must(rules("1", {A: ()}, {A: (_box(B, TCP, 8080, 8080),)}))
    assert _reach(network, "10.43.0.9", 80, a)
    assert _reach(network, "10.43.0.10", 80, a), "itself"
    assert not _reach(network, "10.43.0.11", 80, a)
    subprocess.run(["ip", "address", "add", f"{OWN}/32", "dev", "lo"], check=True, timeout=10)
    network.spawn(["python3", "-c", _SERVER, OWN, "7070"])
    assert _reach(network, OWN, 7070, a), "its own host"
    ask = ["nsenter", "-t", str(a.pid), "-n", "python3", "-c", _QUESTION, DNS]
    assert subprocess.run(ask, capture_output=True, check=False, timeout=10).returncode != 0
    network.must(rules("2", {A: ()}, {A: (_box(B, TCP, 8080, 8080), _box(DNS, UDP, 53, 53))}))
    assert subprocess.run(ask, capture_output=True, check=False, timeout=10).returncode == 0


# Asks for the addresses of the root, and is content with any answer.
_QUESTION = """
import socket, sys
door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
door.settimeout(1)
door.connect((sys.argv[1], 53))
door.send(bytes.fromhex("000101000001000000000000" + "00" + "00010001"))
door.recv(512)
"""
_ECHO = """
import socket
door = socket.create_server(("0.0.0.0", 9000))
print("ready", flush=True)
client, _ = door.accept()
while said := client.recv(9):
    client.sendall(said)
"""
_TALKER = """
import socket, sys
door = socket.create_connection((sys.argv[1], 9000), 2)
print("ready", flush=True)
for _ in sys.stdin:
    door.sendall(b"x")
    print(door.recv(9).decode(), flush=True)
"""
_SERVER = """
import socket, sys
door = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("ready", flush=True)
while True:
    client, peer = door.accept()
    client.sendall(b"host")
    client.close()
"""


def test_a_connection_goes_on_when_it_would_not_be_let_through_any_more(network: Network, pods: list[Pod]) -> None:
    """New ones are judged anew. Kubernetes leaves it open; so it is told in docs/PLANNING.md."""
    a, b, _ = pods
    network.spawn(["nsenter", "-t", str(a.pid), "-n", "python3", "-c", _ECHO])
    network.must(rules("1", {A: (_box(B),)}, {}))
    talker = network.spawn(["nsenter", "-t", str(b.pid), "-n", "python3", "-c", _TALKER, A], talks=True)
    network.must(rules("2", {A: ()}, {}))
    assert talker.stdin is not None
    assert talker.stdout is not None
    talker.stdin.write("go\n")
    talker.stdin.flush()
    assert talker.stdout.readline() == "x\n"
    assert not _reach(network, A, 8080, b)


def test_a_pod_is_not_wired_before_its_rules(network: Network) -> None:
    """In each direction that isolates it."""
    holder = network.spawn(["unshare", "--net", "sh", "-c", "echo ready; exec sleep 600"])
    network.pods["d"] = Pod("d", "10.42.0.9", holder.pid)
    attach = AttachPod(pod_uid="uid-d", sandbox="d", pod_ip="10.42.0.9", isolated=("ingress", "egress"))
    assert network.do(attach).status is OutcomeStatus.STALE
    network.must(rules("1", {"10.42.0.9": ()}, {}))
    outcome = network.do(attach)
    assert (outcome.status, outcome.reason) == (OutcomeStatus.STALE, "RulesMissing")
    assert not network.executor.facts().links
    network.must(rules("2", {"10.42.0.9": ()}, {"10.42.0.9": ()}))
    assert network.do(attach).status is OutcomeStatus.DONE


def test_one_change_after_the_other_leads_to_each(network: Network, pods: list[Pod]) -> None:
    """By difference: elements, profiles that come and go, Pods that change profile, and back to no table."""
    steps = [
        rules("1", {A: (_box(B, TCP, 1, 9),)}, {}),
        rules("2", {A: (_box(B, TCP, 1, 9), _box(C))}, {B: ()}),
        rules("3", {A: (_box(A, TCP, 1, 8, until=C),), C: (_box("0.0.0.0", until="255.255.255.255"),)}, {}),
        rules("4", {A: (_box(A, TCP, 2, 8, until=C), _box("10.42.0.8", UDP, 5, 5, until="10.42.0.11"))}, {A: ()}),
        rules("5", {}, {B: (_box(C),)}),
        NONE,
        rules("7", {A: ()}, {}),
    ]
    for one in steps:
        assert network.must(one) is OutcomeStatus.DONE
        facts = network.executor.refresh(full=True)
        assert (facts.policies_digest, facts.policies_damaged) == (one.digest, False)
        assert network.must(one) is OutcomeStatus.UNCHANGED
        assert (TABLE in _nft("list", "tables")) == bool(one.digest)


def test_what_others_change_is_noticed_and_mended(network: Network, pods: list[Pod]) -> None:
    """At once, by the kernel's own event; the next program writes all of it."""
    network.watch()
    wanted = rules("1", {A: (_box(B),)}, {})
    for damage in _DAMAGES:
        network.must(wanted)
        network.looks.clear()
        _nft(damage)
        assert network.looked("policies"), damage
        facts = network.executor.facts()
        assert (facts.policies_digest, facts.policies_damaged) == ("", True), damage
        assert network.must(wanted) is OutcomeStatus.DONE
        assert network.executor.refresh(full=True).policies_digest == "1", damage
    assert not _reach(network, A, 8080, pods[2])


_DAMAGES = (
    "flush chain ip reconciler-policy forwarding",
    "delete table ip reconciler-policy",
    "delete element ip reconciler-policy ingress { 10.42.0.2 }",
    "add element ip reconciler-policy in-104202 { 10.42.0.4 . 0-255 . 0-65535 }",
    "insert rule ip reconciler-policy forwarding accept",
)


def test_a_restart_finds_the_rules_and_touches_nothing(network: Network, pods: list[Pod]) -> None:
    """What others did meanwhile is found too."""
    network.must(rules("1", {A: (_box(B),)}, {}))
    monitor = subprocess.Popen(["nft", "monitor"], stdout=subprocess.PIPE, text=True)
    seen: list[str] = []
    reader = threading.Thread(target=lambda: seen.extend(monitor.stdout or ()), daemon=True)
    reader.start()
    network.restart()
    assert network.executor.facts().policies_digest == "1"
    assert network.must(rules("1", {A: (_box(B),)}, {})) is OutcomeStatus.UNCHANGED
    monitor.terminate()
    monitor.wait()
    reader.join(5)
    assert not [line for line in seen if TABLE in line]
    network.executor.close()
    _nft("flush", "chain", "ip", TABLE, "in-104202")
    network.executor = network.start()
    assert network.executor.facts().policies_damaged


def test_clean_up_takes_the_rules_along(network: Network) -> None:
    """Those of this cluster only."""
    network.must(rules("1", {A: ()}, {}))
    assert remove_policies(Nftables(), "another") is False
    assert remove_policies(Nftables(), CLUSTER) is True
    assert TABLE not in _nft("list", "tables")


def test_a_table_of_somebody_else_is_left_alone(network: Network) -> None:
    """It is said what is in the way."""
    _nft("add", "table", "ip", TABLE)
    outcome = network.do(rules("1", {A: ()}, {}))
    assert outcome.status is OutcomeStatus.FAILED
    assert "not this cluster's" in outcome.message
    assert network.must(NONE) is OutcomeStatus.UNCHANGED
    assert TABLE in _nft("list", "tables")
    _nft("delete", "table", "ip", TABLE)
