"""The network: Services in the kernel's table, Pod links, and names; beside the tools that do the same work."""

from __future__ import annotations

import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dnslib import DNSRecord

from benchmarks.row import Row
from reconciler.executors.network import layout
from reconciler.executors.network.cleanup import remove_all
from reconciler.executors.network.contents import Contents
from reconciler.executors.network.executor import NetworkExecutor
from reconciler.executors.network.frame import TABLE, Ranges
from reconciler.executors.network.nftables import Nftables
from reconciler.model.details import (
    AttachPod,
    Detail,
    DnsRecord,
    PrepareHost,
    ProgramServices,
    PublishNames,
)
from reconciler.model.node import Endpoint, EndpointPort, Materials, ServiceEntry, ServicePortEntry
from reconciler.model.plan import Action, Executor, OutcomeStatus, Reason, Verb
from reconciler.model.refs import ObjectRef

NEEDS_LAB = True
PACKAGES = ("dnsmasq-base", "unbound", "dnsperf")
SERVICES, ENDPOINTS, PODS = 1_000, 3, 50
CLUSTER = "bench"
HOST = PrepareHost(
    pod_cidr="10.42.0.0/16",
    cluster_pod_cidr="10.42.0.0/16",
    service_cidr="10.43.0.0/16",
    dns_address="169.254.20.10",
    domain="cluster.local",
)


def run() -> list[Row]:
    """Measure on a lab host."""
    # /run, as on a host: what is written there costs no disk.
    with tempfile.TemporaryDirectory(dir="/run") as directory, _executor(Path(directory)) as bench:
        return [*bench.services(), bench.links(), bench.facts(), *bench.names(Path(directory))]


class _Bench:
    def __init__(self, executor: NetworkExecutor, pids: dict[str, int]) -> None:
        self._executor = executor
        self._pids = pids

    def do(self, detail: Detail) -> None:
        """Carry one action out, which changes something."""
        ref = ObjectRef(kind="Node", name="n")
        action = Action(
            key="k", executor=Executor.NETWORK, verb=Verb.UPDATE, object=ref, reason=Reason.DECLARED, detail=detail
        )
        outcome = self._executor.execute(action, Materials())
        assert outcome.status is OutcomeStatus.DONE, outcome

    def services(self) -> Iterator[Row]:
        """Program many Services, and change one of them."""
        services = tuple(_service(number) for number in range(SERVICES))
        full = _timed(lambda: self.do(ProgramServices(digest="full", services=services)))
        contents, _ = Contents().change_to(ProgramServices(digest="", services=services))
        ranges = Ranges(cluster_id="x", cluster_pod_cidr="10.42.0.0/16", service_cidr="10.43.0.0/16")
        script = layout.table_script(ranges, contents.elements).replace(TABLE, "bench")
        yield Row(
            f"{SERVICES} Services x {ENDPOINTS}: programmed from nothing",
            full,
            (
                ("the library alone", _library(script)),
                ("nft -f", _timed(lambda: subprocess.run(["nft", "-f", "-"], input=script.encode(), check=True))),
            ),
            budget="1.5 x the library alone",
        )
        subprocess.run(["nft", "delete", "table", "ip", "bench"], check=True)
        yield self._one_changed(services)

    def _one_changed(self, services: tuple[ServiceEntry, ...]) -> Row:
        times = []
        for number in range(20):
            changed = (_service(0, ENDPOINTS + number % 2), *services[1:])
            detail = ProgramServices(digest=f"one-{number}", services=changed)
            times.append(_timed(lambda detail=detail: self.do(detail)))  # type: ignore[misc]
        add = f"add element ip {TABLE} hairpin {{ 10.42.255.1 . 10.42.255.1 }}\n"
        nftables = Nftables()
        alone = []
        for _ in range(20):
            alone.append(_timed(lambda: nftables.run(add)))
            nftables.run(add.replace("add", "delete"))
        nftables.close()
        return Row(
            f"one of {SERVICES} Services changed",
            statistics.median(times[2:]),
            (("one element by the library alone", statistics.median(alone)),),
            budget="1 ms",
        )

    def links(self) -> Row:
        """Wire Pods."""
        holders = [subprocess.Popen(["unshare", "--net", "sleep", "300"]) for _ in range(PODS)]
        try:
            time.sleep(0.5)
            self._pids.update({f"pod-{number}": holder.pid for number, holder in enumerate(holders[:-1])})
            wanted = [
                AttachPod(pod_uid=name, sandbox=name, pod_ip=f"10.42.9.{number}")
                for number, name in enumerate(self._pids, start=2)
            ]
            spent = _timed(lambda: list(map(self.do, wanted)))
            tool = _timed(lambda: _wire_with_ip(holders[-1].pid))
        finally:
            for holder in holders:
                holder.kill()
                holder.wait()
        return Row("one Pod wired", spent / len(self._pids), (("iproute2, the same steps", tool),))

    def facts(self) -> Row:
        """Tell what stands."""
        times = [_timed(self._executor.facts) for _ in range(50)]
        full = [_timed(lambda: self._executor.refresh(full=True)) for _ in range(3)]
        return Row("facts of the network, nothing changed", statistics.median(times), (("compared anew", min(full)),))

    def names(self, directory: Path) -> Iterator[Row]:
        """Answer names, over UDP, from one process."""
        names = [f"web-{number}.shop.svc.cluster.local." for number in range(SERVICES)]
        records = tuple(DnsRecord(name=name, type="A", values=("10.43.0.9",)) for name in names)
        detail = PublishNames(digest="names", domain="cluster.local", records=records)
        spent = _timed(lambda: self.do(detail))
        yield Row(f"{SERVICES} names published and served", spent, ())
        queries = directory / "queries"
        queries.write_text("".join(f"{name} A\n" for name in names))
        ours = _queries_per_second("169.254.20.10", 53, queries)
        others = []
        for name, start in (("dnsmasq", _dnsmasq), ("unbound", _unbound)):
            if shutil.which(name, path="/usr/sbin:/usr/bin"):
                server = start(directory, names)
                try:
                    _await_answer("127.0.0.1", 5300, names[0])
                    others.append((name, 1 / _queries_per_second("127.0.0.1", 5300, queries)))
                finally:
                    server.kill()
                    server.wait()
        yield Row(
            "one name answered (dnsperf, one server process)",
            1 / ours,
            tuple(others),
            budget="2 x theirs",
            note=f"ours: {ours:,.0f} answers a second; the generator shares the processors",
        )


@contextmanager
def _executor(directory: Path) -> Iterator[_Bench]:
    pids: dict[str, int] = {}
    executor = NetworkExecutor(CLUSTER, "n", directory / "data", directory / "run", pids.get, sys.executable)
    try:
        bench = _Bench(executor, pids)
        bench.do(HOST)
        yield bench
    finally:
        executor.close()
        remove_all(CLUSTER, directory / "run")


def _service(number: int, endpoints: int = ENDPOINTS) -> ServiceEntry:
    ips = (number * 4 + index for index in range(endpoints))
    target = EndpointPort(
        port=8080, endpoints=tuple(Endpoint(ip=f"10.42.{ip // 250}.{ip % 250 + 1}", node="n") for ip in ips)
    )
    return ServiceEntry(
        namespace="shop",
        name=f"web-{number}",
        cluster_ip=f"10.43.{number // 250}.{number % 250 + 1}",
        ports=(ServicePortEntry(port=80, targets=(target,)),),
    )


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _library(script: str) -> float:
    nftables = Nftables()
    try:
        return _timed(lambda: nftables.run(script))
    finally:
        nftables.close()


def _wire_with_ip(pid: int) -> None:
    inside = ["nsenter", "-t", str(pid), "-n", "ip", "-batch", "-"]
    outside = (
        f"link add rcbench type veth peer name eth0 netns {pid}\nlink set rcbench up\nroute add 10.42.8.1 dev rcbench\n"
    )
    subprocess.run(["ip", "-batch", "-"], input=outside.encode(), check=True)
    within = (
        "link set lo up\naddr add 10.42.8.1/32 dev eth0\nlink set eth0 up\n"
        "route add 169.254.1.1 dev eth0 scope link\nroute add default via 169.254.1.1 dev eth0\n"
    )
    subprocess.run(inside, input=within.encode(), check=True)


def _queries_per_second(address: str, port: int, queries: Path) -> float:
    command = ["dnsperf", "-s", address, "-p", str(port), "-d", str(queries), "-c", "4", "-T", "1", "-l", "3"]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    (line,) = [line for line in output.splitlines() if "Queries per second" in line]
    return float(line.split()[-1])


def _dnsmasq(directory: Path, names: list[str]) -> subprocess.Popen[bytes]:
    hosts = directory / "hosts"
    hosts.write_text("".join(f"10.43.0.9 {name.rstrip('.')}\n" for name in names))
    hosts.chmod(0o644)
    directory.chmod(0o755)
    options = ["--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", f"--addn-hosts={hosts}"]
    listen = ["--port=5300", "--listen-address=127.0.0.1", "--bind-interfaces", "--user=root"]
    return subprocess.Popen(["dnsmasq", *options, *listen], stderr=subprocess.DEVNULL)


def _unbound(directory: Path, names: list[str]) -> subprocess.Popen[bytes]:
    settings = directory / "unbound.conf"
    data = "".join(f'local-data: "{name} A 10.43.0.9"\n' for name in names)
    settings.write_text(
        "server:\nusername: root\nchroot: ''\npidfile: ''\nnum-threads: 1\ninterface: 127.0.0.1@5300\n"
        f"do-daemonize: no\nuse-syslog: no\nlocal-zone: cluster.local. static\n{data}"
        "remote-control:\ncontrol-enable: no\n"
    )
    return subprocess.Popen(["unbound", "-c", str(settings)], stderr=subprocess.DEVNULL)


def _await_answer(address: str, port: int, name: str) -> None:
    query = bytes(DNSRecord.question(name).pack())
    deadline = time.monotonic() + 10
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.settimeout(0.1)
        while time.monotonic() < deadline:
            try:
                door.sendto(query, (address, port))
                door.recv(512)
            except OSError:
                time.sleep(0.05)
            else:
                return
    raise TimeoutError(f"{address} port {port} does not answer")
