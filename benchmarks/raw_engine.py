"""The lower bound: the same Pods by bare calls to the Engine, without planning, state, readiness or status."""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pyroute2 import IPRoute

SOCKET = "/var/run/docker.sock"
IMAGE = "reconciler-example/worker:1.0"
LABEL = "benchmark=raw"
THREADS = 4
_local = threading.local()


class Connection(http.client.HTTPConnection):
    """HTTP over the Engine's Unix socket, kept open."""

    def __init__(self) -> None:
        super().__init__("localhost", timeout=60)

    def connect(self) -> None:
        """Connect to the socket instead of a port."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(SOCKET)


def call(method: str, path: str, body: object = None) -> Any:
    """One call to the Engine on this thread's connection."""
    if not hasattr(_local, "connection"):
        _local.connection = Connection()
    connection: Connection = _local.connection
    content = None if body is None else json.dumps(body)
    connection.request(method, path, content, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 300 and answer.status != 304:
        raise RuntimeError(f"{method} {path}: {answer.status} {text.decode(errors='replace')}")
    return json.loads(text) if text else None


def pods(count: int) -> None:
    """Start Pods: a sandbox without network, a routed link into it, and one container that joins it."""
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(pod, range(count)))


def pod(number: int) -> None:
    """Start one Pod."""
    sandbox = container(f"raw-{number}-sandbox", number, {"NetworkMode": "none", "IpcMode": "shareable"})
    process = call("GET", f"/containers/{sandbox}/json")["State"]["Pid"]
    wire(number, process)
    joined = f"container:{sandbox}"
    container(f"raw-{number}-app", number, {"NetworkMode": joined, "IpcMode": joined})


def container(name: str, number: int, host: dict[str, str]) -> str:
    """Create and start one container that does nothing."""
    config = {
        "Image": IMAGE,
        "Entrypoint": ["sleep", "100000"],
        "Labels": {"benchmark": "raw", "number": str(number)},
        "HostConfig": {**host, "RestartPolicy": {"Name": "no"}},
    }
    created = str(call("POST", f"/containers/create?name={name}", config)["Id"])
    call("POST", f"/containers/{created}/start")
    return created


def wire(number: int, process: int) -> None:
    """A veth pair with one end inside, an address, and routes on both sides."""
    address, outside = f"10.240.{number // 250}.{number % 250 + 2}", f"raw{number}"
    namespace = os.open(f"/proc/{process}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with IPRoute() as host:
            host.link("add", ifname=outside, kind="veth", peer={"ifname": "eth0", "net_ns_fd": namespace})
            index = host.link_lookup(ifname=outside)[0]
            host.link("set", index=index, state="up")
            host.route("replace", dst=f"{address}/32", oif=index, scope=253)
    finally:
        os.close(namespace)
    with IPRoute(netns=f"/proc/{process}/ns/net") as inside:
        index = inside.link_lookup(ifname="eth0")[0]
        inside.link("set", index=1, state="up")
        inside.addr("add", index=index, address=address, prefixlen=32)
        inside.link("set", index=index, state="up")
        inside.route("add", dst="169.254.1.1/32", oif=index, scope=253)
        inside.route("add", dst="default", gateway="169.254.1.1", oif=index)


def compare(count: int) -> None:
    """What finding out that nothing changed costs at least: one filtered list and a comparison."""
    listed = call("GET", f'/containers/json?filters={{"label":["{LABEL}"]}}'.replace('"', "%22"))
    names = {name.lstrip("/") for each in listed for name in each["Names"]}
    wanted = {f"raw-{number}-{part}" for number in range(count) for part in ("sandbox", "app")}
    if names != wanted:
        raise RuntimeError(f"{len(wanted - names)} containers are missing")


def replace(number: int) -> None:
    """Replace one Pod, as a change of its image would."""
    for part in ("app", "sandbox"):
        call("DELETE", f"/containers/raw-{number}-{part}?force=1")
    pod(number)


def remove(count: int) -> None:
    """Remove all of it."""
    with ThreadPoolExecutor(THREADS) as threads:
        for part in ("app", "sandbox"):
            list(threads.map(lambda n, p=part: call("DELETE", f"/containers/raw-{n}-{p}?force=1"), range(count)))
