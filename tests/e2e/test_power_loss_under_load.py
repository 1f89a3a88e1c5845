"""A host of three loses power while its cluster serves a shop by its Ingress, and comes back.

Before that, the Ingress as every Pod and host reaches it on every host.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from reconciler.lab.fabric import Fabric
from tests.e2e.cluster import Cluster, NodeHost, start_cluster
from tests.e2e.echo import certificate
from tests.e2e.host import IMAGE, ROOT, wait_for
from tests.e2e.ingresses import backend, ingress, rule, secret
from tests.e2e.lab_node import lab_nodes
from tests.e2e.stage import container, manifest, pod_spec

pytestmark = pytest.mark.real

NAMES = ("host-1", "host-2", "host-3")
# Who asks from outside comes in by the second; the third loses power.
DOOR, LOST, LEFT = "host-2", "host-3", NAMES[:2]
SHOP = "shop.example"
REPLICAS, NOBODY = 6, 30099
RATE, MOST = 200, 20_000
LEASE_S, TOLERATION_S = 40.0, 5
# From the end of the lease until every map is without what is dead.
MARGIN_S = 2.0
SERVER = (
    "mkdir -p /www/sticky && echo $NODE >/www/index.html && cp /www/index.html /www/sticky && trap 'exit 0' TERM; "
    "httpd -f -p 8080 -h /www & wait $!"
)
# Asks each address for a page of a host, whose certificate has to be the one that is trusted.
ASK = """
import socket, ssl, sys
trusted, host, path, cookie, *addresses = sys.argv[1:]
context = ssl.create_default_context(cafile=trusted)
for address in addresses:
    with socket.create_connection((address, 443), timeout=5) as plain:
        with context.wrap_socket(plain, server_hostname=host) as door:
            door.sendall(f"GET {path} HTTP/1.0\\r\\nHost: {host}\\r\\nCookie: {cookie}\\r\\n\\r\\n".encode())
            head, _, body = b"".join(iter(lambda: door.recv(4096), b"")).decode().partition("\\r\\n\\r\\n")
    kept = [one.split()[1].strip(";") for one in head.splitlines() if one.lower().startswith("set-cookie:")]
    print(address, head.split()[1], body.split()[0], *kept)
"""


def workload(kind: str, name: str, spec: dict[str, Any], **fields: Any) -> str:
    """A Deployment, StatefulSet or DaemonSet whose Pods serve the name of their node."""
    labels = {"app": name}
    node = {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    served = pod_spec(container("app", SERVER, env=[node], readinessProbe=probe), **spec)
    template = {"metadata": {"labels": labels}, "spec": served}
    wanted = {"selector": {"matchLabels": labels}, "template": template, **fields}
    return manifest(kind, name, "apps/v1", spec=wanted)


def service(name: str, app: str, **fields: Any) -> str:
    """A Service on port 80."""
    port = {"port": 80, "targetPort": 8080, **fields.pop("port", {})}
    return manifest("Service", name, spec={"selector": {"app": app}, "ports": [port], **fields})


def manifests(key: str, crt: str) -> dict[str, str]:
    """A shop that may move, a database that may not, and what is on every node."""
    host = "kubernetes.io/hostname"
    spread = {
        "maxSkew": 1,
        "topologyKey": host,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app": "shop"}},
    }
    briefly = {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": TOLERATION_S}
    leaves = [{"key": f"node.kubernetes.io/{taint}", **briefly} for taint in ("unreachable", "not-ready")]
    apart = {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": host}
    alone = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [apart]}}
    paths = rule(SHOP, to="shop")
    paths["http"]["paths"].append({"path": "/nobody", "pathType": "Prefix", "backend": backend("nobody")})
    tls = [{"hosts": [SHOP], "secretName": "shop"}]
    shop = {"tolerations": leaves, "topologySpreadConstraints": [spread]}
    db = {"affinity": alone, "tolerations": leaves}
    return {
        "shop.yaml": workload("Deployment", "shop", shop, replicas=REPLICAS),
        "db.yaml": workload(
            "StatefulSet", "db", db, replicas=len(NAMES), serviceName="db", podManagementPolicy="Parallel"
        ),
        "every.yaml": workload("DaemonSet", "every", {}),
        "service-shop.yaml": service("shop", "shop"),
        "service-db.yaml": service("db", "db", clusterIP="None"),
        "nobody.yaml": service("nobody", "nobody", type="NodePort", port={"nodePort": NOBODY}),
        "secret.yaml": secret("shop", {"tls.crt": crt, "tls.key": key}, "kubernetes.io/tls"),
        "ingress.yaml": ingress("shop", paths, tls=tls),
        "ingress-sticky.yaml": ingress("sticky", rule(SHOP, "/sticky/", to="shop"), tls=tls, affinity="cookie"),
    }


class Town:
    """The cluster, and those who ask it from everywhere."""

    def __init__(self, cluster: Cluster, trusted: Path) -> None:
        self.cluster = cluster
        self.main = cluster.main
        self.trusted = trusted
        self.hosts: dict[str, NodeHost] = {one.node.name: one for one in cluster.hosts}
        self.addresses = [one.node.address for one in cluster.hosts]
        self.network = cluster.main.node.home.parent.name

    def pods(self, app: str) -> dict[str, dict[str, Any]]:
        """Return the Pods of a workload by name, with those that end."""
        found = [one for one in self.main.pods() if one["metadata"]["labels"]["app"] == app]
        return {one["metadata"]["name"]: one for one in found}

    def ready(self, app: str) -> dict[str, str]:
        """Return on which node each ready Pod of a workload is."""
        return {name: one["spec"]["nodeName"] for name, one in self.pods(app).items() if is_ready(one)}

    def ask(self, door: list[str], path: str = "/", cookie: str = "") -> list[list[str]]:
        """Ask every node by its Ingress from behind a door; return address, status, answer and cookies of each."""
        done = self._asked(door, path, cookie)
        assert done.returncode == 0, (door, done.stderr[-1000:], self.cluster.log())
        return [line.split() for line in done.stdout.splitlines()]

    def _asked(self, door: list[str], path: str, cookie: str) -> subprocess.CompletedProcess[str]:
        command = [*door, sys.executable, "-c", ASK, str(self.trusted), SHOP, path, cookie, *self.addresses]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def is_served(self) -> bool:
        """Whether every host's Ingress leads to a Pod, for those outside and those on each host."""
        doors = (["ip", "netns", "exec", self.network], *(host.node.inside() for host in self.hosts.values()))
        told = [self._asked(door, "/", "").stdout.splitlines() for door in doors]
        return all([line.split()[1] for line in lines] == ["200"] * len(NAMES) for lines in told)

    def doors(self) -> dict[str, list[str]]:
        """Return what leads into each host, into a Pod on each, and outside."""
        found = {"outside": ["ip", "netns", "exec", self.network]}
        for name, host in self.hosts.items():
            apps = self.cluster.apps(host)
            pid = next(one["State"]["Pid"] for container, one in apps.items() if "_every-" in container)
            found[name] = host.node.inside()
            found[f"a Pod on {name}"] = [*host.node.inside("nsenter", "--net", "--target", str(pid), "--")]
        return found

    def is_silent(self, name: str) -> bool:
        """Whether a node's lease has run out."""
        conditions = self.main.get(f"/api/v1/nodes/{name}")["status"]["conditions"]
        return any(one["type"] == "Ready" and one["status"] == "Unknown" for one in conditions)

    def started(self, name: str, since: float) -> list[str]:
        """Return which containers a host's Engine has started since a time."""
        words = ("--since", str(since), "--until", str(time.time()), "--format", "{{.Actor.Attributes.name}}")
        told = self.hosts[name].node.docker("events", *words, "--filter", "type=container", "--filter", "event=start")
        return told.splitlines()

    def switch_on(self, name: str) -> None:
        """Give a host power again; its agent is started as a service manager does."""
        host = self.hosts[name]
        host.node.power_on()
        Fabric(self.network, IPv4Network("10.99.0.0/24")).plug_in(host.node)
        host.node.await_engine()
        host.start_agent()

    @contextmanager
    def customers(self) -> Iterator[list[tuple[datetime, str]]]:
        """Many new connections from outside, each asking once; when those that failed had begun is there afterwards."""
        address = self.hosts[DOOR].node.address
        words = [sys.executable, str(ROOT / "tests" / "e2e" / "load.py"), address, "443", str(RATE), SHOP, str(MOST)]
        log = self.main.home / "load.log"
        with log.open("wb") as file:
            command = ["ip", "netns", "exec", self.network, *words]
            load = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=file, text=True)
        assert load.stdout is not None
        assert load.stdout.readline() == "started\n"
        failed: list[tuple[datetime, str]] = []
        try:
            yield failed
        finally:
            load.terminate()
            told = json.loads(load.stdout.readline() or "{}")
            load.wait(20)
            load.stdout.close()
            lines = [re.match(r"\S+ begun (\S+): (.*)", line) for line in log.read_text().splitlines()]
            failed += [(datetime.fromisoformat(one[1]), one[2]) for one in lines if one]
            print(f"connections: {told}")
        assert told["ok"] > 20 * RATE


def is_ready(pod: dict[str, Any]) -> bool:
    """Whether a Pod is ready, and is to stay."""
    conditions = pod.get("status", {}).get("conditions", [])
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Town]:
    """Three hosts that serve the shop."""
    assert image == IMAGE
    crt, key = certificate(SHOP)
    with lab_nodes(3, image) as nodes:
        hosts = [NodeHost(tmp_path_factory.mktemp(node.name), node) for node in nodes]
        trusted = hosts[0].home / "trusted.pem"
        trusted.write_text(crt)
        cluster = start_cluster(hosts)
        pushed = cluster.main.push(manifests(key, crt), wait=False)
        assert pushed.code == 0, pushed
        cluster.main.settle(90)
        one = Town(cluster, trusted)
        wait_for("every host serves", one.is_served, 60, 0.3)
        yield one


def test_every_host_serves_the_shop_to_pods_hosts_and_others(town: Town) -> None:
    """By its name over TLS, whose certificate is the shop's; Pods of every node answer."""
    for app in ("shop", "db", "every"):
        assert set(town.ready(app).values()) == set(NAMES), app
    answered = set()
    for door, words in town.doors().items():
        # They answer in turn, and as many in a row may be on one node as are on each.
        for _ in range(REPLICAS // len(NAMES) + 1):
            answers = town.ask(words)
            assert [one[:2] for one in answers] == [[address, "200"] for address in town.addresses], (door, answers)
            answered |= {(door, one[2]) for one in answers}
    assert {node for _, node in answered} == set(NAMES)
    assert len(answered) > len(town.doors())


def test_a_client_stays_with_its_pod_whichever_host_it_comes_through(town: Town) -> None:
    """The cookie of one host's proxy is known to the others."""
    outside = town.doors()["outside"]
    first = town.ask(outside, "/sticky/")[0]
    assert {one[2] for _ in range(3) for one in town.ask(outside, "/sticky/", first[3])} == {first[2]}


def test_without_endpoints_one_is_refused_at_once(town: Town) -> None:
    """By the Ingress with 503, on the node port by the host itself."""
    began = time.monotonic()
    assert [one[1] for one in town.ask(town.doors()["outside"], "/nobody")] == ["503"] * len(NAMES)
    for address in town.addresses:
        script = f"import socket; socket.create_connection(('{address}', {NOBODY}), timeout=30)"
        for door in (town.doors()["outside"], town.hosts[DOOR].node.inside()):
            done = subprocess.run([*door, sys.executable, "-c", script], capture_output=True, text=True, check=False)
            assert "ConnectionRefusedError" in done.stderr, (address, door, done)
    # Each of those who wait for an answer that does not come waits half a minute.
    assert time.monotonic() - began < 25


def test_a_host_without_power_costs_no_request_once_its_lease_has_run_out(town: Town) -> None:
    """What may move is ready elsewhere soon after, what may not run twice waits; the host comes back and is whole."""
    here = {app: [name for name, node in town.ready(app).items() if node == LOST] for app in ("shop", "db", "every")}
    assert len(here["shop"]) == REPLICAS // len(NAMES)
    (db,) = here["db"]
    before = town.pods("db")[db]["metadata"]["uid"]
    with town.customers() as failed:
        off = time.time()
        town.hosts[LOST].node.power_off()
        wait_for("its lease has run out", lambda: town.is_silent(LOST), 2 * LEASE_S, 0.1)
        expired = datetime.now(UTC)

        def all_elsewhere() -> bool:
            assert not any(f"_{db}_" in name for left in LEFT for name in town.hosts[left].node.running())
            return sum(node in LEFT for node in town.ready("shop").values()) == REPLICAS

        took = wait_for("the shop is whole elsewhere", all_elsewhere, TOLERATION_S + 40, 0.2)
        assert town.pods("db")[db]["metadata"]["uid"] == before
        assert not is_ready(town.pods("db")[db])
        on = time.time()
        town.switch_on(LOST)
        wait_for("it is ready again", lambda: LOST in town.cluster.names(), 60, 0.2)
        wait_for("its database is back", lambda: town.ready("db").get(db) == LOST, 60, 0.2)
        wait_for("what is on every node is, too", lambda: LOST in town.ready("every").values(), 60, 0.2)
        wait_for("what has moved is gone", lambda: not set(here["shop"]) & set(town.pods("shop")), 60, 0.2)
        back = time.time() - on
    late = [one for one in failed if one[0] > expired + timedelta(seconds=MARGIN_S)]
    print(
        f"lease over {expired.timestamp() - off:.1f} s after the power, whole elsewhere {took:.1f} s later; "
        f"back {back:.1f} s after power; {len(failed) - len(late)} failed before that, {len(late)} after"
    )
    assert not late, (late[:5], town.cluster.log())
    # Until then nearly all of those that were led there found another Pod in time: one second's worth is a lot.
    assert len(failed) < RATE, failed[:5]
    assert town.pods("db")[db]["metadata"]["uid"] == before
    assert not any(f"_{db}_" in name for left in LEFT for name in town.started(left, off))
    again = town.started(LOST, on)
    assert sum(f"_{db}_" in name and not name.startswith("rc_POD_") for name in again) == 1, again
    assert not any(f"_{moved}_" in name for moved in here["shop"] for name in again), again
    answers = [one for _ in range(4) for one in town.ask(town.doors()["outside"])]
    assert {one[1] for one in answers} == {"200"}
    assert {one[2] for one in answers} == set(LEFT)
    town.main.settle(60)
