"""The API: lists of 10,000 Pods, how soon watches are told of a commit, what idle watches cost.

The server is a process of its own with a store; "raw" is the same documents encoded by msgspec, sent by nobody.
"""

from __future__ import annotations

import gc
import http.client
import json
import multiprocessing
import os
import selectors
import shutil
import socket
import ssl
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from benchmarks.api_server import PODS, pod, serve
from benchmarks.row import Row

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
JSON = "application/json"
WATCHERS, CHANGES, IDLE_S = 100, 100, 10.0
KUBECTL = ("kubectl", *(f"/usr/lib/google-cloud-sdk/bin/kubectl.1.{minor}" for minor in range(33, 26, -1)))


class Served:
    """The serving process: its port, and the pipe on which it is told what to change."""

    def __init__(self, process: multiprocessing.Process, pipe: Connection) -> None:
        self._pipe = pipe
        self.pid = process.pid or 0
        self.port, self.tls_port = pipe.recv()

    def get(self, path: str, accept: str, encoding: str = "identity", *, tls: bool = False) -> bytes:
        """Return the body of an answer, as it was sent."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        if tls:
            # What is measured is the server: the client need not trust a made-up authority.
            unverified = ssl._create_unverified_context()
            connection = http.client.HTTPSConnection("127.0.0.1", self.tls_port, context=unverified)
        connection.request("GET", path, headers={"Accept": accept, "Accept-Encoding": encoding})
        body = connection.getresponse().read()
        connection.close()
        return body

    def change(self, number: int) -> float:
        """Change a Pod; return when that was committed."""
        self._pipe.send(number)
        committed: float = self._pipe.recv()
        return committed

    def cpu_s(self) -> float:
        """Return the processor time that the process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run() -> list[Row]:
    """Measure against a server that serves nobody else."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory, _served(Path(directory)) as served:
        return [*_lists(served), *_kubectl(served), *_latency(served), *_idle(served)]


@contextmanager
def _served(directory: Path) -> Iterator[Served]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(directory, theirs))
    process.start()
    try:
        yield Served(process, ours)  # type: ignore[arg-type]
    finally:
        ours.send(None)
        process.join(20)
        process.kill()


def _lists(served: Served) -> list[Row]:
    documents = [msgspec.to_builtins(pod(number)) for number in range(PODS)]
    raw = (("raw", _best(lambda: msgspec.json.encode(documents))),)
    rows = []
    for name, accept, encoding in (("JSON", JSON, "identity"), ("Table", TABLE, "identity"), ("gzip", TABLE, "gzip")):
        get = partial(served.get, "/api/v1/pods", accept, encoding)
        first, body, again = _timed(get), get(), _best(get)
        what, size = f"list {PODS:,} Pods, {name}", f"{len(body) / 1e6:.1f} MB"
        rows.append(Row(f"{what}, first time", first, raw, note=size))
        rows.append(Row(f"{what}, again", again, raw, "3 x raw"))
    for name, accept in (("JSON", JSON), ("Table", TABLE)):
        secure = _best(partial(served.get, "/api/v1/pods", accept, tls=True))
        rows.append(Row(f"list {PODS:,} Pods, {name}, over TLS", secure, raw))
    small = _best(lambda: [served.get("/api/v1/namespaces/shop-01/pods?limit=1", JSON) for _ in range(50)]) / 50
    one = partial(served.get, "/api/v1/namespaces/shop-01/pods?limit=1", JSON, tls=True)
    shaken = _best(lambda: [one() for _ in range(20)]) / 20
    return [
        *rows,
        Row("list one Pod, connection included", small),
        Row("list one Pod, handshake of TLS included", shaken, (("plain", small),)),
    ]


def _kubectl(served: Served) -> list[Row]:
    """What a person waits for; most of it is kubectl's own."""
    found = next((path for one in KUBECTL if (path := shutil.which(one))), None)
    if found is None:
        return [Row(f"kubectl get pods -A, {PODS:,} Pods", None, note="there is no kubectl here")]
    with tempfile.TemporaryDirectory() as cache:
        command = [found, "--server", f"http://127.0.0.1:{served.port}", "--cache-dir", cache, "get", "pods", "-A"]

        def get(*options: str) -> None:
            subprocess.run([*command, *options], check=True, capture_output=True, timeout=120)

        get("--field-selector=metadata.name=nobody")
        paged, whole = _timed(get), _timed(lambda: get("--chunk-size=0"))
        alone = _timed(lambda: subprocess.run([found, "version", "--client"], check=True, capture_output=True))
    beside = (("kubectl version --client", alone), ("in one page", whole))
    return [
        Row(
            f"kubectl get pods -A, {PODS:,} Pods, pages of 500",
            paged,
            beside,
            note="most of it is kubectl's own limit of five requests a second",
        )
    ]


def _latency(served: Served) -> list[Row]:
    rows, numbers = [], iter(range(PODS))
    for watchers, selected in ((1, ""), (WATCHERS, ""), (WATCHERS, "&fieldSelector=metadata.name%21%3Dnobody-{}")):
        connections = [_watch(served, selected.format(number)) for number in range(watchers)]
        told = [_seconds_until_told(served, connections, next(numbers)) for _ in range(CHANGES)]
        raw = statistics.median(_raw_fan_out(watchers) for _ in range(20))
        for connection in connections:
            connection.close()
        each = ", each with a selection of its own" if selected else ""
        note = f"99 %: {sorted(told)[int(len(told) * 0.99) - 1] * 1e3:.1f} ms"
        beside = ((f"{watchers} socket writes", raw),)
        work = f"commit -> the last of {watchers} watches is told{each}"
        rows.append(Row(work, statistics.median(told), beside, "5 ms" if watchers == 1 else "25 ms", note))
    return rows


def _watch(served: Served, query: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", served.port))
    version = json.loads(served.get("/api/v1/pods?limit=1", JSON))["metadata"]["resourceVersion"]
    target = f"/api/v1/pods?watch=1&resourceVersion={version}{query}"
    connection.sendall(f"GET {target} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(4096)
    return connection


def _seconds_until_told(served: Served, connections: list[socket.socket], number: int) -> float:
    """Change one Pod; return how long after the commit the last watch had the whole line."""
    with selectors.DefaultSelector() as selector:
        for one in connections:
            selector.register(one, selectors.EVENT_READ)
        committed, received, last = served.change(number), dict.fromkeys(connections, b""), 0.0
        while received:
            ready = selector.select(10)
            assert ready, f"{len(received)} watches were not told within 10 s"
            for key, _ in ready:
                connection = key.fileobj
                assert isinstance(connection, socket.socket)
                received[connection] += connection.recv(65536)
                if received[connection].endswith(b"\n\r\n"):
                    del received[connection]
                    last = time.monotonic()
    return last - committed


def _raw_fan_out(count: int) -> float:
    """Write as many bytes to as many sockets, and read them."""
    pairs = [socket.socketpair() for _ in range(count)]
    line = msgspec.json.encode(pod(1))

    def write() -> None:
        for one, _ in pairs:
            one.sendall(line)
        for _, other in pairs:
            other.recv(65536)

    took = _timed(write)
    for pair in pairs:
        for end in pair:
            end.close()
    return took


def _idle(served: Served) -> list[Row]:
    """The processor time of a second in which nothing happens."""
    alone = _cpu_of_a_second(served)
    connections = [_watch(served, "&allowWatchBookmarks=true") for _ in range(WATCHERS)]
    watched = _cpu_of_a_second(served)
    for connection in connections:
        connection.close()
    return [Row(f"processor time per second, {WATCHERS} idle watches", watched, (("without", alone),), "1.0 x")]


def _cpu_of_a_second(served: Served) -> float:
    time.sleep(1)
    before = served.cpu_s()
    time.sleep(IDLE_S)
    return (served.cpu_s() - before) / IDLE_S


def _best(work: Callable[[], object]) -> float:
    return min(_timed(work) for _ in range(5))


def _timed(work: Callable[[], object]) -> float:
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
