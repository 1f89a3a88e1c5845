"""The DNS server as a process, with real clients."""

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from dnslib import RR, A, DNSRecord

from reconciler.executors.network.dns import pidfile
from reconciler.model.details import AttachPod, DnsRecord, PublishNames
from reconciler.model.plan import Action, Executor, OutcomeStatus, Reason, Verb
from reconciler.model.refs import ObjectRef
from tests.executors.network.conftest import HOST, Network, Pod, program, publish, service

pytestmark = pytest.mark.real
DNS = "169.254.20.10"
WEB = "web.shop.svc.cluster.local."


def _ask(name: str, kind: str = "A", *, tcp: bool = False, timeout: float = 8) -> DNSRecord:
    query = bytes(DNSRecord.question(name, kind).pack())
    return DNSRecord.parse(DNSRecord.parse(query).send(DNS, 53, tcp=tcp, timeout=timeout))


def _values(reply: DNSRecord) -> list[str]:
    return [str(record.rdata) for record in reply.rr]


def _server(network: Network) -> pidfile.Holder:
    holder = pidfile.running(network.directory / "run" / "network")
    assert holder is not None
    return holder


def test_published_names_are_answered_when_the_action_ends(network: Network) -> None:
    """UDP, TCP, and a resolver's client in a Pod."""
    pod = network.pod("a", "10.42.0.2")
    assert _ask(WEB).header.rcode == 2
    network.must(publish("1", web="10.43.0.9"))
    assert _values(_ask(WEB)) == _values(_ask(WEB, tcp=True)) == ["10.43.0.9"]
    command = ["nsenter", "-t", str(pod.pid), "-n", "busybox", "nslookup", "-type=a", WEB, DNS]
    assert "10.43.0.9" in subprocess.run(command, capture_output=True, text=True, timeout=20).stdout
    network.must(publish("2", web="10.43.0.10"))
    assert _values(_ask(WEB)) == ["10.43.0.10"]
    assert network.must(publish("2", web="10.43.0.10")) is OutcomeStatus.UNCHANGED
    network.must(publish("3"))
    assert _ask(WEB).header.rcode == 3


def test_the_server_outlives_us_and_is_left_alone(network: Network) -> None:
    """P10: a restart of ours neither stops nor restarts the server, and what was published counts as published."""
    network.must(publish("1", web="10.43.0.9"))
    before = _server(network)
    network.executor.close()
    assert _values(_ask(WEB)) == ["10.43.0.9"]
    network.executor = network.start()
    facts = network.executor.facts()
    assert (facts.dns_running, facts.names_digest) == (True, "1")
    assert network.must(HOST) is OutcomeStatus.UNCHANGED
    assert _server(network) == before


def test_names_that_the_server_did_not_take_are_not_believed(network: Network) -> None:
    """P17: killed between writing the names and telling the server, we publish them again."""
    network.must(publish("1", web="10.43.0.9"))
    network.executor.close()
    records = network.directory / "run" / "network" / "names.json"
    records.write_text(records.read_text().replace('"digest":"1"', '"digest":"2"'))
    network.executor = network.start()
    assert network.executor.facts().names_digest == ""
    assert network.must(publish("2", web="10.43.0.10")) is OutcomeStatus.DONE
    assert _values(_ask(WEB)) == ["10.43.0.10"]


def test_a_killed_server_is_noticed_and_started_again(network: Network) -> None:
    """P17: it comes back with the names that it had."""
    network.must(publish("1", web="10.43.0.9"))
    network.watch()
    network.must(HOST)
    os.kill(_server(network).pid, signal.SIGKILL)
    assert network.looked("dns")
    assert not network.executor.facts().dns_running
    network.must(HOST)
    assert network.executor.facts().dns_running
    assert _values(_ask(WEB)) == ["10.43.0.9"]


def test_another_version_is_replaced_without_a_gap(network: Network) -> None:
    """The successor listens before the old server stops: no query goes unanswered."""
    network.must(publish("1", web="10.43.0.9"))
    old = _server(network)
    done, failed, asked = threading.Event(), [], []

    def keep_asking() -> None:
        while not done.is_set():
            asked.append(1)
            try:
                if _values(_ask(WEB, timeout=1)) != ["10.43.0.9"]:
                    failed.append("wrong")
            except OSError as error:
                failed.append(repr(error))

    asking = threading.Thread(target=keep_asking)
    asking.start()
    changed = type(HOST)(
        pod_cidr=HOST.pod_cidr,
        cluster_pod_cidr=HOST.cluster_pod_cidr,
        service_cidr=HOST.service_cidr,
        dns_address=HOST.dns_address,
        domain="other.local",
    )
    network.must(changed)
    done.set()
    asking.join()
    assert _server(network).pid != old.pid
    assert failed == [] and len(asked) > 5


def test_a_server_of_another_cluster_is_not_joined(network: Network, tmp_path: Path) -> None:
    """P05: two servers on one address would each answer some of the queries; the second one says so and ends."""
    command = [sys.executable, "-m", "reconciler.executors.network.dns.server", "--address", DNS, "--detach"]
    (tmp_path / "other").mkdir()
    command += ["--records", str(tmp_path / "other" / "names.json"), "--take-over"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 3 and "another cluster's DNS server listens" in done.stderr


def test_records_are_read_again_on_hangup(network: Network) -> None:
    """SIGHUP does what the nudge does."""
    network.must(publish("1", web="10.43.0.9"))
    records = network.directory / "run" / "network" / "names.json"
    records.write_text(records.read_text().replace("10.43.0.9", "10.43.0.77"))
    os.kill(_server(network).pid, signal.SIGHUP)
    for _ in range(200):
        if _values(_ask(WEB)) == ["10.43.0.77"]:
            return
    pytest.fail("the records were not read again")


def test_the_server_is_small(network: Network) -> None:
    """It carries the standard library and dnslib, nothing else of ours."""
    network.must(publish("1", **{f"web-{number}": f"10.43.1.{number % 250}" for number in range(1000)}))
    status = Path(f"/proc/{_server(network).pid}/status").read_text()
    resident_kb = int(status.split("VmRSS:")[1].split()[0])
    assert resident_kb < 40_000


class Upstream:
    """A DNS server that answers every A question with one address."""

    def __init__(self, address: str, answer: str | None) -> None:
        self.asked = 0
        self._answer = answer
        self._door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._door.bind((address, 53))
        self._door.settimeout(0.05)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._closed.is_set():
            try:
                data, client = self._door.recvfrom(2048)
            except TimeoutError:
                continue
            self.asked += 1
            if self._answer is not None:
                query = DNSRecord.parse(data)
                reply = query.reply()
                reply.add_answer(RR(query.q.qname, ttl=60, rdata=A(self._answer)))
                self._door.sendto(bytes(reply.pack()), client)

    def close(self) -> None:
        """Stop."""
        self._closed.set()
        self._thread.join()
        self._door.close()


@pytest.fixture
def resolv_conf() -> Iterator[Path]:
    """The host's resolver settings, put back afterwards."""
    path = Path("/etc/resolv.conf")
    before = path.read_text()
    yield path
    path.write_text(before)


def test_other_names_are_asked_upstream(network: Network, resolv_conf: Path) -> None:
    """The first server that answers is believed; a silent one costs a moment, and we never ask ourselves."""
    silent, answering = Upstream("127.0.0.11", None), Upstream("127.0.0.12", "192.0.2.7")
    resolv_conf.write_text(f"nameserver {DNS}\nnameserver 127.0.0.11\nnameserver 127.0.0.12\n")
    network.must(publish("1", web="10.43.0.9"))
    try:
        assert _values(_ask("example.com.")) == ["192.0.2.7"]
        assert (silent.asked, answering.asked) == (1, 1)
        resolv_conf.write_text("nameserver 127.0.0.12\n")
        assert _values(_ask("example.org.")) == ["192.0.2.7"]
        resolv_conf.write_text(f"nameserver {DNS}\n")
        assert _ask("example.net.").header.rcode == 2
    finally:
        silent.close()
        answering.close()


def test_an_external_name_is_resolved(network: Network, resolv_conf: Path) -> None:
    """The alias and the addresses of its target come in one reply."""
    upstream = Upstream("127.0.0.12", "192.0.2.7")
    resolv_conf.write_text("nameserver 127.0.0.12\n")
    record = DnsRecord(name="db.shop.svc.cluster.local.", type="CNAME", values=("db.example.com.",))
    network.must(PublishNames(digest="1", domain="cluster.local", records=(record,)))
    try:
        assert _values(_ask("db.shop.svc.cluster.local.")) == ["db.example.com.", "192.0.2.7"]
    finally:
        upstream.close()


def test_clients_over_tcp_can_ask_again(network: Network) -> None:
    """A connection carries many questions."""
    network.must(publish("1", web="10.43.0.9"))
    query = bytes(DNSRecord.question(WEB).pack())
    with socket.create_connection((DNS, 53), timeout=5) as door:
        for _ in range(3):
            door.sendall(struct.pack("!H", len(query)) + query)
            (length,) = struct.unpack("!H", door.recv(2))
            assert _values(DNSRecord.parse(door.recv(length))) == ["10.43.0.9"]


def test_killing_us_interrupts_nothing(network: Network) -> None:
    """P10, P17: kill -9 of the process that did it all leaves Pods, Services and names serving."""
    script = """
import sys
from pathlib import Path
from reconciler.executors.network.executor import NetworkExecutor
from reconciler.model.node import Materials
from reconciler.model.plan import Action
import msgspec
run, actions = Path(sys.argv[1]), sys.argv[2]
pids = {"a": int(sys.argv[3])}
executor = NetworkExecutor("c-test", "node-1", run / "data", run / "run", pids.get)
for action in msgspec.json.decode(actions, type=list[Action]):
    assert executor.execute(action, Materials()).status in ("done", "unchanged")
print("ready", flush=True)
import time
time.sleep(600)
"""
    holder = network.spawn(["unshare", "--net", "sh", "-c", "echo ready; exec sleep 600"])
    pod = Pod("a", "10.42.0.2", holder.pid)
    network.pods["a"] = pod
    details = (
        HOST,
        AttachPod(pod_uid="uid-a", sandbox="a", pod_ip=pod.ip),
        program("1", service(pod.ip)),
        publish("1", web="10.43.0.9"),
    )
    actions = [
        Action(
            key=str(number),
            executor=Executor.NETWORK,
            verb=Verb.CREATE,
            object=ObjectRef(kind="Pod", name="a"),
            reason=Reason.DECLARED,
            detail=detail,
        )
        for number, detail in enumerate(details)
    ]
    network.executor.close()
    command = [
        sys.executable,
        "-c",
        script,
        str(network.directory),
        msgspec.json.encode(actions).decode(),
        str(pod.pid),
    ]
    daemon = network.spawn(command)
    network.serve(pod)
    daemon.kill()
    daemon.wait()
    assert network.names("10.43.0.9", 80, times=3) == ["a", "a", "a"]
    assert _values(_ask(WEB)) == ["10.43.0.9"]
    network.executor = network.start()
    facts = network.executor.facts()
    assert (facts.prepared, facts.services_digest, facts.names_digest, facts.dns_running) == (True, "1", "1", True)
    assert [fact.whole for fact in facts.links] == [True]
