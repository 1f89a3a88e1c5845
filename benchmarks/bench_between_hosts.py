"""Traffic between two hosts of a lab: Pod to Pod and by Services, beside what these hosts do without us.

The hosts are namespaces of one machine: the wire between them costs nothing, so that what we add shows as much as it
can. Between real hosts the ratios are nearer to one.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.hosts import Hosts, hosts, pod_on
from benchmarks.ours import wait_until
from benchmarks.row import Row

NEEDS_LAB = True
PACKAGES = ("busybox-static",)
PUMP = str(Path(__file__).with_name("pump.py"))
PORT, SECONDS, REPEATS = 8080, 1.0, 3
WORDS = {"vxlan": "a tunnel", "host-gw": "plain routes"}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"type": "NodePort", "selector": {"side": "server"}, "ports": [{"port": 80, "targetPort": PORT}]},
}


def run() -> list[Row]:
    """Measure both ways between hosts on a lab host."""
    return [row for backend in WORDS for row in measure(backend)]


def measure(backend: str) -> list[Row]:
    """Measure one way."""
    with hosts(2, backend) as one:
        client, server = pod_on("host-1", "client"), pod_on("host-2", "server")
        server["metadata"]["labels"]["side"] = "server"
        one.push("\n---\n".join(map(json.dumps, (client, server, SERVICE))))
        client, server = one.pods(2)
        with serving(one.inside(server)), serving(one.nodes[1].inside()):
            rows = list(_pod_to_pod(one, client, server, WORDS[backend]))
            if backend == "vxlan":
                rows += _services(one, client, server)
    return rows


def _pod_to_pod(one: Hosts, client: dict[str, Any], server: dict[str, Any], words: str) -> Iterator[Row]:
    ours = (one.inside(client), server["status"]["podIP"], PORT)
    direct = (one.nodes[0].inside(), one.nodes[1].address, PORT)
    spent, other = side_by_side("carry", ours, direct)
    rates = f"{8.59 / spent:.1f} Gbit/s beside {8.59 / other:.1f}"
    yield Row(f"Pod to Pod on another host by {words}: one GiB", spent, (("host to host", other),), note=rates)
    spent, other = side_by_side("connect", ours, direct)
    rates = f"{1 / spent:,.0f} a second beside {1 / other:,.0f}"
    yield Row(f"Pod to Pod on another host by {words}: one connection", spent, (("host to host", other),), note=rates)


def _services(one: Hosts, client: dict[str, Any], server: dict[str, Any]) -> Iterator[Row]:
    """The same endpoint by the Service's address and by a port of its node."""
    service = one.get("/api/v1/namespaces/default/services/web")["spec"]
    node_port = int(service["ports"][0]["nodePort"])
    pod, host = one.inside(client), one.nodes[0].inside()
    address = server["status"]["podIP"]
    wait_until(lambda: _answers(pod, service["clusterIP"], 80) and _answers(host, one.nodes[1].address, node_port))
    for words, ours, direct in (
        ("by the Service's address", (pod, service["clusterIP"], 80), (pod, address, PORT)),
        ("by a port of its node", (host, one.nodes[1].address, node_port), (host, address, PORT)),
    ):
        spent, other = side_by_side("connect", ours, direct)
        yield Row(f"one connection {words}", spent, (("by the Pod's own", other),), note=f"{1 / spent:,.0f} a second")


@contextmanager
def serving(where: Sequence[str]) -> Iterator[None]:
    """Serve there meanwhile."""
    with ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen(
                [*where, sys.executable, PUMP, "serve", str(PORT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield
        process.stdin.close()


def side_by_side(
    what: str, ours: tuple[Sequence[str], str, int], other: tuple[Sequence[str], str, int]
) -> tuple[float, float]:
    """Return both times, measured in turn so that what else the machine does meets both."""
    pairs = [(_pump(what, *ours), _pump(what, *other)) for _ in range(REPEATS)]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


def _pump(what: str, where: Sequence[str], address: str, port: int) -> float:
    command = [*where, sys.executable, PUMP, what, address, str(port), str(SECONDS)]
    return float(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)


def _answers(where: Sequence[str], address: str, port: int) -> bool:
    command = [*where, sys.executable, PUMP, "connect", address, str(port), "0.01"]
    return subprocess.run(command, check=False, capture_output=True, timeout=60).returncode == 0
