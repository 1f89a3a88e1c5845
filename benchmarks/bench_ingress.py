"""Ingress: HAProxy with the configuration that we make, beside HAProxy with the least that leads to the same server.

The generator, both proxies and the server share this machine's processors, so that only the ratios say something.
"""

from __future__ import annotations

import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from benchmarks.ours import wait_until
from benchmarks.row import Row
from reconciler.executors.ingress.cleanup import stop_proxy
from reconciler.executors.ingress.executor import IngressExecutor
from reconciler.model.details import ProgramIngress
from reconciler.model.ingress import IngressRoute, IngressTarget, IngressView
from reconciler.model.node import Endpoint, EndpointPort, Materials, ServiceEntry, ServicePortEntry
from reconciler.model.plan import OutcomeStatus, Reason
from reconciler.planner.ingress.config import ProxyConfig, proxy_config, with_endpoints
from reconciler.planner.node.actions import make_action, node_ref

NEEDS_LAB = True
PACKAGES = ("haproxy", "wrk")
HTTP, HTTPS, OTHER_HTTP, OTHER_HTTPS, SERVER = 18480, 18443, 18580, 18543, 18490
ROUTES, ENDPOINTS, RELOADS = 100, 3, 10
SECONDS, REPEATS, LOAD_SECONDS = 2, 3, 12
HOST, DNS = "app-7.example", "169.254.20.10"
# Answers at once and with little, so that the proxy is what is measured.
SERVER_CONFIG = f"""\
global
    maxconn 1000
defaults
    mode http
    timeout client 60s
    timeout connect 1s
    timeout server 60s
frontend server
    bind :{SERVER}
    http-request return status 200 content-type text/plain string "ok"
"""
LEAST_CONFIG = f"""\
global
    maxconn 1000
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
defaults
    mode http
    timeout client 60s
    timeout connect 1s
    timeout server 60s
frontend least
    bind 127.0.0.1:{OTHER_HTTP}
    bind 127.0.0.1:{OTHER_HTTPS} ssl crt {{certificate}}
    default_backend server
backend server
    server s1 127.0.0.1:{SERVER}
"""


def run() -> list[Row]:
    """Measure on a lab host."""
    # /run, as on a host: what is written there costs no disk.
    with tempfile.TemporaryDirectory(dir="/run") as name:
        folder, executor = Path(name), IngressExecutor(Path(name), HTTP, HTTPS)
        try:
            first = _timed(lambda: _carry_out(executor, _program(1)))
            certificate = shutil.copy(folder / "ingress" / "default.pem", folder / "least.pem")
            least = LEAST_CONFIG.format(certificate=certificate)
            with (
                _haproxy(folder / "server.cfg", SERVER_CONFIG, SERVER),
                _haproxy(folder / "least.cfg", least, OTHER_HTTP),
            ):
                rows = [*_requests(), *_changes(executor, folder, first)]
        finally:
            executor.close()
            stop_proxy(folder)
    return rows


def _requests() -> Iterator[Row]:
    for words, scheme, ports, header in (
        ("one request", "http", (HTTP, OTHER_HTTP), "X-Kept: yes"),
        ("one request, TLS", "https", (HTTPS, OTHER_HTTPS), "X-Kept: yes"),
        ("one request, TLS with a handshake each", "https", (HTTPS, OTHER_HTTPS), "Connection: close"),
    ):
        ours, other = (f"{scheme}://127.0.0.1:{port}/" for port in ports)
        pairs = [(_load(ours, header).per_second, _load(other, header).per_second) for _ in range(REPEATS)]
        rate, least = (statistics.median(pair[at] for pair in pairs) for at in (0, 1))
        yield Row(
            f"Ingress, one of {ROUTES} routes: {words}",
            1 / rate,
            (("HAProxy with the least", 1 / least),),
            note=f"{rate:,.0f} a second beside {least:,.0f}",
        )


def _changes(executor: IngressExecutor, folder: Path, first: float) -> Iterator[Row]:
    """Change routes and endpoints while requests come, each on a connection of its own."""
    command = _wrk(f"http://127.0.0.1:{HTTP}/", "Connection: close", LOAD_SECONDS, connections=8)
    load = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    time.sleep(1)
    began = time.monotonic()
    reloads = [_timed(lambda: _carry_out(executor, _program(number))) for number in range(2, 2 + RELOADS)]  # noqa: B023
    count = 2 * RELOADS
    others = [_program(1 + RELOADS, 2 + number % 2) for number in range(count)]
    fills = [_timed(lambda: _carry_out(executor, one)) for one in others]  # noqa: B023
    under_load = time.monotonic() - began < LOAD_SECONDS - 1
    told = _told(load.communicate(timeout=60)[0])
    alone = [_timed(lambda: _carry_out(executor, one)) for one in reversed(others)]  # noqa: B023
    check = ["haproxy", "-c", "-f", str(folder / "ingress" / "current" / "haproxy.cfg")]
    environment = {"PATH": "/usr/sbin:/usr/bin", "RECONCILER_INGRESS_SOCKET": str(folder / "checked.sock")}
    checked = _timed(lambda: subprocess.run(check, check=True, capture_output=True, env=environment, timeout=60))
    assert under_load, "the requests ended before the changes did"
    yield Row(f"Ingress, {ROUTES} routes: from nothing", first, (("haproxy -c of the same", checked),))
    yield Row(
        "Ingress, a route changed (a reload), under load",
        statistics.median(reloads),
        (("haproxy -c of the same", checked),),
        budget="no request fails",
        note=f"{told.failed} of {told.requests:,} requests failed over {RELOADS} reloads and {count} other endpoints",
    )
    yield Row("Ingress, an endpoint changed (no reload), under load", statistics.median(fills[1:]))
    yield Row("Ingress, an endpoint changed (no reload), without load", statistics.median(alone[1:]))
    yield Row(f"Ingress, {ROUTES} routes: an endpoint changed, as planned", _planned())


def _planned() -> float:
    """Plan the change of one Service among as many as there are routes, each with one of its own."""
    names = [f"web-{one}" for one in range(ROUTES)]
    targets = [IngressTarget(namespace="default", service=name, port=80) for name in names]
    view = IngressView(routes=tuple(IngressRoute(id=at.service, host=HOST, target=at) for at in targets))
    first = {("default", name): replace(_service(2), name=name) for name in names}
    config = proxy_config(view, first, DNS, HTTP, HTTPS)
    others = [{**first, ("default", names[number]): replace(_service(3), name=names[number])} for number in range(20)]
    return statistics.median(_timed(lambda: with_endpoints(config, view, first, one, HTTPS)) for one in others)  # noqa: B023


def _view(change: int) -> IngressView:
    """All routes, one of which differs by `change`."""
    target = IngressTarget(namespace="default", service="web", port=80)
    routes = [IngressRoute(id=f"app-{one}", host=f"app-{one}.example", target=target) for one in range(ROUTES)]
    changed = IngressRoute(id="changed", host=f"change-{change}.example", target=target)
    return IngressView(routes=(*routes, changed))


def _service(endpoints: int) -> ServiceEntry:
    # All are the same server: what is measured is the proxy before it.
    served = tuple(Endpoint(ip=f"127.0.0.{one + 1}") for one in range(endpoints))
    port = ServicePortEntry(port=80, targets=(EndpointPort(port=SERVER, endpoints=served),))
    return ServiceEntry(namespace="default", name="web", ports=(port,))


def _program(change: int, endpoints: int = ENDPOINTS) -> ProgramIngress:
    """The step for all routes, one of which differs by `change`."""
    found = proxy_config(_view(change), {("default", "web"): _service(endpoints)}, DNS, HTTP, HTTPS)
    fields = {name: getattr(found, name) for name in ProxyConfig.__struct_fields__}
    return replace(ProgramIngress(view="bench", **fields), view=f"{found.structure}/{found.endpoints}")


def _carry_out(executor: IngressExecutor, detail: ProgramIngress) -> None:
    action = make_action("n", node_ref("n"), detail, Reason.INGRESS_CHANGED)
    outcome = executor.execute(action, Materials())
    assert outcome.status is OutcomeStatus.DONE, outcome


class _Load:
    """What wrk tells of a run."""

    def __init__(self, requests: int, per_second: float, failed: int) -> None:
        self.requests = requests
        self.per_second = per_second
        self.failed = failed


def _load(url: str, header: str) -> _Load:
    command = _wrk(url, header, SECONDS)
    told = _told(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout)
    assert not told.failed, told.failed
    return told


def _wrk(url: str, header: str, seconds: int, connections: int = 32) -> Sequence[str]:
    headers = ("-H", f"Host: {HOST}", "-H", header)
    return ("wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", *headers, url)


def _told(output: str) -> _Load:
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    requests = re.search(r"(\d+) requests in", output)
    assert rate is not None, output
    assert requests is not None, output
    failed = sum(int(one) for line in output.splitlines() if "rrors" in line for one in re.findall(r"\d+", line))
    failed += sum(int(one) for one in re.findall(r"Non-2xx or 3xx responses: (\d+)", output))
    return _Load(int(requests[1]), float(rate[1]), failed)


@contextmanager
def _haproxy(path: Path, config: str, port: int) -> Iterator[None]:
    path.write_text(config)
    process = subprocess.Popen(["haproxy", "-f", str(path)], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: _listens(port))
        yield
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as door:
        return door.connect_ex(("127.0.0.1", port)) == 0


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
