"""Two hosts: who may speak with whom is what the policies say, on one host and between them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, NodeHost, start_cluster
from tests.e2e.host import wait_for
from tests.e2e.lab_node import LabNode, lab_nodes
from tests.e2e.stage import container, manifest, pod_spec

pytestmark = pytest.mark.real

SERVER = "mkdir /www; httpd -p 8080 -h /www; httpd -p 9090 -h /www; trap 'exit 0' TERM; sleep 3600 & wait $!"
TABLE = "reconciler-policy"
SOON_S = 60
Case = tuple[str, str, bool]


def server(name: str, node: str, namespace: str = "default", **more: Any) -> str:
    """A Pod on a node that listens on 8080, which it calls http, and on 9090."""
    ports = [{"name": "http", "containerPort": 8080, **more}, {"containerPort": 9090}]
    probe = {"exec": {"command": ["sh", "-c", "netstat -lnt | grep -q :9090"]}, "periodSeconds": 1}
    spec = pod_spec(container("main", SERVER, ports=ports, readinessProbe=probe))
    spec["nodeSelector"] = {"kubernetes.io/hostname": node}
    return manifest("Pod", name, metadata={"namespace": namespace, "labels": {"app": name}}, spec=spec)


def policy(name: str, **spec: Any) -> str:
    """A policy of namespace default."""
    return manifest("NetworkPolicy", name, "networking.k8s.io/v1", spec={"podSelector": {}, **spec})


def selected(app: str) -> dict[str, Any]:
    """Choose Pods by name."""
    return {"podSelector": {"matchLabels": {"app": app}}}


MANIFESTS = {
    "other.yaml": manifest("Namespace", "other", metadata={"labels": {"team": "blue"}}),
    "web.yaml": server("web", "host-1", hostPort=18080),
    "near.yaml": server("near", "host-1"),
    "far.yaml": server("far", "host-2"),
    "alien.yaml": server("alien", "host-2", "other"),
    "service.yaml": manifest(
        "Service",
        "web",
        spec={
            "type": "NodePort",
            "selector": {"app": "web"},
            "ports": [{"port": 80, "targetPort": "http", "nodePort": 30080}],
        },
    ),
}
DENY = {"deny.yaml": policy("deny", policyTypes=["Ingress", "Egress"])}
NAMES = {
    "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
    "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
}


def allowed(host: str) -> dict[str, str]:
    """What is let through besides; `host` is the address of a host."""
    return {
        "web-policy.yaml": policy(
            "web",
            **selected("web"),
            ingress=[
                {"from": [selected("far"), {"ipBlock": {"cidr": f"{host}/32"}}], "ports": [{"port": "http"}]},
                {
                    "from": [{"namespaceSelector": {"matchLabels": {"team": "blue"}}, **selected("alien")}],
                    "ports": [{"port": 9000, "endPort": 9090}],
                },
            ],
        ),
        "egress-policy.yaml": policy(
            "egress", policyTypes=["Egress"], egress=[NAMES, {"to": [selected("web")], "ports": [{"port": "http"}]}]
        ),
    }


class Net:
    """The cluster, and who reaches whom."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.nodes: dict[str, LabNode] = {one.node.name: one.node for one in cluster.hosts}
        self.late: dict[str, str] = {}
        self.addresses = {name: node.address for name, node in self.nodes.items()}
        self.homes: dict[str, str] = {}
        self.look()

    def look(self) -> None:
        """Take the addresses of Pods and Services in."""
        pods = [*self.cluster.main.pods(), *self.cluster.main.pods("other")]
        self.homes = {one["metadata"]["name"]: one["spec"]["nodeName"] for one in pods}
        self.addresses |= {one["metadata"]["name"]: one["status"].get("podIP", "") for one in pods}
        self.addresses["service"] = self.cluster.main.address("web")

    def push(self, files: dict[str, str]) -> None:
        """Have these files beside those that are always there."""
        pushed = self.cluster.main.push({**MANIFESTS, **self.late, **files}, wait=False)
        assert pushed.code == 0, pushed

    def is_open(self, client: str, target: str) -> bool:
        """Whether `client` (a Pod, or a host) reaches `target` (`who:port`, or `names`)."""
        if target == "names":
            script = "timeout 2 nslookup -type=a web.default.svc.cluster.local"
        else:
            who, _, port = target.partition(":")
            script = f"echo | timeout 2 nc -w 1 {self.addresses[who]} {port} >/dev/null && echo Address:"
        return "Address:" in self._say(client, script).partition("Name:")[2 if target == "names" else 0]

    def _say(self, client: str, script: str) -> str:
        if client in self.nodes:
            words = script.replace("timeout", "busybox timeout").replace(" nc ", " busybox nc ")
            return self.nodes[client].run("busybox", "sh", "-c", words).stdout
        node = self.nodes[self.homes[client]]
        (name,) = [one for one in node.running() if one.startswith(f"rc_main_{client}_")]
        return node.docker("exec", name, "/bin/sh", "-c", f"{script} || true")

    def expect(self, title: str, *cases: Case) -> None:
        """Wait until everything is as it should be, and print it as a table."""
        found: list[bool] = []

        def is_so() -> bool:
            with ThreadPoolExecutor(8) as pool:
                found[:] = pool.map(lambda case: self.is_open(case[0], case[1]), cases)
            return found == [wanted for *_, wanted in cases]

        try:
            wait_for(title, is_so, SOON_S, 0.2)
        finally:
            print(f"\n{title}")
            for (client, target, wanted), got in zip(cases, found, strict=True):
                word = {True: "allowed", False: "denied"}
                print(f"  {client:>7} → {target:<13} {word[got]:<8}{'' if got == wanted else 'WRONG'}")


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Net]:
    """Two hosts with two Pods each."""
    with lab_nodes(2, image) as nodes:
        hosts = [NodeHost(tmp_path_factory.mktemp(node.name), node) for node in nodes]
        cluster = start_cluster(hosts)
        pushed = cluster.main.push(MANIFESTS, wait=False)
        assert pushed.code == 0, pushed
        cluster.main.settle(90)
        yield Net(cluster)


def test_without_policies_everybody_reaches_everybody(net: Net) -> None:
    """And no host has a table for them."""
    net.expect(
        "no policy",
        ("near", "web:8080", True),
        ("far", "web:9090", True),
        ("web", "far:8080", True),
        ("far", "host-1:6443", True),
        ("alien", "service:80", True),
        ("host-2", "host-1:30080", True),
        ("host-1", "host-2:30080", True),
        ("near", "names", True),
    )
    assert not any(TABLE in node.run("nft", "list", "tables").stdout for node in net.nodes.values())


def test_a_default_denial_leaves_a_pod_its_own_host(net: Net) -> None:
    """In both directions, on one host and between two, through Services and for names."""
    net.push(DENY)
    net.expect(
        "default deny in namespace default",
        ("near", "web:8080", False),
        ("far", "web:8080", False),
        ("alien", "web:8080", False),
        ("alien", "service:80", False),
        ("web", "far:8080", False),
        ("web", "alien:8080", False),
        ("far", "host-1:6443", False),
        ("near", "names", False),
        ("web", "web:8080", True),
        ("host-1", "web:8080", True),
        ("web", "host-1:6443", True),
        ("host-2", "web:8080", False),
        ("host-2", "host-1:18080", False),
        ("host-2", "host-1:30080", False),
        ("host-2", "far:8080", True),
        ("alien", "alien:8080", True),
        ("alien", "names", True),
    )


def test_what_rules_let_through_is_let_through(net: Net) -> None:
    """By Pod, namespace, address, port by name and range; names by the usual rule; replies always."""
    net.push({**DENY, **allowed(net.addresses["host-2"])})
    net.expect(
        "with rules",
        ("far", "web:8080", True),
        ("far", "service:80", True),
        ("far", "web:9090", False),
        ("near", "web:8080", False),
        ("web", "far:8080", False),
        ("alien", "web:9090", True),
        ("alien", "web:8080", False),
        ("alien", "service:80", False),
        ("alien", "far:8080", False),
        ("host-2", "host-1:18080", True),
        ("host-2", "host-1:30080", True),
        ("host-1", "host-2:30080", False),
        ("host-2", "web:8080", False),
        ("far", "names", True),
        ("near", "names", True),
        ("far", "host-1:6443", False),
    )


def test_a_pod_more_is_let_through_when_it_has_the_labels(net: Net) -> None:
    """And is isolated from its first packet on: what it tries at once fails."""
    tries = f"nc -w 1 {net.addresses['near']} 8080 </dev/null && touch /tmp/escaped; {SERVER}"
    spec = pod_spec(container("main", tries), nodeSelector={"kubernetes.io/hostname": "host-1"})
    net.late["late.yaml"] = manifest("Pod", "late", metadata={"labels": {"app": "far"}}, spec=spec)
    net.push({**DENY, **allowed(net.addresses["host-2"])})
    net.cluster.main.settle(60)
    net.look()
    net.expect("one Pod more", ("late", "web:8080", True), ("late", "near:8080", False), ("late", "names", True))
    assert "escaped" not in net._say("late", "ls /tmp")


def test_rules_that_somebody_removes_are_made_again(net: Net) -> None:
    """By the host itself, at once."""
    node = net.nodes["host-1"]
    net.push({**DENY, **allowed(net.addresses["host-2"])})
    wait_for("there is a table", lambda: TABLE in node.run("nft", "list", "tables").stdout, SOON_S, 0.1)
    assert node.run("nft", "delete", "table", "ip", TABLE).returncode == 0
    wait_for("the table is there again", lambda: TABLE in node.run("nft", "list", "tables").stdout, SOON_S, 0.1)
    net.expect("after damage", ("near", "web:8080", False), ("far", "web:8080", True))


def test_without_policies_everything_is_open_again(net: Net) -> None:
    """And the tables are gone."""
    net.push({})
    net.expect("no policy any more", ("near", "web:8080", True), ("web", "far:8080", True), ("near", "names", True))
    wait_for(
        "the tables are gone",
        lambda: not any(TABLE in node.run("nft", "list", "tables").stdout for node in net.nodes.values()),
        SOON_S,
    )
