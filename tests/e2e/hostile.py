"""Hostile clients of a host's API, and one that measures how the others fare meanwhile."""

import base64
import http.client
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.host import Host

GOOD, BAD = "127.0.0.2", "127.0.0.3"


class Gate:
    """The API over HTTPS: where it is, and who one is there."""

    def __init__(self, host: Host) -> None:
        self.host = host
        made = self._kubeconfig("boss", "system:masters")
        cluster = made["clusters"][0]["cluster"]
        self.port = int(cluster["server"].rpartition(":")[2])
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self.context = ssl.create_default_context(cadata=authority)
        self.boss = str(made["users"][0]["user"]["token"])

    def token(self, name: str, *groups: str) -> str:
        """Give out a token for a user."""
        return str(self._kubeconfig(name, *groups)["users"][0]["user"]["token"])

    def raw(self, source: str = BAD) -> socket.socket:
        """Connect, without TLS."""
        connection = socket.create_connection(("127.0.0.1", self.port), 15, source_address=(source, 0))
        connection.settimeout(15)
        return connection

    def tls(self, source: str = BAD) -> ssl.SSLSocket:
        """Connect with TLS and no certificate."""
        return self.context.wrap_socket(self.raw(source), server_hostname="127.0.0.1")

    def send(self, content: bytes, source: str = BAD) -> bytes:
        """Send bytes as they are; return what comes back until the connection ends, or nothing more comes."""
        received = b""
        with self.tls(source) as connection, suppress(TimeoutError, OSError):
            with suppress(OSError):
                connection.sendall(content)
            connection.settimeout(2)
            while piece := connection.recv(65536):
                received += piece
        return received

    def ask(
        self, path: str, token: str = "", method: str = "GET", source: str = BAD, **headers: str
    ) -> tuple[int, bytes]:
        """Send one request; return its code and content."""
        client = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=self.context)
        client.sock = self.tls(source)
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            client.request(method, path, headers={**sent, **headers})
            answer = client.getresponse()
            return answer.status, answer.read()
        finally:
            client.close()

    def _kubeconfig(self, name: str, *groups: str) -> dict[str, Any]:
        options = [option for group in groups for option in ("--group", group)]
        done = self.host.run("kubeconfig", "--user", name, "--token", *options)
        assert done.code == 0, done
        return dict(yaml.safe_load(done.out))


@dataclass
class Fares:
    """How long honest requests took, by where they went."""

    calm_s: float = 0.0
    took_s: dict[str, list[float]] = field(default_factory=lambda: {"socket": [], "https": []})
    failed: list[str] = field(default_factory=list)

    def longest_s(self, where: str) -> float:
        """Return the longest."""
        assert self.took_s[where], f"nothing was answered over {where}: {self.failed}"
        return max(self.took_s[where])

    def soon_s(self, usual_s: float) -> float:
        """Return what is soon: so long, or longer on a machine that has so much else to do that nothing is fast."""
        return max(usual_s, 100 * self.calm_s)


def _calm_s(gate: Gate) -> float:
    """Return how long a request takes while nothing happens."""
    took = []
    for _ in range(9):
        began = time.monotonic()
        assert gate.host.get("/apis/reconciler.dev/v1/status") is not None
        took.append(time.monotonic() - began)
    return sorted(took)[len(took) // 2]


@contextmanager
def measured(gate: Gate) -> Iterator[Fares]:
    """Ask honest questions all the while, on the socket and over HTTPS from an address of their own."""
    fares, over = Fares(_calm_s(gate)), threading.Event()

    def over_socket() -> None:
        while not over.wait(0.05):
            began = time.monotonic()
            if gate.host.get("/apis/reconciler.dev/v1/status") is None:
                fares.failed.append("socket")
            fares.took_s["socket"].append(time.monotonic() - began)

    def over_https() -> None:
        while not over.wait(0.1):
            began = time.monotonic()
            try:
                code, _ = gate.ask("/api/v1/namespaces", gate.boss, source=GOOD)
            except OSError as error:
                fares.failed.append(f"https {error}")
                continue
            if code != 200:
                fares.failed.append(f"https {code}")
            fares.took_s["https"].append(time.monotonic() - began)

    threads = [threading.Thread(target=one) for one in (over_socket, over_https)]
    for thread in threads:
        thread.start()
    try:
        yield fares
    finally:
        over.set()
        for thread in threads:
            thread.join(30)


def flood(work: Any, *, threads: int, seconds: float) -> int:
    """Repeat something in many threads for a while; return how often it was done, whatever came of it."""
    until, counts = time.monotonic() + seconds, [0] * threads

    def repeat(number: int) -> None:
        while time.monotonic() < until:
            with suppress(OSError, http.client.HTTPException):
                work()
            counts[number] += 1

    running = [threading.Thread(target=repeat, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(30)
    return sum(counts)


def is_ended(connection: socket.socket, within_s: float) -> bool:
    """Whether the other side ends a connection in time."""
    connection.settimeout(within_s)
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def memory_mib(host: Host) -> float:
    """Return what the daemon holds in memory."""
    assert host.daemon is not None
    pages = int(Path(f"/proc/{host.daemon.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def age_of_loops_s(host: Host) -> float:
    """Return how long ago the loop that went longest without a pass had its last one."""
    return time.time() - min(float(loop["ranAt"]) for loop in host.get("/apis/reconciler.dev/v1/status")["loops"])
