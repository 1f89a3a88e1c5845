"""From the end of a Pod on one host to the kernels of all hosts, which no longer lead to it."""

from __future__ import annotations

import http.client
import json
import os
import select
import socket
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from benchmarks.hosts import Hosts, hosts, pod_on
from benchmarks.ours import Connection
from benchmarks.row import Row
from reconciler.executors.network.frame import TABLE
from reconciler.executors.network.netlink import inside
from reconciler.lab.node import Node

NEEDS_LAB = True
PACKAGES = ("busybox-static",)
MANY, FEW, MEMORY_FOR_MANY = 10, 4, 8 << 30
CHANGES, DEADLINE_S, QUIET_S = 40, 10.0, 0.3
# The kernel's word about changes of tables: linux/netfilter/nfnetlink.h.
_NETLINK_NETFILTER, _GROUP_OF_TABLES = 12, 7
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
}


def run() -> list[Row]:
    """Measure on ten hosts, or on four where there is little memory."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    count = MANY if memory >= MEMORY_FOR_MANY else FEW
    with hosts(count) as one:
        pods = [pod_on(one.nodes[number % count].name, f"web-{number:02}") for number in range(CHANGES)]
        one.push("\n---\n".join(map(json.dumps, (SERVICE, *pods))))
        found = one.pods(CHANGES)
        with _listening(one.nodes) as doors:
            _drain(doors, DEADLINE_S)
            told = [_end(one, pod, doors) for pod in found]
    arrivals = sorted(at for _, times in told for at in times)
    last = statistics.median(max(times) for _, times in told)
    p99 = arrivals[round(0.99 * (len(arrivals) - 1))]
    kill = statistics.median(spent for spent, _ in told)
    return [
        Row(
            f"a Pod killed -> no longer led to on all {count} hosts (p99)",
            p99,
            (("the Engine's answer to the kill", kill),),
            budget="0.3 s",
            note=f"on the last host {last * 1000:.0f} ms in the median of {CHANGES} changes",
        )
    ]


def _end(one: Hosts, pod: dict[str, Any], doors: Sequence[socket.socket]) -> tuple[float, list[float]]:
    """Kill a Pod; return how long the Engine takes to say so, and when each host's table changed."""
    engine = Connection(one.node_of(pod).socket)
    identity = one.container_of(pod)["Id"]
    arrived: dict[socket.socket, float] = {}
    began = time.perf_counter()
    asked = threading.Thread(target=_kill, args=(engine, identity))
    asked.start()
    answered = 0.0
    while len(arrived) < len(doors):
        assert time.perf_counter() - began < DEADLINE_S, f"{len(arrived)} of {len(doors)} hosts have taken it"
        waiting = [door for door in doors if door not in arrived]
        for door in select.select(waiting, (), (), 0.005)[0]:
            if TABLE.encode() + b"\0" in door.recv(1 << 16):
                arrived[door] = time.perf_counter() - began
        if not answered and not asked.is_alive():
            answered = time.perf_counter() - began
    asked.join()
    _drain(doors, QUIET_S)
    return answered or time.perf_counter() - began, list(arrived.values())


def _kill(engine: http.client.HTTPConnection, identity: str) -> None:
    engine.request("POST", f"/containers/{identity}/kill")
    answer = engine.getresponse()
    answer.read()
    assert answer.status == 204, answer.status
    engine.close()


def _drain(doors: Sequence[socket.socket], most_s: float) -> None:
    """Read until nothing has been told for a moment, at most so long."""
    end = time.monotonic() + most_s
    while time.monotonic() < end:
        ready = select.select(doors, (), (), min(QUIET_S, most_s))[0]
        if not ready:
            return
        for door in ready:
            door.recv(1 << 16)


@contextmanager
def _listening(nodes: Sequence[Node]) -> Iterator[list[socket.socket]]:
    """Sockets that the kernel tells of each host's changes of tables."""
    with ExitStack() as stack:
        yield [stack.enter_context(_door(node)) for node in nodes]


def _door(node: Node) -> socket.socket:
    with inside(node.init):
        door = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    door.bind((0, 1 << (_GROUP_OF_TABLES - 1)))
    return door
