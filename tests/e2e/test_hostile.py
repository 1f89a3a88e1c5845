"""Hostile clients of a real daemon over TLS: they get little, and everybody else is served meanwhile (P07)."""

import json
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.e2e.host import wait_for
from tests.e2e.hostile import BAD, GOOD, Gate, age_of_loops_s, flood, is_ended, measured, memory_mib
from tests.e2e.stage import Stage, container, manifest, pod, stage

pytestmark = pytest.mark.real

RBAC = "rbac.authorization.k8s.io"
SOON_S, SOON_OVER_TLS_S = 2.0, 4.0
WORD = "aHVudGVyMg=="
EXEC = "/api/v1/namespaces/red/pods/idle/exec?command=/bin/cat&stdin=1&stdout=1"
# Forms of a request about which two parsers could disagree.
SMUGGLED = {
    "two lengths": b"Content-Length: 5\r\nContent-Length: 50\r\n\r\nhello",
    "length that is no number": b"Content-Length: +5\r\n\r\nhello",
    "negative length": b"Content-Length: -1\r\n\r\n",
    "space before the colon": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "unknown encoding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "encodings in a row": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "no hexadecimal chunk": b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
    "folded line": b"X-A: b\r\n c: d\r\nContent-Length: x\r\n\r\n",
    "NUL in a header": b"X-A: b\0c\r\n\r\n",
}
# Ways to another namespace's Secret.
TRICKS = (
    "/api/v1/namespaces/blue/secrets/word",
    "/api/v1/namespaces/red/secrets/../../blue/secrets/word",
    "/api/v1/namespaces/red/secrets/%2e%2e/%2e%2e/blue/secrets/word",
    "/api/v1/namespaces/red%2f..%2fblue/secrets/word",
    "/api/v1/namespaces//blue/secrets/word",
    "//api/v1/namespaces/blue/secrets/word",
    "/api/v1/namespaces/blue/secrets/word/",
    "/api/v1/namespaces/blue/%73ecrets/word",
    "/api/v1/namespaces/blue/secrets?namespace=red",
    "/api/v1/secrets?fieldSelector=metadata.namespace=red",
    "/api/v1/secrets?fieldSelector=metadata.name=word",
    "/api/v1/namespaces/blue/secrets?watch=0&watch=1",
    "/api/v1/namespaces/blue/secrets/word?watch=1",
    "/api/v1/watch/namespaces/blue/secrets",
    "/api/v1/secrets/word",
    "/apis//v1/namespaces/blue/secrets/word",
    "/api/v1/namespaces/blue/pods/speaker/log",
    "/apis/reconciler.dev/v1/status",
    "/apis/reconciler.dev/v1/explain?object=secret/blue/word",
    "/apis/reconciler.dev/v1/plan",
    "/apis/reconciler.dev/v1/namespaces/red/plan",
    "/apis/reconciler.dev/v1/users",
    "/metrics",
    "http://red/api/v1/namespaces/blue/secrets/word",
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Stage]:
    """A host with two namespaces; ada may edit in red."""
    with stage(tmp_path_factory.mktemp("hostile")) as one:
        here = {"namespace": "red"}
        one.put(
            red=manifest("Namespace", "red"),
            blue=manifest("Namespace", "blue"),
            idle=pod("idle", container("app"), metadata=here),
            word=manifest("Secret", "word", metadata={"namespace": "blue"}, data={"word": WORD}),
            ada=manifest(
                "RoleBinding",
                "ada",
                f"{RBAC}/v1",
                metadata=here,
                subjects=[{"kind": "User", "name": "ada", "apiGroup": RBAC}],
                roleRef={"kind": "ClusterRole", "name": "edit", "apiGroup": RBAC},
            ),
        )
        one.host.settle()
        yield one


@pytest.fixture(scope="module")
def gate(cluster: Stage) -> Gate:
    """The way in."""
    return Gate(cluster.host)


@pytest.fixture(scope="module")
def ada(gate: Gate) -> str:
    """Ada's token."""
    return gate.token("ada")


@pytest.fixture(autouse=True)
def lives(cluster: Stage) -> Iterator[None]:
    """After each attack the daemon is the same process, its loops go on, and it holds little more than before."""
    assert cluster.host.daemon is not None
    before, held = cluster.host.daemon.pid, memory_mib(cluster.host)
    yield
    assert cluster.host.daemon.poll() is None
    assert cluster.host.daemon.pid == before
    assert age_of_loops_s(cluster.host) < 60
    assert memory_mib(cluster.host) < held + 150


def head(path: str, token: str = "", *, method: str = "GET", more: str = "") -> bytes:
    """Return the head of a request."""
    proof = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{proof}{more}\r\n".encode()


def test_who_connects_and_says_nothing_keeps_nobody_out(gate: Gate) -> None:
    """Half-open handshakes, half a head, thousands of connections: dropped in time, and others come in meanwhile."""
    with ExitStack() as held, measured(gate) as fares:
        mute = [held.enter_context(gate.raw()) for _ in range(30)]
        for one in mute[::2]:
            one.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        slow = [held.enter_context(gate.tls()) for _ in range(30)]
        for one in slow:
            one.sendall(b"GET /version HTTP/1.1\r\nHost: x\r\nX-A: ")
        began = time.monotonic()

        def connect() -> None:
            gate.raw().close()

        tried = flood(connect, threads=8, seconds=4)
        while time.monotonic() < began + 8:
            for one in slow:
                with suppress(OSError):
                    one.sendall(b"a")
            time.sleep(1)
        assert all(is_ended(one, 30) for one in (*mute, *slow))
    assert tried > 1000
    assert fares.failed == []
    assert fares.longest_s("socket") < fares.soon_s(SOON_S)
    assert fares.longest_s("https") < fares.soon_s(SOON_OVER_TLS_S)


def test_one_address_has_only_so_many_connections(gate: Gate) -> None:
    """Those beyond are closed at once; another address is served."""
    with ExitStack() as held:
        connections = [held.enter_context(gate.raw()) for _ in range(200)]

        def are_bounded() -> bool:
            return sum(is_ended(one, 0.01) for one in connections) >= 200 - 128

        # Well before a connection that says nothing is dropped for that.
        wait_for("those beyond are closed", are_bounded, 7)
        assert gate.ask("/version", source=GOOD)[0] == 200


def test_what_is_too_large_is_refused(gate: Gate, ada: str) -> None:
    """Heads beyond 64 KiB and bodies beyond 16 MiB, declared or not."""
    huge = gate.send(b"GET /version HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * (1 << 20))
    assert huge == b"" or huge.startswith(b"HTTP/1.1 4")
    declared = gate.send(
        head("/api/v1/namespaces/red/pods", ada, method="POST", more="Content-Length: 999999999999\r\n")
    )
    assert declared.startswith(b"HTTP/1.1 413")
    lines = "".join(f"X-{number}: {number}\r\n" for number in range(20_000))
    assert gate.send(head("/version", more=lines))[:10] in (b"", b"HTTP/1.1 4")


@pytest.mark.parametrize("form", SMUGGLED)
def test_what_could_be_read_in_two_ways_is_refused(gate: Gate, ada: str, form: str) -> None:
    """The connection ends; what follows on it is no request."""
    path = "/api/v1/namespaces/red/pods"
    start = head(path, ada, method="POST").removesuffix(b"\r\n")
    received = gate.send(start + SMUGGLED[form] + head("/version"))
    assert received.count(b"HTTP/1.1 ") <= 1, received
    assert received == b"" or received.startswith((b"HTTP/1.1 4", b"HTTP/1.1 501")), received


@pytest.mark.parametrize("path", TRICKS)
def test_no_path_leads_to_what_is_not_ones_own(gate: Gate, ada: str, path: str) -> None:
    """Neither as ada nor as nobody, nor as somebody whom ada says to be."""
    tries = (
        {"token": ada},
        {"token": ""},
        {"token": ada, "Impersonate-User": "boss"},
        {"token": ada, "Impersonate-User": "ada", "Impersonate-Group": "system:masters"},
        {"token": ada, "Impersonate-Group": "system:masters"},
        {"token": ada, "X-Remote-User": "boss", "X-Remote-Group": "system:masters"},
        {"token": ada, "X-HTTP-Method-Override": "GET", "X-Original-URL": "/version"},
    )
    for given in tries:
        code, content = gate.ask(path, source=GOOD, **given)
        assert code in (400, 401, 403, 404, 307, 429), (given, code, content)
        assert WORD.encode() not in content


def test_hooks_and_operations_are_not_for_users(gate: Gate, ada: str) -> None:
    """Neither a push, nor what operators do, comes from who may only edit in a namespace; nor by a word for GET."""
    own = "/apis/reconciler.dev/v1"
    paths = ("/hooks/pre-receive", "/hooks/post-receive", f"{own}/plan", f"{own}/acknowledgements", f"{own}/users")
    for path in (*paths, f"{own}/sources/*/sync", f"{own}/sources/main/rollback"):
        assert gate.ask(path, ada, "POST", source=GOOD)[0] == 403, path
    for method in ("HEAD", "OPTIONS", "TRACE", "PROPFIND", "get"):
        assert gate.ask("/api/v1/namespaces/blue/secrets/word", ada, method, source=GOOD)[0] in (400, 403, 405), method


def test_a_role_that_reads_runs_nothing(gate: Gate, cluster: Stage) -> None:
    """A GET that opens a WebSocket is a create, for who may read everything too."""
    cluster.put(
        eve=manifest(
            "ClusterRoleBinding",
            "eve",
            f"{RBAC}/v1",
            subjects=[{"kind": "User", "name": "eve", "apiGroup": RBAC}],
            roleRef={"kind": "ClusterRole", "name": "view", "apiGroup": RBAC},
        )
    )
    eve, more = gate.token("eve"), "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + "A" * 22
    cluster.until("eve may read", lambda: gate.ask("/api/v1/pods", eve, source=GOOD)[0] == 200)
    for upgrade in ("Upgrade: websocket\r\n", "Upgrade: SPDY/3.1\r\n"):
        received = gate.send(head(EXEC, eve, more=f"{upgrade}{more}==\r\n"))
        assert received.startswith(b"HTTP/1.1 403"), received
    assert gate.ask("/api/v1/secrets", eve, source=GOOD)[0] == 403
    for path in ("status", "plan", "plans", "explain?object=secret/blue/word", "events", "actions", "revisions"):
        code, content = gate.ask(f"/apis/reconciler.dev/v1/{path}", eve, source=GOOD)
        assert code == 200
        assert WORD.encode() not in content and b"hunter2" not in content


@pytest.mark.parametrize("token", ["", "rct_0_wrong"], ids=["nobody", "a guess"])
def test_a_flood_of_refusals_slows_nobody_down(gate: Gate, cluster: Stage, token: str) -> None:
    """Those who prove nothing are slowed down, and the audit log stays small."""
    log = Path(cluster.host.data) / "audit.log"
    before = log.stat().st_size
    with measured(gate) as fares:
        flood(lambda: gate.ask("/api/v1/pods", token), threads=12, seconds=4)
    assert fares.failed == []
    assert fares.longest_s("socket") < fares.soon_s(SOON_S)
    assert fares.longest_s("https") < fares.soon_s(SOON_OVER_TLS_S)
    assert log.stat().st_size - before < 100_000


def test_a_flood_of_watches_takes_only_ones_own_places(gate: Gate, ada: str) -> None:
    """The 129th is refused; others watch and read."""
    with ExitStack() as held, measured(gate) as fares:
        codes: list[bytes] = []
        for _ in range(3):
            for _ in range(50):
                connection = held.enter_context(gate.tls(f"127.0.0.{10 + len(codes) // 60}"))
                connection.sendall(head("/api/v1/namespaces/red/pods?watch=1", ada))
                codes.append(connection.recv(12))
                time.sleep(0.005)
        assert codes.count(b"HTTP/1.1 200") == 128
        assert codes.count(b"HTTP/1.1 429") == len(codes) - 128
    assert fares.failed == []
    assert fares.longest_s("socket") < fares.soon_s(SOON_S)


def test_readers_that_do_not_read_cost_little(gate: Gate) -> None:
    """Big documents that nobody takes, many a time."""
    with ExitStack() as held, measured(gate) as fares:
        for number in range(60):
            connection = held.enter_context(gate.tls(f"127.0.0.{20 + number // 40}"))
            path = "/openapi/v3/api/v1" if number % 2 else "/api/v1/pods?watch=1"
            connection.sendall(head(path, gate.boss) * 20)
        time.sleep(3)
    assert [one for one in fares.failed if "429" not in one] == []
    assert fares.longest_s("socket") < fares.soon_s(SOON_S)


def test_garbage_after_an_upgrade_ends_the_connection(gate: Gate, ada: str) -> None:
    """Neither nonsense as SPDY nor a WebSocket frame of 2^62 bytes does more than that."""
    spdy = "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n"
    key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    web = f"Connection: Upgrade\r\nUpgrade: websocket\r\n{key}Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n"
    frames = (
        (head(EXEC, ada, method="POST", more=spdy), b"\xff" * 4096),
        (head(EXEC, ada, method="POST", more=spdy), struct.pack(">HHI", 0x8003, 1, 0xFFFFFF) + b"\xff" * 65536),
        (head(EXEC, ada, more=web), b"\x82\xff" + struct.pack(">Q", 1 << 62) + b"a" * 65536),
        (head(EXEC, ada, more=web), b"\x82\xff" + struct.pack(">Q", 1 << 26) + b"a" * 65536),
    )
    for start, garbage in frames:
        with gate.tls() as connection:
            connection.sendall(start)
            assert connection.recv(12) == b"HTTP/1.1 101"
            with suppress(OSError):
                connection.sendall(garbage)
            assert is_ended(connection, 30), start


def test_the_audit_log_has_no_secret(cluster: Stage, gate: Gate, ada: str) -> None:
    """Neither tokens nor values nor words of commands, after all of this."""
    assert gate.ask("/api/v1/namespaces/blue/secrets/word", ada)[0] == 403
    text = (Path(cluster.host.data) / "audit.log").read_text()
    assert all(isinstance(json.loads(line), dict) for line in text.splitlines())
    for secret in (ada, gate.boss, WORD, "/bin/cat"):
        assert secret not in text
        assert secret not in cluster.host.log() or secret == "/bin/cat"
    assert BAD in text
