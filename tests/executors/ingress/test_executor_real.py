"""HAProxy on a host: started, found again, changed while it runs, refused, in the way of others, stopped."""

import os
import signal
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from reconciler.executors.ingress.cleanup import stop_proxy
from reconciler.executors.ingress.executor import IngressExecutor
from reconciler.executors.ingress.ports import port_holder
from reconciler.executors.ingress.process import program
from reconciler.model.details import ProgramIngress, StopIngress
from reconciler.model.ingress import IngressRoute, IngressTarget, IngressView
from reconciler.model.ingress_options import IngressOptions
from reconciler.model.node import Endpoint, EndpointPort, Materials, ServiceEntry, ServicePortEntry
from reconciler.model.plan import Outcome, OutcomeStatus, Reason
from reconciler.planner.ingress.config import proxy_config
from reconciler.planner.node.actions import make_action, node_ref
from tests.e2e.echo import ask, echo
from tests.e2e.host import wait_for
from tests.executors.ingress.test_check import programmed

pytestmark = pytest.mark.real

HTTP, HTTPS, BACKEND = 18480, 18443, 18490
WEB = IngressTarget(namespace="default", service="web", port=80)
ROUTE = IngressRoute(id="web", host="a.example", target=WEB)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A runtime directory; what runs from it is stopped afterwards."""
    yield tmp_path
    stop_proxy(tmp_path)


@pytest.fixture
def executor(folder: Path) -> Iterator[IngressExecutor]:
    """The executor of this host."""
    one = IngressExecutor(folder, HTTP, HTTPS)
    yield one
    one.close()


def wanted(*routes: IngressRoute, ips: tuple[str, ...] = ("127.0.0.1",), view: str = "v1") -> ProgramIngress:
    """The step for these routes to endpoints."""
    port = ServicePortEntry(
        port=80, targets=(EndpointPort(port=BACKEND, endpoints=tuple(Endpoint(ip=ip) for ip in ips)),)
    )
    services = {("default", "web"): ServiceEntry(namespace="default", name="web", ports=(port,))}
    found = proxy_config(IngressView(routes=routes or (ROUTE,)), services, "169.254.20.10", HTTP, HTTPS)
    return replace(programmed(found), view=view)


def carry_out(executor: IngressExecutor, detail: ProgramIngress | StopIngress) -> Outcome:
    """Have a step carried out."""
    return executor.execute(make_action("n", node_ref("n"), detail, Reason.INGRESS_CHANGED), Materials())


@contextmanager
def answering(ip: str, answer: bytes) -> Iterator[list[bytes]]:
    """A server that gives one answer to everything, and keeps what it was asked."""
    asked: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            asked.append(self.request.recv(65536))
            self.request.sendall(answer)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True

    with Server((ip, BACKEND), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield asked
        server.shutdown()


def test_a_proxy_lives_on_and_is_known_again(executor: IngressExecutor, folder: Path) -> None:
    """Its facts are what was programmed, also for the next process; an endpoint more is no reload; stop ends all."""
    detail = wanted()
    assert carry_out(executor, detail).status is OutcomeStatus.DONE
    fact = executor.facts()
    assert (fact.structure, fact.endpoints, fact.view) == (detail.structure, detail.endpoints, "v1")
    assert ask("a.example", port=HTTP).status == 503
    with echo("main", BACKEND):
        assert ask("a.example", port=HTTP).document["server"] == "main"
        again = IngressExecutor(folder, HTTP, HTTPS)
        assert again.facts() == fact
        other = wanted(ips=("127.0.0.2",))
        assert carry_out(again, other).status is OutcomeStatus.DONE
        assert again.facts().endpoints == other.endpoints
        assert ask("a.example", port=HTTP).document["server"] == "main"
        again.close()
    assert carry_out(executor, StopIngress()).status is OutcomeStatus.DONE
    assert executor.facts().structure == ""
    assert not (folder / "ingress").exists()
    with pytest.raises(ConnectionRefusedError):
        ask("a.example", port=HTTP)


def test_a_proxy_that_others_start_leads_where_the_last_one_led(executor: IngressExecutor, folder: Path) -> None:
    """As the service manager does when it ended: from the files, whose endpoints are those of the last change."""
    carry_out(executor, wanted(ips=()))
    carry_out(executor, wanted(ips=("127.0.0.1",)))
    config, pid = folder / "ingress" / "current" / "haproxy.cfg", folder / "ingress" / "haproxy.pid"
    wait_for("the endpoint is noted", lambda: f"127.0.0.1:{BACKEND}" in config.read_text(), 30)
    os.kill(int(pid.read_text()), signal.SIGKILL)
    wait_for("its worker has ended", lambda: not port_holder(HTTP), 30)
    environment = {"RECONCILER_INGRESS_SOCKET": str(folder / "ingress" / "haproxy.sock")}
    command = [program(), "-W", "-D", "-p", str(pid), "-f", str(config)]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=20)
    with echo("main", BACKEND):
        assert ask("a.example", port=HTTP).document["server"] == "main"
    assert (config.stat().st_mode & 0o777, config.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_endpoints_that_were_not_noted_are_by_the_next_process(executor: IngressExecutor, folder: Path) -> None:
    """As after we were killed in the second between: they are given again, which interrupts nothing."""
    carry_out(executor, wanted(ips=()))
    detail = wanted(ips=("127.0.0.1",))
    carry_out(executor, detail)
    again = IngressExecutor(folder, HTTP, HTTPS)
    assert (again.facts().structure, again.facts().endpoints) == (detail.structure, "")
    assert carry_out(again, detail).status is OutcomeStatus.DONE
    again.close()
    assert f"127.0.0.1:{BACKEND}" in (folder / "ingress" / "current" / "haproxy.cfg").read_text()
    assert IngressExecutor(folder, HTTP, HTTPS).facts().endpoints == detail.endpoints


def test_requests_are_logged_where_an_ingress_wants_it(executor: IngressExecutor) -> None:
    """With who asked for what, and what came of it; a body that is too large is refused, and logged too."""
    silent = IngressRoute(id="silent", host="b.example", target=WEB)
    logged = replace(ROUTE, options=IngressOptions(access_log=True))
    options = IngressOptions(body_size=10, told_lengths_only=True, access_log=True)
    small = IngressRoute(id="small", host="c.example", target=WEB, options=options)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as log, echo("main", BACKEND):
        log.bind(("127.0.0.1", 0))
        log.settimeout(30)
        detail = wanted(logged, silent, small)
        head = detail.head.replace("log /dev/log", f"log 127.0.0.1:{log.getsockname()[1]}")
        assert carry_out(executor, replace(detail, head=head)).status is OutcomeStatus.DONE
        assert ask("b.example", port=HTTP).status == 200
        forged = {"User-Agent": 'one" 200 "two'}
        assert ask("a.example", "/page?x=1", port=HTTP, headers=forged).status == 200
        line = log.recv(4096).decode()
        assert "reconciler-ingress" in line
        assert ' "GET /page?x=1 HTTP/1.1" 200 ' in line
        assert r' "one\" 200 \"two" ' in line
        assert ' "a.example" ' in line
        assert ask("c.example", port=HTTP, method="POST", body=b"x" * 11).status == 413
        assert ' "POST / HTTP/1.1" 413 ' in log.recv(4096).decode()


def test_a_refused_configuration_changes_nothing(executor: IngressExecutor) -> None:
    """The one before goes on, and the fact says why; the next good one ends that."""
    good = wanted()
    carry_out(executor, good)
    bad = wanted(replace(ROUTE, match="Regex", path="/(?<x"), view="v2")
    told = carry_out(executor, bad)
    assert (told.status, told.reason) == (OutcomeStatus.FAILED, "BadConfiguration")
    assert (executor.facts().structure, executor.facts().view) == (good.structure, "v1")
    assert "haproxy refuses" in executor.facts().error
    with echo("main", BACKEND):
        assert ask("a.example", port=HTTP).status == 200
    assert carry_out(executor, wanted(replace(ROUTE, host="b.example"))).status is OutcomeStatus.DONE
    assert executor.facts().error == ""


def test_a_port_that_another_has_is_told_with_its_name(executor: IngressExecutor) -> None:
    """And taken once it is free."""
    with socket.create_server(("0.0.0.0", HTTP)):
        told = carry_out(executor, wanted())
        assert (told.status, told.reason) == (OutcomeStatus.FAILED, "PortInUse")
        assert f"port {HTTP} of this host is in use by" in told.message
        assert "(process " in told.message
    assert carry_out(executor, wanted()).status is OutcomeStatus.DONE


def test_a_server_that_says_nothing_is_asked_again_only_for_what_changes_nothing(executor: IngressExecutor) -> None:
    """A page comes from the other server; what was sent to it otherwise is told to have failed, and is sent once."""
    carry_out(executor, wanted(ips=("127.0.0.1", "127.0.0.2")))
    nothing = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    with answering("127.0.0.1", b"") as silent, answering("127.0.0.2", nothing) as other:
        assert [ask("a.example", port=HTTP).status for _ in range(4)] == [204] * 4
        assert silent
        silent.clear()
        other.clear()
        told = [ask("a.example", port=HTTP, method="POST").status for _ in range(4)]
        assert sorted(set(told)) == [204, 502]
        assert (told.count(502), told.count(204)) == (len(silent), len(other))


def test_the_end_of_the_proxy_is_noticed(executor: IngressExecutor, folder: Path) -> None:
    """At once, by whoever watches."""
    carry_out(executor, wanted())
    ended = threading.Event()
    executor.watch(lambda _: ended.set())
    assert not ended.wait(0.2)
    assert stop_proxy(folder) == ("HAProxy of the ingresses",)
    assert ended.wait(30)
    assert executor.facts().structure == ""
