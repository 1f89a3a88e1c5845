"""`kubeconfig` and `user`, from the command to a request over TLS that is answered, or no longer."""

from __future__ import annotations

import base64
import json
import os
import ssl
import stat
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from api_double import served

from reconciler.access import Authority, ServerCertificate
from reconciler.cli.common import SystemClock
from reconciler.cli.durations import Duration
from reconciler.cli.exits import Exit
from reconciler.server.listener import listen
from reconciler.server.tls import SecureListener
from reconciler.server.users import Access
from reconciler.store import Store
from reconciler.store.credentials import Accounts

Run = Callable[..., Any]
USERS = "/apis/reconciler.dev/v1/users"


@pytest.fixture
def ask(run: Run, data_dir: Path) -> Iterator[Run]:
    """Run a command against an API that gives out credentials and serves TLS."""
    assert run("init", "--receive", "--api-address", "127.0.0.1:0", "--data-dir", data_dir).code == Exit.DONE
    clock = SystemClock()
    store = Store.open(f"sqlite:///{data_dir}/state.db", key=bytes(32), clock=clock)
    authority = Authority.open(data_dir / "pki", "ignored", clock)
    certificate = ServerCertificate(data_dir / "pki", authority, lambda: ("127.0.0.1",), clock)
    certificate.ensure()
    listener = SecureListener(listen("127.0.0.1", 0), certificate)
    access = Access(Accounts(store), authority, listener.address[1], address=lambda: "192.0.2.7")
    with served(data_dir / "run" / "reconciler.sock", access=access, secure=listener):
        yield lambda *arguments: run(*arguments, "--data-dir", data_dir)
    store.close()


def _use(config: dict[str, Any], folder: Path, path: str = USERS) -> tuple[int, Any]:
    """Ask as kubectl does: with what the kubeconfig says and nothing else."""
    [cluster], [user] = config["clusters"], config["users"]
    context = ssl.create_default_context(
        cadata=base64.b64decode(cluster["cluster"]["certificate-authority-data"]).decode()
    )
    headers = {}
    if token := user["user"].get("token"):
        headers["Authorization"] = f"Bearer {token}"
    else:
        pem = folder / f"{time.monotonic_ns()}.pem"
        pem.write_bytes(
            b"".join(base64.b64decode(user["user"][f"client-{one}-data"]) for one in ("key", "certificate"))
        )
        context.load_cert_chain(pem)
    request = urllib.request.Request(cluster["cluster"]["server"] + path, headers=headers)
    try:
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.parametrize("options", [(), ("--token",)])
def test_a_kubeconfig_works_until_it_is_revoked(ask: Run, tmp_path: Path, options: tuple[str, ...]) -> None:
    """Made, used over TLS, listed, revoked, refused: with a certificate and with a token."""
    made = ask("kubeconfig", *options, "--expires", "2h")
    assert made.code == Exit.DONE, made.err
    config = yaml.safe_load(made.out)
    assert config["current-context"] == config["contexts"][0]["name"]
    code, listed = _use(config, tmp_path)
    assert code == 200
    [account] = listed["items"]
    assert account["groups"] == ["system:masters"]
    assert account["createdBy"] == "system:root"
    ended = ask("user", "revoke", account["metadata"]["name"])
    assert (ended.code, ended.out.startswith("revoked ")) == (Exit.DONE, True)
    assert _use(config, tmp_path)[0] == 401
    assert "revoked" in ask("user", "list").out


def test_a_named_user_has_no_rights_by_itself(ask: Run) -> None:
    """Only whoever runs it for themselves gets every right."""
    ask("kubeconfig", "--user", "ada")
    ask("kubeconfig", "--user", "bob", "--group", "developers", "--group", "on-call")
    listed = json.loads(ask("user", "list", "--output", "json").out)["items"]
    assert [(one["name"], one["groups"]) for one in listed] == [("ada", []), ("bob", ["developers", "on-call"])]


def test_a_kubeconfig_file_is_private_and_replaces_nothing(ask: Run, tmp_path: Path) -> None:
    """An existing file may be the only way into another cluster; no credential is made for nothing."""
    path = tmp_path / "kube" / "config"
    assert ask("kubeconfig", "--output-file", path).code == Exit.DONE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    again = ask("kubeconfig", "--output-file", path)
    assert (again.code, "exists already" in again.err) == (Exit.ERROR, True)
    assert path.read_bytes() == before
    assert len(json.loads(ask("user", "list", "--output", "json").out)["items"]) == 1


def test_the_server_is_where_others_reach_it(ask: Run) -> None:
    """The port is the one that the daemon has; another way in can be named."""
    config = yaml.safe_load(ask("kubeconfig").out)
    assert config["clusters"][0]["cluster"]["server"].startswith("https://127.0.0.1:")
    assert not config["clusters"][0]["cluster"]["server"].endswith(":0")
    config = json.loads(ask("kubeconfig", "--server", "https://api.example.org", "--output", "json").out)
    assert config["clusters"][0]["cluster"]["server"] == "https://api.example.org"


def test_the_daemon_says_where_its_host_is_reached(ask: Run, data_dir: Path) -> None:
    """Whoever asks through its socket may sit in another network, as beside a lab; a name that was set comes first."""
    config = data_dir / "config.yaml"
    settings = yaml.safe_load(config.read_text())
    for names, host in (([], "192.0.2.7"), (["api.example.org"], "api.example.org")):
        config.write_text(yaml.safe_dump({**settings, "apiAddress": "0.0.0.0:0", "apiNames": names}))
        given = yaml.safe_load(ask("kubeconfig").out)
        assert given["clusters"][0]["cluster"]["server"].startswith(f"https://{host}:")


def test_a_token_is_printed_alone_and_once(ask: Run, tmp_path: Path) -> None:
    """A script takes it from stdout; nothing shows it again, and nothing keeps it."""
    made = ask("user", "create", "ci", "--group", "deployers", "--expires", "24h")
    token = made.out.strip()
    [account] = json.loads(ask("user", "list", "--output", "json").out)["items"]
    assert token.startswith(f"rct_{account['metadata']['name']}_")
    assert len(token) > 55
    assert "not shown again" in made.err
    assert token not in ask("user", "list", "--output", "json").out
    assert "valid for 23h" in ask("user", "list").out or "valid for 24h" in ask("user", "list").out


def test_revoking_a_name_ends_all_of_its_credentials(ask: Run) -> None:
    """A person who leaves is one command."""
    for options in ((), ("--certificate",), ("--expires", "never")):
        assert ask("user", "create", "ada", *options).code == Exit.DONE
    ask("user", "create", "bob")
    assert ask("user", "revoke", "ada").out.count("revoked ") == 3
    states = {
        one["name"]: "revokedAt" in one for one in json.loads(ask("user", "list", "--output", "json").out)["items"]
    }
    assert states == {"ada": True, "bob": False}
    again = ask("user", "revoke", "carol")
    assert (again.code, "not found" in again.err) == (Exit.ERROR, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "system:node:x"), "system:"),
        (("create", "ada", "--group", "system:authenticated"), "worked out"),
        (("create", "ada", "--certificate", "--expires", "never"), "a certificate has an end"),
        (("create", "x" * 65, "--certificate"), "1 to 64"),
        (("create", "ada", "--expires", "5s"), "a minute"),
        (("create", "ada", "--expires", "soon"), "no length of time"),
        (("create",), "needs a NAME"),
        (("list", "ada"), "takes no NAME"),
    ],
)
def test_what_cannot_be_given_out_is_explained(ask: Run, arguments: tuple[str, ...], said: str) -> None:
    """And nothing is given out."""
    ended = ask("user", *arguments)
    assert (ended.code, said in ended.err) == (Exit.ERROR, True), ended.err
    assert json.loads(ask("user", "list", "--output", "json").out)["items"] == []


def test_only_masters_give_out_credentials(ask: Run, tmp_path: Path) -> None:
    """Whoever can make a credential can become anybody, so it is refused whatever a role grants."""
    config = yaml.safe_load(ask("kubeconfig", "--user", "ada", "--token").out)
    [cluster], [user] = config["clusters"], config["users"]
    context = ssl.create_default_context(
        cadata=base64.b64decode(cluster["cluster"]["certificate-authority-data"]).decode()
    )
    request = urllib.request.Request(
        cluster["cluster"]["server"] + USERS,
        data=json.dumps({"name": "eve", "groups": ["system:masters"], "expiresSeconds": 3600}).encode(),
        headers={"Authorization": f"Bearer {user['user']['token']}", "Content-Type": "application/json"},
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, context=context, timeout=10)
    assert refused.value.code == 403


def test_without_https_there_is_no_kubeconfig(run: Run, data_dir: Path) -> None:
    """The setting is named."""
    assert run("init", "--receive", "--api-address", "", "--data-dir", data_dir).code == Exit.DONE
    ended = run("kubeconfig", "--data-dir", data_dir)
    assert (ended.code, "switched off" in ended.err, "apiAddress" in ended.err) == (Exit.ERROR, True, True)


def test_an_address_that_is_none_is_refused_by_init(run: Run, data_dir: Path) -> None:
    """Before anything is written."""
    ended = run("init", "--receive", "--api-address", "6443", "--data-dir", data_dir)
    assert (ended.code, "apiAddress" in ended.err) == (Exit.ERROR, True)
    assert not data_dir.exists()


def test_init_makes_the_authority_once(run: Run, data_dir: Path) -> None:
    """Its key is for its owner only, and a second run leaves it as it is."""
    first = run("init", "--receive", "--data-dir", data_dir)
    key = data_dir / "pki" / "ca.key"
    before = key.read_bytes()
    assert "ca.crt" in first.out
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "ca.crt" not in run("init", "--receive", "--data-dir", data_dir).out
    assert key.read_bytes() == before


def _findings(run: Run, data_dir: Path) -> dict[str, dict[str, str]]:
    told = json.loads(run("doctor", "--data-dir", data_dir, "--output", "json").out)
    return {one["name"]: one for one in told["checks"]}


def test_doctor_names_who_has_the_port(run: Run, data_dir: Path) -> None:
    """Before the daemon is started, and with the setting that helps."""
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        run("init", "--receive", "--api-address", f"127.0.0.1:{port}", "--data-dir", data_dir)
        found = _findings(run, data_dir)["api-port"]
    assert found["grade"] == "FAIL"
    assert f"process {os.getpid()} " in found["message"]
    assert "apiAddress" in found["fix"]
    assert _findings(run, data_dir)["api-port"]["grade"] == "OK"


def test_doctor_warns_of_a_certificate_that_is_not_renewed(run: Run, data_dir: Path) -> None:
    """What the daemon should have done long ago is told, with when it ends."""
    run("init", "--receive", "--data-dir", data_dir)
    assert _findings(run, data_dir)["certificate"]["grade"] == "OK"
    authority = Authority.open(data_dir / "pki", "ignored", SystemClock())
    (data_dir / "pki" / "server.pem").write_bytes(authority.issue_server(["localhost"], 30 * 86_400.0))
    found = _findings(run, data_dir)
    assert (found["certificate"]["grade"], found["authority"]["grade"]) == ("WARN", "OK")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("24h", 86_400), ("1d12h", 129_600), ("2w", 1_209_600), ("1y", 31_536_000)],
)
def test_lengths_of_time(text: str, seconds: float) -> None:
    """As people type them."""
    assert Duration().convert(text, None, None) == seconds
    assert Duration().convert("never", None, None) is None
