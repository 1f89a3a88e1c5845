"""Ingresses on one host: HAProxy leads requests by host and path, with what annotations ask for, and never stops."""

import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.echo import ask, echo, talk
from tests.e2e.host import ROOT, wait_for
from tests.e2e.ingresses import PORTS, files, ingress, rule
from tests.e2e.kubectl import Kubectl, found
from tests.e2e.manifests import web
from tests.e2e.stage import Stage, stage
from tests.e2e.test_kubectl import kubeconfig

pytestmark = pytest.mark.real

PROGRAMS = found()
ENDS = sorted({*sorted(PROGRAMS)[:1], *sorted(PROGRAMS)[-1:]})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Stage]:
    """A host that serves all of the above."""
    with contextlib.ExitStack() as stack:
        for name, port in PORTS.items():
            stack.enter_context(echo(name, port))
        one = stack.enter_context(stage(tmp_path_factory.mktemp("ingress")))
        one.until("the node is there", lambda: bool(address_of(one)))
        one.files = {f"{name.replace('_', '-')}.yaml": text for name, text in files(address_of(one)).items()}
        assert one.host.push(dict(one.files)).code == 0
        try:
            one.until("everything is served", is_up, 60)
        except AssertionError as error:
            raise AssertionError(one.host.events()) from error
        yield one


def address_of(one: Stage) -> str:
    """Return the node's address."""
    nodes = (one.host.get("/api/v1/nodes") or {"items": []})["items"]
    found = [a["address"] for n in nodes for a in n["status"].get("addresses", ()) if a["type"] == "InternalIP"]
    return str(found[0]) if found else ""


def is_up() -> bool:
    """Whether the default backend answers with a Pod."""
    try:
        return ask("any.example").body.startswith(b"version-1")
    except OSError:
        return False


def of(one: Stage, name: str) -> dict[str, Any]:
    """Return an Ingress."""
    return dict(one.host.get(f"/apis/networking.k8s.io/v1/namespaces/default/ingresses/{name}"))


def server(host: str, path: str = "/", **fields: Any) -> str:
    """Return which server answers."""
    answer = ask(host, path, **fields)
    return str(answer.document["server"]) if answer.status == 200 else str(answer.status)


def worker(one: Stage) -> str:
    """Return the process that serves."""
    told = subprocess.run(["pgrep", "-P", master(one)], capture_output=True, text=True, check=False).stdout
    return told.strip()


def master(one: Stage) -> str:
    """Return HAProxy's master process; nothing while it is being started."""
    with contextlib.suppress(FileNotFoundError):
        return (one.host.data / "run" / "ingress" / "haproxy.pid").read_text().strip()
    return ""


def test_hosts_and_paths(served: Stage) -> None:
    """Exact before prefix, the longest prefix, element by element, wildcards of one label, the default backend."""
    table = {
        ("table.example", "/"): "main",
        ("table.example", "/other"): "main",
        ("TABLE.example", "/api"): "canary",
        ("table.example", "/api/"): "canary",
        ("table.example", "/api/more?x=1"): "canary",
        ("table.example", "/apiary"): "main",
        ("table.example", "/api/exact"): "auth",
        ("table.example", "/api/exact/"): "canary",
        ("table.example", "//api"): "canary",
        ("table.example", "/%61pi"): "canary",
        ("table.example", "/api/../x"): "400",
        ("a.wild.example", "/"): "canary",
    }
    headers = {"X-Ticket": "good"}
    wrong = {}
    for (host, path), expected in table.items():
        answer = ask(host, path, headers=headers)
        got = str(answer.document.get("server", "auth")) if answer.status == 200 else str(answer.status)
        if got != expected:
            wrong[host, path] = (got, expected)
    assert not wrong
    assert ask("a.b.wild.example").body.startswith(b"version-1")
    assert ask("foreign.example").body.startswith(b"version-1")


def test_what_the_server_is_told_of_the_client(served: Stage) -> None:
    """The Host stays; the client's address cannot be made up."""
    headers = ask("table.example", headers={"X-Forwarded-For": "6.6.6.6"}).document["headers"]
    assert headers["host"] == "table.example"
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert (headers["x-forwarded-proto"], headers["x-forwarded-host"]) == ("http", "table.example")


def test_certificates_by_name_and_the_way_to_tls(served: Stage) -> None:
    """SNI chooses; without TLS one is sent there; a host whose Secret is missing gets the default certificate."""
    assert ask("one.example", tls=True).names == ("one.example",)
    answer = ask("two.example", tls=True)
    assert answer.names == ("two.example",)
    assert answer.document["headers"]["x-forwarded-proto"] == "https"
    redirect = ask("one.example", "/a?b=c")
    assert (redirect.status, redirect.headers["location"]) == (308, "https://one.example/a?b=c")
    assert ask("broken.example", tls=True).names == ("reconciler ingress default certificate",)
    served.until("it is told", lambda: "secret/default/no does not exist" in served.host.events())


def test_redirects_rewriting_and_sizes(served: Stage) -> None:
    """As ingress-nginx does it."""
    moved = ask("old.example", "/x?y=1")
    assert (moved.status, moved.headers["location"]) == (301, "https://new.example/x?y=1")
    assert ask("rewrite.example", "/app/deep/er?q=1").document["path"] == "/deep/er?q=1"
    assert ask("rewrite.example", "/APP").document["path"] == "/"
    assert ask("small.example", method="POST", body=b"x" * 1024).document["size"] == 1024
    assert ask("small.example", method="POST", body=b"x" * 1025).status == 413
    assert ask("inside.example").status == 403


def test_who_may_ask(served: Stage) -> None:
    """By password, in each form that htpasswd writes; and by asking another server."""

    def basic(user: str, password: str) -> int:
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        return ask("basic.example", headers={"Authorization": f"Basic {token}"}).status

    nobody = ask("basic.example")
    assert (nobody.status, nobody.headers["www-authenticate"]) == (401, 'Basic realm="Shop"')
    good = [basic("ada", "secret"), basic("bob", "open"), basic("eve", "sesame"), basic("eve", "sesame")]
    assert good == [200] * 4
    assert [basic("ada", "wrong"), basic("bob", ""), basic("eve", "Sesame"), basic("mallory", "x")] == [401] * 4
    allowed = ask("asked.example", "/p", headers={"X-Ticket": "good", "X-User": "mallory"})
    assert allowed.status == 200, allowed
    assert allowed.document["headers"]["x-user"] == "ada"
    assert ask("asked.example", headers={"X-Ticket": "bad"}).status == 403
    refused = ask("asked.example")
    assert (refused.status, refused.headers["www-authenticate"]) == (401, "Ticket")
    sent = ask("signin.example", "/deep?x=1")
    assert sent.status == 302
    assert sent.headers["location"] == "https://in.example/start?rd=http://signin.example%2Fdeep%3Fx%3D1"


def test_limits_and_canaries(served: Stage) -> None:
    """More than the rate is refused; a part of the requests goes to the canary, by header, cookie or weight."""
    told = [ask("limited.example").status for _ in range(12)]
    assert told[:5] == [200] * 5
    assert told[-1] == 503
    assert server("split.example", headers={"X-Canary": "always"}) == "canary"
    assert server("split.example", headers={"Cookie": "canary=always"}) == "canary"
    assert server("split.example", headers={"X-Canary": "never", "Cookie": "canary=always"}) == "main"
    share = sum(server("split.example") == "canary" for _ in range(200))
    assert 25 <= share <= 100


def test_web_sockets_and_cookies(served: Stage) -> None:
    """An upgraded connection goes through; a client with a cookie stays with its Pod."""
    assert talk("table.example", b"hello") == (101, b"hello")
    first = ask("sticky.example")
    assert first.headers["set-cookie"].startswith("bound=")
    cookie = first.headers["set-cookie"].split(";")[0]
    assert "set-cookie" not in ask("sticky.example", headers={"Cookie": cookie}).headers


def test_an_ingress_says_where_it_is_served(served: Stage) -> None:
    """Its status has the node's address; one of another class is left alone, and says so."""
    address = address_of(served)
    served.until("the address", lambda: of(served, "table")["status"]["loadBalancer"].get("ingress") is not None)
    assert of(served, "table")["status"]["loadBalancer"]["ingress"] == [{"ip": address}]
    assert not of(served, "foreign")["status"].get("loadBalancer")
    served.until("it is told", lambda: "ingressclass/nginx does not exist" in served.host.events())
    served.nothing_to_do()


@pytest.mark.parametrize("version", ENDS or [pytest.param("none", marks=pytest.mark.skip)])
def test_kubectl_shows_and_describes_ingresses(served: Stage, tmp_path: Path, version: str) -> None:
    """Hosts, address, class, rules with the endpoints behind them, certificates, events."""
    kubectl = Kubectl(PROGRAMS[version], kubeconfig(served.host, tmp_path / "admin"), tmp_path / "cache")
    head, row = kubectl.out("get", "ingress", "tls").splitlines()
    assert head.split() == ["NAME", "CLASS", "HOSTS", "ADDRESS", "PORTS", "AGE"]
    assert row.split()[:-1] == ["tls", "<none>", "one.example,two.example", address_of(served), "80,", "443"]
    told = kubectl.out("describe", "ingress", "tls")
    for line in (f"Address:          {address_of(served)}", "one terminates one.example", "main:80", "Sync"):
        assert line in told, told
    assert "web:80 (10.42." in kubectl.out("describe", "ingress", "everything")
    assert "configuration-snippet" in kubectl.out("describe", "ing", "odd")
    assert kubectl.out("get", "ingressclass").splitlines()[0].split() == ["NAME", "CONTROLLER", "PARAMETERS", "AGE"]


def test_endpoints_come_and_go_without_a_reload_and_reloads_without_a_failure(served: Stage) -> None:
    """Under 200 new connections a second: more Pods by the runtime API, then new routes by reloads; none fails."""
    before = worker(served)
    load = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.load", "127.0.0.1", "80", "200"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert load.stdout is not None
    assert load.stdout.readline() == "started\n"
    try:
        # More than one throughout: their small server lets few connections wait.
        served.put(web=web("1", replicas=4))
        served.until("four Pods", lambda: len(endpoints(served)) == 4)
        served.put(web=web("1", replicas=3))
        served.until("three Pods", lambda: len(endpoints(served)) == 3)
        assert worker(served) == before
        for number in range(3):
            host = f"new{number}.example"
            served.put(i_new=ingress("new", rule(host)))
            served.until(f"{host} is served", lambda host=host: server_or_none(host) == "main")  # type: ignore[misc]
        assert worker(served) != before
    finally:
        load.terminate()
        told = json.loads(load.stdout.readline() or "{}")
        load.wait(20)
        load.stdout.close()
    assert told["ok"] > 400
    assert set(told) == {"ok"}, f"{told}\n{served.host.log()}"


def endpoints(one: Stage) -> list[str]:
    """Return the servers that HAProxy leads everything to."""
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(5)
        door.connect(str(one.host.data / "run" / "ingress" / "haproxy.sock"))
        door.sendall(b"show servers state\n")
        lines = b"".join(iter(lambda: door.recv(65536), b"")).decode().splitlines()
    words = [line.split() for line in lines if "_everything_" in line]
    return [one[4] for one in words if one[5] == "2" and one[8] != "0"]


def server_or_none(host: str) -> str:
    """Return which server answers, if it is one of ours."""
    answer = ask(host)
    return str(answer.document["server"]) if answer.body.startswith(b"{") else ""


def test_haproxy_outlives_the_daemon_and_is_healed(served: Stage) -> None:
    """Stopping the daemon stops nothing, starting it restarts nothing; a killed HAProxy is back at once."""
    before = (master(served), worker(served))
    served.host.stop()
    assert server("table.example") == "main"
    served.host.start()
    served.nothing_to_do()
    assert (master(served), worker(served)) == before
    os.kill(int(before[0]), signal.SIGKILL)
    wait_for("it is back", lambda: master(served) not in ("", before[0]) and up("table.example"), 60)


def up(host: str) -> bool:
    """Whether a host answers."""
    try:
        return server(host) == "main"
    except OSError:
        return False


def test_nothing_is_left_without_ingresses(served: Stage) -> None:
    """HAProxy goes with the last Ingress."""
    process = master(served)
    served.drop(*[name.removesuffix(".yaml") for name in list(served.files) if name.startswith("i-")])
    served.host.run("apply", "--ack", "--yes")
    served.until("it has ended", lambda: not Path(f"/proc/{process}").exists())
