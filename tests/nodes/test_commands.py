"""The commands: `token`, `join`, `nodes`, `node`; what they print is what the next one takes."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from reconciler import __version__
from reconciler.cli import join
from reconciler.cli.checks import host
from reconciler.cli.main import cli, main
from reconciler.cli.ranges import Network, Route
from tests.nodes.cluster import Agent, Daemon, eventually, running


@pytest.fixture
def run(daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command on the daemon's host."""
    (tmp_path / "main").mkdir()
    settings = {"apiAddress": "127.0.0.1:0", "runtimeDir": str(daemon.folder), "clusterId": "c-1"}
    (tmp_path / "main" / "config.yaml").write_text(yaml.safe_dump(settings))
    daemon.socket.rename(daemon.folder / "reconciler.sock")
    daemon.socket.symlink_to(daemon.folder / "reconciler.sock")
    monkeypatch.setattr("reconciler.cli.join.host_routes", list)
    return lambda *words: CliRunner().invoke(cli, [*words, "--data-dir", str(tmp_path / "main")])


def test_what_token_prints_is_what_a_host_runs(run: Callable[..., Result], daemon: Daemon, tmp_path: Path) -> None:
    """Pasted as it is; afterwards the host has what an agent needs, and the daemon does not start there."""
    words = shlex.split(run("token", "create", "--node", "host-2").stdout)
    assert words[:3] == ["reconciler", "join", daemon.server]
    data = tmp_path / "host"
    assert main([*words[1:], "--data-dir", str(data)]) == 0
    settings = yaml.safe_load((data / "config.yaml").read_text())
    assert (settings["server"], settings["node"], settings["clusterId"]) == (daemon.server, "host-2", "c-1")
    assert main(["daemon", "--data-dir", str(data)]) == 1
    assert main(["init", "--data-dir", str(data)]) == 1
    report = CliRunner().invoke(cli, ["doctor", "--data-dir", str(data), "--output", "json"]).stdout
    checks = {one["name"]: one["grade"] for one in json.loads(report)["checks"]}
    assert (checks["daemon"], checks["certificate"], checks["data"]) == ("OK", "OK", "OK")
    assert not {"authority", "key"} & set(checks)
    again = shlex.split(run("token", "create", "--node", "host-2").stdout)
    assert main([*again[1:], "--data-dir", str(data)]) == 0
    assert yaml.safe_load((data / "config.yaml").read_text()) == settings


def test_a_token_leads_to_the_host_of_the_daemon(run: Callable[..., Result], daemon: Daemon, tmp_path: Path) -> None:
    """Also when it is made through the daemon's socket from another network, as beside the node of a lab."""
    config = tmp_path / "main" / "config.yaml"
    config.write_text(config.read_text().replace("127.0.0.1:0", "0.0.0.0:0"))
    document = json.loads(run("token", "create", "--output", "json").stdout)
    assert document["server"] == f"https://192.0.2.7:{daemon.port}"
    assert shlex.split(document["command"])[2] == document["server"]


def test_why_a_host_cannot_join_is_said_in_three_lines(
    run: Callable[..., Result], daemon: Daemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What, and what to do; nothing is left behind that would look like a node."""
    words = shlex.split(run("token", "create").stdout)
    words[words.index("--token") + 1] = "abcdef.0123456789abcdef"
    data = tmp_path / "host"
    assert main([*words[1:], "--data-dir", str(data)]) == 1
    assert "error: the join token is not one of this cluster" in (said := capsys.readouterr().err)
    assert "do:  on the daemon's host: reconciler token create" in said
    assert main(["agent", "--data-dir", str(data)]) == 1
    assert "reconciler join" in capsys.readouterr().err


def test_a_daemons_host_joins_nobody(run: Callable[..., Result], daemon: Daemon, tmp_path: Path) -> None:
    """It is a node already; nothing of it is changed."""
    words = shlex.split(run("token", "create").stdout)
    assert main([*words[1:], "--data-dir", str(tmp_path / "main")]) == 1
    assert "server" not in (tmp_path / "main" / "config.yaml").read_text()


def test_nodes_and_tokens_are_tables(run: Callable[..., Result], daemon: Daemon, tmp_path: Path) -> None:
    """As kubectl's, with when a node was heard and its clock."""
    daemon.join("host-2", tmp_path / "pki")
    with running(Agent(daemon, "host-2", tmp_path)):
        eventually("it is listed", lambda: "host-2" in run("nodes").stdout)
        [line] = run("nodes").stdout.splitlines()[1:]
    assert line.split()[:2] == ["host-2", "Ready"]
    assert "s ago" in line
    assert f" {__version__} " in line
    assert "used by host-2" in run("token", "list").stdout
    document = json.loads(run("nodes", "--output", "json").stdout)
    assert document["items"][0]["agent"]["podCIDR"] == "10.42.0.0/24"
    assert "removed" in run("node", "remove", "host-2").stdout
    assert "host-2" not in run("nodes").stdout


def test_a_range_that_the_host_uses_itself_is_refused_with_its_link(
    run: Callable[..., Result],
    daemon: Daemon,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pods' or Services'; nothing is written, and with the route gone the same command joins."""
    words = shlex.split(run("token", "create").stdout)
    data = tmp_path / "host"
    command = [*words[1:], "--node-name", "host-2", "--data-dir", str(data)]
    for taken in ("10.42.7.0/24", "10.43.0.0/16"):
        monkeypatch.setattr(join, "host_routes", lambda taken=taken: [Route(Network(taken), "eth7")])
        assert main(command) == 1
        said = capsys.readouterr().err
        assert taken in said and "eth7" in said
        assert "for this host the token still counts" in said
        assert not (data / "config.yaml").exists()
        assert main(["agent", "--data-dir", str(data)]) == 1
        capsys.readouterr()
    monkeypatch.setattr(join, "host_routes", list)
    assert main(command) == 0


def test_what_a_host_lacks_to_run_pods_is_said_when_it_joins(
    run: Callable[..., Result],
    daemon: Daemon,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is a node, and not a ready one; with the fix it is one without joining again."""
    words = shlex.split(run("token", "create").stdout)
    monkeypatch.setenv("RECONCILER_ENGINE", f"unix://{tmp_path}/none.sock")
    monkeypatch.setattr(host.ctypes, "CDLL", _no_library)
    assert main([*words[1:], "--node-name", "host-2", "--data-dir", str(tmp_path / "host")]) == 0
    said = capsys.readouterr().err
    assert "this host runs no Pods yet: docker: " in said
    assert "this host runs no Pods yet: libnftables: libnftables.so.1 is not installed" in said
    assert "apt-get install libnftables1" in said


def _no_library(name: str) -> None:
    raise OSError(f"{name}: cannot open shared object file")
