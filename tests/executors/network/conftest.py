"""A network executor on a lab host, with Pods that are only network namespaces."""

from __future__ import annotations

import contextlib
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.executors.network.cleanup import remove_all
from reconciler.executors.network.executor import NetworkExecutor
from reconciler.model.details import (
    AttachPod,
    DetachPod,
    Detail,
    DnsRecord,
    HostPort,
    PrepareHost,
    ProgramServices,
    PublishNames,
)
from reconciler.model.node import Endpoint, EndpointPort, Materials, ServiceEntry, ServicePortEntry
from reconciler.model.node_report import NetworkFact
from reconciler.model.plan import Action, Executor, Outcome, OutcomeStatus, Reason, Verb
from reconciler.model.refs import ObjectRef

CLUSTER = "c-test"
HOST = PrepareHost(
    pod_cidr="10.42.0.0/24",
    cluster_pod_cidr="10.42.0.0/16",
    service_cidr="10.43.0.0/16",
    dns_address="169.254.20.10",
    domain="cluster.local",
)
SERVERS = {
    "tcp": """
import socket, sys
door = socket.create_server(("0.0.0.0", int(sys.argv[2])), backlog=128)
print("ready", flush=True)
while True:
    client, peer = door.accept()
    client.sendall(f"{sys.argv[1]} {peer[0]}".encode())
    client.close()
""",
    "udp": """
import socket, sys
door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
door.bind(("0.0.0.0", int(sys.argv[2])))
print("ready", flush=True)
while True:
    data, peer = door.recvfrom(2048)
    door.sendto(f"{sys.argv[1]} {peer[0]}".encode(), peer)
""",
}
CLIENTS = {
    # arguments: address, port, how often; one answer per line, `refused` or `silent` when there was none
    "tcp": """
import socket, sys
for _ in range(int(sys.argv[3])):
    try:
        with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as door:
            print(door.recv(200).decode())
    except ConnectionRefusedError:
        print("refused")
    except OSError:
        print("silent")
""",
    "udp": """
import socket, sys
for _ in range(int(sys.argv[3])):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.settimeout(3)
        door.connect((sys.argv[1], int(sys.argv[2])))
        try:
            door.send(b"?")
            print(door.recv(200).decode())
        except ConnectionRefusedError:
            print("refused")
        except OSError:
            print("silent")
""",
}


class Pod:
    """A network namespace held by a process."""

    def __init__(self, name: str, ip: str, pid: int) -> None:
        self.name, self.ip, self.pid = name, ip, pid


class Network:
    """The executor under test, its Pods, and what it asked to look at."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.pods: dict[str, Pod] = {}
        self.processes: list[subprocess.Popen[str]] = []
        self.looks: list[str] = []
        self._looked = threading.Condition()
        self.executor = self.start()

    def start(self) -> NetworkExecutor:
        """Start an executor as a daemon would."""
        return NetworkExecutor(CLUSTER, "node-1", self.directory / "data", self.directory / "run", self.netns_of)

    def restart(self) -> None:
        """Do what a restart of the daemon does."""
        self.executor.close()
        self.executor = self.start()

    def netns_of(self, sandbox: str) -> int | None:
        """Return the process of a sandbox."""
        pod = self.pods.get(sandbox)
        return pod.pid if pod else None

    def do(self, detail: Detail) -> Outcome:
        """Carry an action out."""
        action = Action(
            key="k",
            executor=Executor.NETWORK,
            verb=Verb.CREATE,
            object=ObjectRef(kind="Pod", namespace="shop", name="web"),
            reason=Reason.DECLARED,
            detail=detail,
        )
        return self.executor.execute(action, Materials())

    def must(self, detail: Detail) -> OutcomeStatus:
        """Carry an action out, which works."""
        outcome = self.do(detail)
        assert outcome.status in (OutcomeStatus.DONE, OutcomeStatus.UNCHANGED), outcome
        return outcome.status

    def pod(self, name: str, ip: str) -> Pod:
        """Make a Pod and attach it."""
        holder = self.spawn(["unshare", "--net", "sh", "-c", "echo ready; exec sleep 600"])
        self.pods[name] = Pod(name, ip, holder.pid)
        self.must(AttachPod(pod_uid=f"uid-{name}", sandbox=name, pod_ip=ip))
        return self.pods[name]

    def attach(self, pod: Pod) -> OutcomeStatus:
        """Attach a Pod again."""
        return self.must(AttachPod(pod_uid=f"uid-{pod.name}", sandbox=pod.name, pod_ip=pod.ip))

    def detach(self, pod: Pod) -> OutcomeStatus:
        """Detach a Pod."""
        return self.must(DetachPod(pod_uid=f"uid-{pod.name}", pod_ip=pod.ip))

    def spawn(self, command: list[str], *, talks: bool = False) -> subprocess.Popen[str]:
        """Start a process that lives until the test ends, and wait for its first line."""
        stdin = subprocess.PIPE if talks else subprocess.DEVNULL
        process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], 60)[0], "it did not start"
        assert process.stdout.readline() == "ready\n"
        return process

    def serve(self, pod: Pod, protocol: str = "tcp", port: int = 8080) -> None:
        """Have a Pod answer with its name and the address of who asked."""
        command = [sys.executable, "-c", SERVERS[protocol], pod.name, str(port)]
        self.spawn(["nsenter", "-t", str(pod.pid), "-n", *command])

    def ask(
        self, address: str, port: int, *, times: int = 1, pod: Pod | None = None, protocol: str = "tcp"
    ) -> list[str]:
        """Ask from the host or a Pod; return the answers."""
        command = [sys.executable, "-c", CLIENTS[protocol], address, str(port), str(times)]
        prefix = ["nsenter", "-t", str(pod.pid), "-n"] if pod else []
        done = subprocess.run([*prefix, *command], capture_output=True, text=True, timeout=60, check=True)
        return done.stdout.splitlines()

    def names(self, address: str, port: int, **more: object) -> list[str]:
        """Ask, and return only who answered."""
        return [line.split()[0] for line in self.ask(address, port, **more)]  # type: ignore[arg-type]

    def watch(self) -> None:
        """Note what the executor asks to look at."""
        self.executor.watch(self._look)

    def looked(self, reason: str, timeout_s: float = 30.0) -> bool:
        """Return whether it asks to look within a time."""
        with self._looked:
            return self._looked.wait_for(lambda: reason in self.looks, timeout_s)

    def wait_for(self, holds: Callable[[NetworkFact], bool], timeout_s: float = 30.0) -> bool:
        """Return whether the facts come to hold within a time."""
        deadline = time.monotonic() + timeout_s
        while not holds(self.executor.facts()):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def _look(self, reason: str) -> None:
        with self._looked:
            self.looks.append(reason)
            self._looked.notify_all()


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    """A prepared host; everything is removed afterwards."""
    made = Network(tmp_path)
    try:
        made.must(HOST)
        yield made
    finally:
        made.executor.close()
        for process in reversed(made.processes):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
        remove_all(CLUSTER, tmp_path / "run")


def service(
    *ips: str, protocol: str = "TCP", affinity: int = 0, address: str = "10.43.0.9", port: int = 80
) -> ServiceEntry:
    """Build a Service with endpoints on port 8080."""
    endpoints = tuple(Endpoint(ip=ip) for ip in ips)
    target = EndpointPort(port=8080, endpoints=endpoints)
    return ServiceEntry(
        namespace="shop",
        name=f"web-{address}",
        cluster_ip=address,
        affinity_timeout_s=affinity,
        ports=(ServicePortEntry(protocol=protocol, port=port, targets=(target,)),),
    )


def program(digest: str, *services: ServiceEntry, host_ports: tuple[HostPort, ...] = ()) -> ProgramServices:
    """Build what programs Services."""
    return ProgramServices(digest=digest, services=services, host_ports=host_ports)


def publish(digest: str, **addresses: str) -> PublishNames:
    """Build what publishes names of namespace shop."""
    records = tuple(
        DnsRecord(name=f"{name}.shop.svc.cluster.local.", type="A", values=(address,))
        for name, address in addresses.items()
    )
    return PublishNames(digest=digest, domain="cluster.local", records=records)
