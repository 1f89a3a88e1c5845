"""Three hosts: Pods, hosts and Services reach each other across them, by a tunnel and by plain routes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, NodeHost, start_cluster
from tests.e2e.host import wait_for
from tests.e2e.lab_node import LabNode, lab_nodes
from tests.e2e.stage import container, manifest, pod_spec

pytestmark = pytest.mark.real

NAMES = ("host-1", "host-2", "host-3")
# Answers with the node it runs on and with who asks.
ANSWER = "#!/bin/sh\\necho; echo $NODE $REMOTE_ADDR | tr -d []"
SERVER = (
    f"mkdir -p /www/cgi-bin && printf '{ANSWER}' >/www/cgi-bin/who && chmod +x /www/cgi-bin/who && "
    "trap 'exit 0' TERM; httpd -f -p 8080 -h /www & wait $!"
)
# As a server that listens with IPv6 tells an IPv4 address.
_MAPPED = ("::ffff:", "")
MANY = 30


def server() -> str:
    """A Pod on every node."""
    labels = {"app": "who"}
    node = {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
    probe = {"exec": {"command": ["test", "-e", "/www/cgi-bin/who"]}, "periodSeconds": 1}
    template = {
        "metadata": {"labels": labels},
        "spec": pod_spec(container("who", SERVER, env=[node], readinessProbe=probe)),
    }
    return manifest("DaemonSet", "who", "apps/v1", spec={"selector": {"matchLabels": labels}, "template": template})


def service(name: str, app: str = "who", **fields: Any) -> str:
    """A Service on port 80."""
    port = {"port": 80, "targetPort": 8080}
    return manifest("Service", name, spec={"selector": {"app": app}, "ports": [port], **fields})


MANIFESTS = {
    "who.yaml": server(),
    "all.yaml": service("all"),
    "headless.yaml": service("headless", clusterIP="None"),
    "sticky.yaml": service("sticky", sessionAffinity="ClientIP"),
    "local.yaml": service("local", internalTrafficPolicy="Local"),
    "nobody.yaml": service("nobody", app="nobody"),
}


class Net:
    """The Pods of a cluster by node, and questions from them and from the hosts."""

    def __init__(self, cluster: Cluster, backend: str) -> None:
        self.cluster = cluster
        self.backend = backend
        self.hosts: dict[str, NodeHost] = {one.node.name: one for one in cluster.hosts}
        self.ips = {one["spec"]["nodeName"]: one["status"]["podIP"] for one in cluster.main.pods()}
        services = cluster.main.get("/api/v1/namespaces/default/services")["items"]
        self.services = {one["metadata"]["name"]: one["spec"]["clusterIP"] for one in services}

    def in_pod(self, node: str, script: str) -> list[str]:
        """Run a script in the Pod of a node; return the lines it prints."""
        [app] = self.cluster.apps(self.hosts[node]).values()
        return self.hosts[node].node.docker("exec", app["Id"], "/bin/sh", "-c", script).replace(*_MAPPED).splitlines()

    def on_host(self, node: str, script: str) -> list[str]:
        """Run a script on a host."""
        done = self.hosts[node].node.run("busybox", "sh", "-c", script)
        return done.stdout.replace(*_MAPPED).splitlines()

    def is_served(self, node: str) -> bool:
        """Whether a host leads those who ask the Service to every Pod."""
        return {one.split()[0] for one in self.on_host(node, ask(self.services["all"], MANY))} == set(NAMES)

    def log(self) -> str:
        """What there is to see when something fails."""
        shown = [self.hosts[name].node.run("ip", "route").stdout for name in NAMES]
        return "\n".join([*shown, self.cluster.log()])


def ask(address: str, times: int = 1, port: int = 80, patience_s: int = 5) -> str:
    """A script that asks an address some times; nothing is printed for an answer that does not come."""
    one = f"busybox timeout {patience_s} busybox wget -q -O - http://{address}:{port}/cgi-bin/who"
    return f"for i in $(busybox seq {times}); do {one} || true; done"


@pytest.fixture(scope="module", params=["vxlan", "host-gw"])
def net(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Net]:
    """Three hosts with a Pod on each."""
    with lab_nodes(3, image) as nodes:
        hosts = [NodeHost(tmp_path_factory.mktemp(node.name), node) for node in nodes]
        cluster = start_cluster(hosts, "--network-backend", request.param)
        pushed = cluster.main.push(MANIFESTS, wait=False)
        assert pushed.code == 0, pushed
        cluster.main.settle(90)
        one = Net(cluster, request.param)
        for name in NAMES:
            wait_for(f"{name} knows every Pod", lambda name=name: one.is_served(name), 60, 0.3)
        yield one


def test_pods_reach_every_pod_and_keep_their_address(net: Net) -> None:
    """By its address; who answers sees the Pod that asks, whatever nodes they are on."""
    for client in NAMES:
        for node in NAMES:
            answer = net.in_pod(client, ask(net.ips[node], port=8080))
            assert answer == [f"{node} {net.ips[client]}"], f"{client} → {node}\n{net.log()}"


def test_hosts_reach_every_pod(net: Net) -> None:
    """With an address that the other node can answer to."""
    for client in NAMES:
        for node in NAMES:
            answer = net.on_host(client, ask(net.ips[node], port=8080))
            assert [one.split()[0] for one in answer] == [node], f"{client} → {node}\n{net.log()}"


def test_packets_of_full_size_pass(net: Net) -> None:
    """What fits into the Pod's link fits between the hosts, and is not taken to pieces."""
    for node in NAMES[1:]:
        said = net.in_pod("host-1", f"ping -c 1 -W 2 -s 1400 {net.ips[node]}")
        assert any("1 packets received" in line for line in said), (said, net.log())


def test_services_are_served_from_every_node(net: Net) -> None:
    """From Pods, whose address is kept, and from hosts."""
    for client in NAMES:
        answers = net.in_pod(client, ask(net.services["all"], MANY))
        assert len(answers) == MANY, (client, answers)
        assert {one.split()[0] for one in answers} == set(NAMES), client
        others = {one.split()[1] for one in answers if one.split()[0] != client}
        assert others == {net.ips[client]}, client
        answers = net.on_host(client, ask(net.services["all"], MANY))
        assert len(answers) == MANY, (client, answers)
        assert {one.split()[0] for one in answers} == set(NAMES), client


def test_a_client_stays_with_one_endpoint(net: Net) -> None:
    """Session affinity holds for endpoints on other nodes too."""
    for client in NAMES:
        assert len({one.split()[0] for one in net.in_pod(client, ask(net.services["sticky"], 8))}) == 1, client


def test_internal_traffic_policy_local_stays_on_the_node(net: Net) -> None:
    """From Pods and from the host."""
    for client in NAMES:
        assert {one.split()[0] for one in net.in_pod(client, ask(net.services["local"], 8))} == {client}
        assert {one.split()[0] for one in net.on_host(client, ask(net.services["local"], 8))} == {client}


def test_a_service_without_endpoints_refuses_at_once(net: Net) -> None:
    """Nobody waits for a time-out."""
    script = f"busybox timeout 9 busybox wget -O - http://{net.services['nobody']}/ 2>&1 || true"
    for client in NAMES:
        assert any("refused" in line for line in net.in_pod(client, script)), client
        assert any("refused" in line for line in net.on_host(client, script)), client


def test_names_are_answered_on_every_node(net: Net) -> None:
    """A headless Service by the addresses of all its Pods, another one by its own."""
    for client in NAMES:
        said = net.in_pod(client, "nslookup -type=a headless.default.svc.cluster.local")
        assert set(net.ips.values()) <= {line.split()[-1] for line in said if line.startswith("Address")}, said
        answers = net.in_pod(client, ask("all.default.svc.cluster.local", 1))
        assert len(answers) == 1, client


def test_nodes_tell_their_addresses(net: Net) -> None:
    """InternalIP is that of the host."""
    for node in net.cluster.main.get("/api/v1/nodes")["items"]:
        addresses = {one["type"]: one["address"] for one in node["status"]["addresses"]}
        assert addresses["InternalIP"] == net.hosts[node["metadata"]["name"]].node.address


def test_doctor_asks_the_other_nodes(net: Net) -> None:
    """Each of them answers, and the ranges of their Pods are not taken for routes of others."""
    for name in NAMES:
        said = net.hosts[name].run("doctor").out
        lines = {line.split()[1]: line for line in said.splitlines() if line.startswith(("OK", "WARN", "FAIL"))}
        assert "2 other nodes answer" in lines.get("peers", ""), said
        assert lines["addresses"].startswith("OK"), said


def test_a_link_that_was_cut_heals(net: Net) -> None:
    """First the cable, then the host's own link with every route on it; nothing is restarted."""
    before = net.cluster.running()
    across = ask(net.ips["host-2"], port=8080, patience_s=2)
    node = net.hosts["host-2"].node
    _cable(node, "down")
    assert net.in_pod("host-1", across) == []
    assert len(net.in_pod("host-1", ask(net.ips["host-3"], port=8080))) == 1
    _cable(node, "up")
    wait_for("the Pod is reached again", lambda: len(net.in_pod("host-1", across)) == 1, 60, 0.2)
    for words in ("link set eth0 down", "link set eth0 up", "route add default via 10.99.0.1"):
        assert node.run("ip", *words.split()).returncode == 0, words
    for client in ("host-1", "host-2"):
        other = "host-2" if client == "host-1" else "host-3"
        script = ask(net.ips[other], port=8080)
        wait_for(
            f"{client} reaches {other}",
            lambda client=client, script=script: len(net.in_pod(client, script)) == 1,
            60,
            0.2,
        )
    assert net.cluster.running() == before


def test_routes_that_somebody_removes_come_back(net: Net) -> None:
    """The kernel tells the agent, which makes them again and says so."""
    node = net.hosts["host-1"].node
    cidr = f"{net.ips['host-3'].rpartition('.')[0]}.0/24"
    assert node.run("ip", "route", "del", cidr).returncode == 0
    wait_for("the route is back", lambda: cidr in node.run("ip", "route").stdout, 20, 0.1)
    wait_for("it is told", lambda: "made again" in net.cluster.main.events(), 60, 0.5)


def test_a_node_that_is_removed_leaves_no_way(net: Net) -> None:
    """The others forget it; a plan has nothing to do afterwards."""
    assert net.cluster.main.run("node", "remove", "host-3").code == 0
    cidr = f"{net.ips['host-3'].rpartition('.')[0]}.0/24"
    for name in NAMES[:2]:
        node = net.hosts[name].node
        wait_for("the route is gone", lambda node=node: cidr not in node.run("ip", "route").stdout, 60, 0.2)


def _cable(node: LabNode, state: str) -> None:
    """Pull the cable of a host out at the other end, or put it in; the network bears the name of the lab's folder."""
    words = ["ip", "-n", node.home.parent.name, "link", "set", node.name, state]
    subprocess.run(words, check=True, capture_output=True)
