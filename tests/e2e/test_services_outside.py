"""Three hosts as clients outside see them: node ports on each, and an address that outlives the host that holds it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.cluster import NodeHost, start_cluster
from tests.e2e.host import wait_for
from tests.e2e.kubectl import found
from tests.e2e.lab_node import lab_nodes
from tests.e2e.stage import container, manifest, pod_spec, workload
from tests.e2e.test_network_between_nodes import MANY, NAMES, SERVER, Net, ask, server

pytestmark = pytest.mark.real

POOL = "10.99.0.240-10.99.0.241"
CLIENT = "10.99.0.1"  # the network's own end, which is no host of the cluster
EXCLUDED = {"node.kubernetes.io/exclude-from-external-load-balancers": "true"}
EVERY, HERE = 30080, 30081


def service(name: str, app: str, type_: str, node_port: int | None = None, **fields: Any) -> str:
    """A Service that is reached from outside, on port 80."""
    port = {"port": 80, "targetPort": 8080} | ({"nodePort": node_port} if node_port else {})
    return manifest("Service", name, spec={"type": type_, "selector": {"app": app}, "ports": [port], **fields})


def one_server() -> str:
    """A single Pod, on the third host."""
    node = {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
    probe = {"exec": {"command": ["test", "-e", "/www/cgi-bin/who"]}, "periodSeconds": 1}
    placed = {"nodeSelector": {"kubernetes.io/hostname": "host-3"}}
    return workload("Deployment", "one", pod_spec(container("one", SERVER, env=[node], readinessProbe=probe), **placed))


MANIFESTS = {
    "who.yaml": server(),
    "one.yaml": one_server(),
    "every.yaml": service("every", "who", "NodePort", EVERY),
    "here.yaml": service("here", "one", "NodePort", HERE, externalTrafficPolicy="Local"),
    "balanced.yaml": service("balanced", "who", "LoadBalancer"),
    "cloud.yaml": service("cloud", "who", "LoadBalancer", loadBalancerClass="reconciler.dev/provider"),
    "kept.yaml": service("kept", "one", "LoadBalancer", externalTrafficPolicy="Local"),
}
REFUSED = "loadBalancerIP 10.99.0.99 is not among the addresses for load balancers"
LATE = {"late.yaml": service("late", "who", "LoadBalancer", loadBalancerIP="10.99.0.99")}


# Has one machine in a zone, and names every load balancer that it is asked for after its Service.
PROVIDER = f"""#!{sys.executable}
import json, sys
asked = json.load(sys.stdin)
balancers = [
    {{"namespace": one["namespace"], "name": one["name"], "hostname": one["name"] + ".lb.example.org"}}
    for one in asked.get("loadBalancers", [])
    if all(port.get("nodePort") for port in one["ports"])
]
machine = {{"node": "host-2", "providerID": "example://2", "zone": "b"}}
print(json.dumps({{"apiVersion": asked["apiVersion"], "instances": [machine], "loadBalancers": balancers}}))
"""


class Outside(Net):
    """The cluster, and a client that is no part of it."""

    def in_pod(self, node: str, script: str) -> list[str]:
        """Run a script in the Pod of the DaemonSet on a node; return the lines it prints."""
        [app] = [one for name, one in self.cluster.apps(self.hosts[node]).items() if name.startswith("rc_who_")]
        return self.hosts[node].node.docker("exec", app["Id"], "/bin/sh", "-c", script).splitlines()

    def from_outside(self, script: str) -> list[str]:
        """Run a script on the network between the hosts."""
        network = self.hosts["host-1"].node.home.parent.name
        words = ["ip", "netns", "exec", network, "busybox", "sh", "-c", script]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout.replace("::ffff:", "").splitlines()

    def is_balanced(self) -> bool:
        """Whether each load balancer has what leads to it, from everywhere to every Pod."""
        named = self.service("cloud").get("status", {}).get("loadBalancer", {}).get("ingress")
        addresses = [self.address(name) for name in ("balanced", "kept")]
        if not named or not all(address and len(self.holders(address)) == 1 for address in addresses):
            return False
        there = {one.split()[0] for one in self.from_outside(ask(addresses[0], MANY))}
        return there == set(NAMES) and bool(self.from_outside(ask(addresses[1])))

    def service(self, name: str) -> dict[str, Any]:
        """Return a Service as the API shows it."""
        found: dict[str, Any] = self.cluster.main.get(f"/api/v1/namespaces/default/services/{name}")
        return found

    def address(self, name: str) -> str:
        """Return the address of a load balancer; nothing while it has none."""
        ingress = self.service(name).get("status", {}).get("loadBalancer", {}).get("ingress", [])
        return "".join(one["ip"] for one in ingress)

    def holders(self, address: str, names: tuple[str, ...] = NAMES) -> list[str]:
        """Return the hosts that hold an address."""
        return [name for name in names if address in self.hosts[name].node.run("ip", "addr", "show").stdout]


def ask_for_a_foreign_address(net: Outside) -> None:
    """Push a load balancer with an address that is not ours to give, and wait until that is told."""
    if net.cluster.main.get("/api/v1/namespaces/default/services/late") is None:
        net.cluster.main.push({**MANIFESTS, **LATE}, wait=False)
    wait_for("it is told", lambda: "AllocationFailed" in net.cluster.main.events(), 60, 0.2)


def kubectl(host: NodeHost, *arguments: str) -> str:
    """Run the newest kubectl on a host, where the API is reached; return what it prints."""
    config = host.home / "kubeconfig"
    if not config.exists():
        config.write_text(host.run("kubeconfig").out)
    options = (f"--kubeconfig={config}", f"--cache-dir={host.home / 'cache'}")
    done = host.node.run(list(found().values())[-1], *options, *arguments)
    assert done.returncode == 0, (arguments, done)
    return done.stdout


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Outside]:
    """Three hosts with a Pod on each, and one more on the third."""
    with lab_nodes(3, image) as nodes:
        hosts = [NodeHost(tmp_path_factory.mktemp(node.name), node) for node in nodes]
        hosts[0].data.mkdir()
        provider = hosts[0].data / "provider"
        provider.write_text(PROVIDER)
        provider.chmod(0o755)
        (hosts[0].data / "config.yaml").write_text(
            f"loadBalancer: {{addresses: [{POOL}]}}\nprovider: {{script: {provider}, intervalS: 1}}\n"
        )
        cluster = start_cluster(hosts)
        # The daemon's host is not the one that is switched off.
        assert cluster.main.patch("/api/v1/nodes/host-1", {"metadata": {"labels": EXCLUDED}}), cluster.main.log()
        pushed = cluster.main.push(MANIFESTS, wait=False)
        assert pushed.code == 0, pushed
        cluster.main.settle(90)
        one = Outside(cluster, "vxlan")
        wait_for("load balancers are served", one.is_balanced, 60, 0.5)
        yield one


def test_every_node_answers_on_the_node_port(net: Outside) -> None:
    """From outside, from hosts and from Pods; the client is masked only where its answer would go astray."""
    own = {name: net.hosts[name].node.address for name in NAMES}
    for node in NAMES:
        answers = net.from_outside(ask(own[node], MANY, port=EVERY))
        assert len(answers) == MANY, (node, answers, net.log())
        assert {one.split()[0] for one in answers} == set(NAMES), node
        seen = {one.split()[1] for one in answers if one.split()[0] == node}
        assert seen == {CLIENT}, node
        assert CLIENT not in {one.split()[1] for one in answers if one.split()[0] != node}
        for client in NAMES:
            inside = net.in_pod(client, ask(own[node], 6, port=EVERY))
            assert len(inside) == 6, (client, node, inside)
            assert len(net.on_host(client, ask(own[node], 6, port=EVERY))) == 6, (client, node)


def test_the_local_policy_keeps_the_client_and_answers_where_the_pod_is(net: Outside) -> None:
    """Elsewhere nobody answers; a client inside is served all the same."""
    own = {name: net.hosts[name].node.address for name in NAMES}
    assert set(net.from_outside(ask(own["host-3"], 4, port=HERE))) == {f"host-3 {CLIENT}"}
    assert net.from_outside(ask(own["host-2"], 1, port=HERE, patience_s=2)) == []
    assert [one.split()[0] for one in net.on_host("host-2", ask(own["host-2"], 1, port=HERE))] == ["host-3"]


def test_an_address_leads_to_its_service(net: Outside) -> None:
    """From outside and from every host; exactly one holds it."""
    address = net.address("balanced")
    assert address in ("10.99.0.240", "10.99.0.241")
    answers = net.from_outside(ask(address, MANY))
    assert {one.split()[0] for one in answers} == set(NAMES) and len(answers) == MANY, net.log()
    for client in NAMES:
        assert len(net.on_host(client, ask(address, 3))) == 3, client
        assert len(net.in_pod(client, ask(address, 3))) == 3, client
    (holder,) = net.holders(address)
    assert holder != "host-1"
    assert set(net.from_outside(ask(net.address("kept"), 4))) == {f"host-3 {CLIENT}"}
    assert net.holders(net.address("kept")) == ["host-3"]


def test_nodes_tell_whether_they_have_endpoints(net: Outside) -> None:
    """For load balancers before the cluster: 200 where one is, 503 elsewhere."""
    number = net.service("kept")["spec"]["healthCheckNodePort"]
    for name in NAMES:
        url = f"http://{net.hosts[name].node.address}:{number}/healthz"
        answers = net.from_outside(f"busybox wget -S -O - {url} 2>&1")
        code, count = ("200", 1) if name == "host-3" else ("503", 0)
        assert any(f" {code} " in line for line in answers), (name, answers)
        assert code == "503" or any(f'"localEndpoints": {count}' in line for line in answers), answers


def test_a_load_balancer_that_can_have_no_address_says_why(net: Outside) -> None:
    """It has none, and an Event names the address that was asked for."""
    ask_for_a_foreign_address(net)
    assert net.address("late") == ""
    told = net.cluster.main.get("/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=late")["items"]
    [message] = [one["message"] for one in told if one["reason"] == "AllocationFailed"]
    assert REFUSED in message


@pytest.mark.skipif(not found(), reason="needs kubectl")
def test_kubectl_shows_ports_and_addresses(net: Outside) -> None:
    """And `<pending>` for what waits, with an Event that says why."""
    main = net.cluster.main
    ask_for_a_foreign_address(net)
    shown = {line.split()[0]: line.split() for line in kubectl(main, "get", "services").splitlines()[1:]}
    assert shown["every"][1:5:3] == ["NodePort", f"80:{EVERY}/TCP"] and shown["every"][3] == "<none>"
    assert shown["balanced"][1] == "LoadBalancer" and shown["balanced"][3] == net.address("balanced")
    assert shown["late"][3] == "<pending>"
    told = kubectl(main, "describe", "service", "late")
    assert REFUSED in told and "AllocationFailed" in told
    kept = kubectl(main, "describe", "service", "kept")
    for part in ("External Traffic Policy:", "Local", "HealthCheck NodePort:", "LoadBalancer Ingress:", "nodeAssigned"):
        assert part in kept


def test_a_provider_names_load_balancers_and_machines(net: Outside) -> None:
    """What the executable answers is in Service and Node."""
    ingress = net.service("cloud")["status"]["loadBalancer"]["ingress"]
    assert ingress == [{"hostname": "cloud.lb.example.org"}]
    node = net.cluster.main.get("/api/v1/nodes/host-2")
    assert node["metadata"]["labels"]["topology.kubernetes.io/zone"] == "b"
    assert node["spec"]["providerID"] == "example://2"


def test_another_host_takes_the_address_when_its_holder_is_switched_off(net: Outside) -> None:
    """Neighbours are told, so that clients which knew the former come to it at once."""
    address = net.address("balanced")
    (holder,) = net.holders(address)
    left = tuple(name for name in NAMES if name != holder)
    net.hosts[holder].node.power_off()
    wait_for("another host holds it", lambda: bool(net.holders(address, left)), 90, 0.5)
    wait_for("clients reach it", lambda: len(net.from_outside(ask(address, 4, patience_s=2))) == 4, 60, 0.5)
    assert holder not in {one.split()[0] for one in net.from_outside(ask(address, MANY))}
