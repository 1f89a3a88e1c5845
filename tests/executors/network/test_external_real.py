"""Services as clients outside of the cluster reach them, on a real kernel: node ports, addresses, health checks."""

import contextlib
import json
import select
import socket
import struct
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from reconciler.model.details import ProgramExternal, ProgramServices
from reconciler.model.external import Backend, HealthCheck, Way
from reconciler.model.plan import OutcomeStatus
from tests.executors.network.conftest import Network, Pod

pytestmark = pytest.mark.real

HOST_ADDRESS, OUTSIDE = "10.66.0.1", "10.66.0.2"
FAR_GATE, FAR_IP = "10.67.0.1", "10.42.1.2"
# The first is led here by the client's routes; the second, on its own link, only once it is held and announced.
BALANCED, HELD = "10.68.0.240", "10.66.0.240"
NODE_PORT = 30080


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


def _namespace(network: Network, name: str, own: str, gate: str, mac: str = "") -> Pod:
    """A network namespace on a cable of its own, as another machine is."""
    holder = network.spawn(["unshare", "--net", "sh", "-c", "echo ready; exec sleep 600"])
    _ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
    _ip("addr", "add", f"{gate}/24", "dev", name)
    _ip("link", "set", name, "up")
    machine = Pod(name, own, holder.pid)
    _inside(machine, "addr", "add", f"{own}/24", "dev", "eth0")
    _inside(machine, "link", "set", "eth0", "up")
    _inside(machine, "link", "set", "lo", "up")
    return machine


def _inside(machine: Pod, *words: str) -> None:
    subprocess.run(["nsenter", "-t", str(machine.pid), "-n", "ip", *words], check=True, capture_output=True, timeout=20)


@pytest.fixture
def outside(network: Network) -> Iterator[Pod]:
    """A client that is no part of the cluster."""
    machine = _namespace(network, "outside", OUTSIDE, HOST_ADDRESS)
    _inside(machine, "route", "add", "default", "via", HOST_ADDRESS)
    yield machine
    with contextlib.suppress(subprocess.CalledProcessError):
        _ip("link", "del", "outside")


@pytest.fixture
def far(network: Network) -> Iterator[Pod]:
    """A Pod on another node, which only knows the ways back to this node and its Pods."""
    machine = _namespace(network, "far", "10.67.0.2", FAR_GATE)
    _inside(machine, "addr", "add", f"{FAR_IP}/32", "dev", "lo")
    _inside(machine, "route", "add", "10.42.0.0/24", "via", FAR_GATE)
    _ip("route", "add", f"{FAR_IP}/32", "via", "10.67.0.2")
    network.serve(machine)
    yield machine
    with contextlib.suppress(subprocess.CalledProcessError):
        _ip("link", "del", "far")


@pytest.fixture
def near(network: Network) -> Pod:
    """A Pod on this node."""
    pod = network.pod("near", "10.42.0.2")
    network.serve(pod)
    return pod


NEAR = Backend(ip="10.42.0.2", port=8080)
FAR = Backend(ip=FAR_IP, port=8080, elsewhere=True)


def way(*backends: Backend, **settings: object) -> Way:
    """A Service that is reached by node port and by address."""
    one = Way(
        service="shop/web", protocol="TCP", port=80, addresses=(BALANCED,), node_port=NODE_PORT, backends=backends
    )
    return replace(one, **settings)


def program(network: Network, digest: str, *ways: Way) -> None:
    """Bring the table to these ways."""
    network.must(ProgramServices(digest=digest, services=(), ways=ways))
    assert network.executor.refresh(full=True).services_digest == digest, "what was programmed is not what stands"


DOORS = ((HOST_ADDRESS, NODE_PORT), (BALANCED, 80))


def test_clients_outside_reach_endpoints_here_and_elsewhere(
    network: Network, outside: Pod, near: Pod, far: Pod
) -> None:
    """By node port and by address; their own is masked only where the answer would not come back this way."""
    program(network, "1", way(NEAR, FAR))
    for address, port in DOORS:
        answers = set(network.ask(address, port, times=40, pod=outside))
        assert answers == {f"near {OUTSIDE}", f"far {FAR_GATE}"}, (address, port)
        # From the host itself and from a Pod: a Pod keeps its address.
        assert set(network.names(address, port, times=40)) == {"near", "far"}
        assert set(network.names(address, port, times=40, pod=near)) == {"near", "far"}
    assert network.ask("127.0.0.1", NODE_PORT) == ["refused"]
    program(network, "2")
    assert network.ask(HOST_ADDRESS, NODE_PORT, pod=outside) == ["refused"]


@pytest.mark.parametrize("affinity", [0, 600])
def test_the_local_policy_keeps_clients_on_the_node(
    network: Network, outside: Pod, near: Pod, far: Pod, affinity: int
) -> None:
    """Only endpoints here serve who comes from outside, with their address; Pods and the host reach all."""
    policy = way(NEAR, FAR, local=True, own=(NEAR,), affinity_timeout_s=affinity)
    program(network, "1", policy)
    for address, port in DOORS:
        assert set(network.ask(address, port, times=12, pod=outside)) == {f"near {OUTSIDE}"}
        assert set(network.names(address, port, times=1 if affinity else 40)) <= {"near", "far"}
    program(network, "2", replace(policy, own=()))
    for address, port in DOORS[: 1 if affinity else 2]:
        assert network.ask(address, port, pod=outside) == ["silent"]
        assert network.names(address, port)[0] in ("near", "far")


def test_without_endpoints_everybody_is_refused_at_once(network: Network, outside: Pod, near: Pod) -> None:
    """Also where another program of the host listens on the number."""
    with socket.create_server(("0.0.0.0", NODE_PORT)):
        program(network, "1", way())
        assert network.ask(HOST_ADDRESS, NODE_PORT, pod=outside) == ["refused"]
    assert network.ask(BALANCED, 80, pod=outside) == ["refused"]
    assert network.ask(BALANCED, 80, pod=near) == ["refused"]
    assert network.ask(BALANCED, 80) == ["refused"]


def test_affinity_holds_for_clients_outside(network: Network, outside: Pod, near: Pod, far: Pod) -> None:
    """One client, one endpoint, by each door."""
    program(network, "1", way(NEAR, FAR, affinity_timeout_s=600))
    for address, port in DOORS:
        answered = set(network.names(address, port, times=12, pod=outside))
        assert len(answered) == 1 and answered < {"near", "far"}


def test_source_ranges_fence_the_address_and_not_the_node_port(network: Network, outside: Pod, near: Pod) -> None:
    """Who is in none of them gets no answer."""
    fence = way(NEAR, fenced=(BALANCED,), source_ranges=("10.1.0.0/16", "192.0.2.7/32"))
    program(network, "1", fence)
    assert network.ask(BALANCED, 80, pod=outside) == ["silent"]
    assert network.names(HOST_ADDRESS, NODE_PORT, pod=outside) == ["near"]
    program(network, "2", replace(fence, source_ranges=("10.1.0.0/16", "10.66.0.0/30")))
    assert network.names(BALANCED, 80, pod=outside) == ["near"]
    program(network, "3", replace(fence, source_ranges=(f"{OUTSIDE}/32",)))
    assert network.names(BALANCED, 80, pod=outside) == ["near"]


def test_udp_clients_follow_their_service(network: Network, outside: Pod) -> None:
    """A client that asked before is led as soon as there is a Service, and leaves an endpoint that goes."""
    a, b = network.pod("a", "10.42.0.2"), network.pod("b", "10.42.0.3")
    for pod in (a, b):
        network.serve(pod, "udp")
    to_a, to_b = (way(Backend(ip=pod.ip, port=8080), protocol="UDP", addresses=()) for pod in (a, b))
    script = f"""
import socket
door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
door.settimeout(1)
print("ready", flush=True)
while input():
    door.sendto(b"?", ("{HOST_ADDRESS}", {NODE_PORT}))
    try:
        print(door.recv(200).decode().split()[0], flush=True)
    except OSError:
        print("silent", flush=True)
"""
    client = network.spawn(["nsenter", "-t", str(outside.pid), "-n", "python3", "-c", script], talks=True)

    def ask() -> str:
        assert client.stdin is not None and client.stdout is not None
        client.stdin.write("ask\n")
        client.stdin.flush()
        assert select.select([client.stdout], [], [], 5)[0]
        return client.stdout.readline().strip()

    assert ask() == "silent"
    program(network, "1", to_a)
    assert ask() == "a"
    program(network, "2", to_b)
    assert ask() == "b"


def test_a_restart_recognises_the_table(network: Network, near: Pod) -> None:
    """Nothing is programmed anew."""
    program(network, "1", way(NEAR, FAR, local=True, own=(), fenced=(BALANCED,), source_ranges=("10.0.0.0/8",)))
    network.restart()
    assert network.executor.facts().services_digest == "1"
    assert network.must(ProgramServices(digest="1", services=())) is OutcomeStatus.UNCHANGED


def external(digest: str, *addresses: str, checks: tuple[HealthCheck, ...] = ()) -> ProgramExternal:
    """Hold these addresses."""
    return ProgramExternal(digest=digest, address=HOST_ADDRESS, addresses=addresses, checks=checks)


def _listen(outside: Pod) -> subprocess.Popen[str]:
    """Wait, as a neighbour, for a gratuitous answer."""
    script = """
import socket
door = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
door.bind(("eth0", 0x0806))
print("ready", flush=True)
while True:
    frame = door.recv(100)
    if frame[20:22] == b"\\0\\2" and frame[28:32] == frame[38:42]:
        print(socket.inet_ntoa(frame[28:32]), frame[22:28].hex(":"), flush=True)
        break
"""
    return subprocess.Popen(
        ["nsenter", "-t", str(outside.pid), "-n", "python3", "-c", script], stdout=subprocess.PIPE, text=True
    )


def test_a_held_address_is_announced_and_answered(network: Network, outside: Pod, near: Pod) -> None:
    """Neighbours are told; the address leads to the Service and goes when it is held no longer."""
    program(network, "1", way(NEAR, node_port=0, addresses=(HELD,)))
    neighbour = _listen(outside)
    assert neighbour.stdout is not None and neighbour.stdout.readline() == "ready\n"
    with contextlib.closing(neighbour.stdout):
        network.must(external("1", HELD))
        told = neighbour.stdout.readline().split()
    neighbour.wait(10)
    shown = subprocess.run(["ip", "-j", "link", "show", "outside"], capture_output=True, text=True, check=True)
    assert told == [HELD, json.loads(shown.stdout)[0]["address"]]
    assert network.executor.facts().external_digest == "1"
    assert network.ask(HELD, 80, pod=outside) == [f"near {OUTSIDE}"]
    # A restart of ours: the address stays, and what holds is told anew.
    network.restart()
    assert network.executor.facts().external_digest not in ("", "1")
    assert network.ask(HELD, 80, pod=outside) == [f"near {OUTSIDE}"]
    assert network.must(external("1", HELD)) is OutcomeStatus.DONE
    assert network.must(external("2", "10.66.0.241")) is OutcomeStatus.DONE
    _inside(outside, "neigh", "flush", "all")
    assert network.ask(HELD, 80, pod=outside) == ["silent"]
    assert network.must(external("")) is OutcomeStatus.DONE
    assert network.executor.facts().external_digest == ""
    assert subprocess.run(["ip", "link", "show", "reconciler-lb"], capture_output=True).returncode != 0


def test_an_address_of_another_host_is_left_to_it(network: Network, outside: Pod) -> None:
    """It is told whose it is, the others are held, and it is taken once it is free."""
    _inside(outside, "addr", "add", f"{HELD}/32", "dev", "eth0")
    link = ["nsenter", "-t", str(outside.pid), "-n", "ip", "-j", "link", "show", "eth0"]
    shown = json.loads(subprocess.run(link, capture_output=True, text=True, check=True).stdout)[0]["address"]
    for _ in range(2):
        outcome = network.do(external("1", HELD, "10.66.0.241"))
        assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "AddressConflict")
        assert f"{HELD} is answered for by {shown}" in outcome.message
        assert network.executor.facts().external_digest not in ("", "1")
        assert _held() == {"10.66.0.241"}
    _inside(outside, "addr", "del", f"{HELD}/32", "dev", "eth0")
    assert network.must(external("1", HELD, "10.66.0.241")) is OutcomeStatus.DONE
    assert network.executor.facts().external_digest == "1"
    assert _held() == {HELD, "10.66.0.241"}


def test_an_address_is_taken_over_from_another_node(network: Network, outside: Pod) -> None:
    """One that has not heard yet that it is no longer the one."""
    _inside(outside, "addr", "add", f"{HELD}/32", "dev", "eth0")
    assert network.must(replace(external("1", HELD), peers=(OUTSIDE,))) is OutcomeStatus.DONE
    assert _held() == {HELD}


def _held() -> set[str]:
    shown = subprocess.run(
        ["ip", "-4", "-j", "addr", "show", "reconciler-lb"], capture_output=True, text=True, check=True
    )
    return {one["local"] for one in json.loads(shown.stdout)[0]["addr_info"]}


def test_an_address_that_somebody_removes_comes_back(network: Network, outside: Pod) -> None:
    """The kernel tells, and the same action holds it again."""
    network.must(external("1", HELD))
    network.watch()
    _ip("addr", "del", f"{HELD}/32", "dev", "reconciler-lb")
    assert network.looked("external")
    assert network.executor.facts().external_digest != "1"
    assert network.must(external("1", HELD)) is OutcomeStatus.DONE
    assert network.executor.facts().external_digest == "1"


def test_health_checks_tell_of_endpoints(network: Network) -> None:
    """As kube-proxy does; a port that is taken is an error that says so."""
    check = HealthCheck(port=31999, namespace="shop", name="web", endpoints=2)

    def ask() -> tuple[int, dict[str, object]]:
        try:
            with urllib.request.urlopen("http://127.0.0.1:31999/healthz", timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    told = {"service": {"namespace": "shop", "name": "web"}, "localEndpoints": 2, "serviceProxyHealthy": True}
    network.must(external("1", checks=(check,)))
    assert ask() == (200, told)
    network.must(external("2", checks=(replace(check, endpoints=0),)))
    assert ask() == (503, {**told, "localEndpoints": 0})
    network.must(external(""))
    with socket.create_server(("0.0.0.0", 31999)) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        outcome = network.do(external("3", checks=(check,)))
        assert outcome.status is OutcomeStatus.FAILED
        assert "service/shop/web cannot be answered on port 31999" in outcome.message
