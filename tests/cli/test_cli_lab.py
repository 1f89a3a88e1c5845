"""`reconciler lab` without root: its help, what it refuses and why."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from reconciler.cli.lab import run as lab
from reconciler.lab import fabric
from reconciler.lab.engine import load, saved
from reconciler.lab.lab import Lab
from reconciler.lab.record import Record, write_record
from reconciler.model.errors import TerminalError, TransientError
from reconciler.render import table_text
from reconciler.render.lab import lab_table

COMMANDS = lab.list_commands(click.Context(lab))


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs this counts as root, and the search path of the tests stays theirs."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", os.environ["PATH"])


def put_lab(folder: Path, **fields: Any) -> None:
    """Write down a lab."""
    folder.mkdir(exist_ok=True)
    write_record(folder, Record(**{"nodes": 2, "subnet": "10.99.0.0/24", "boot_id": "another", **fields}))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_lab_has_help_with_an_example(run: Any, name: str) -> None:
    """And a form for scripts, wherever it answers itself."""
    shown = run("lab", name, "--help")
    assert shown.code == 0
    assert f"reconciler lab {name}" in shown.out.partition("Example:")[2]
    assert "--data-dir" in shown.out
    assert ("[text|json]" in shown.out) == (name != "exec")


@pytest.mark.parametrize("words", [["up"], ["status"], ["down"], ["power-off", "node-1"], ["exec", "node-1", "true"]])
def test_who_is_not_root_is_told_to_be(run: Any, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command to type."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    ended = run("lab", *words)
    assert (ended.code, "a lab needs root" in ended.err) == (1, True)
    assert f"do:  sudo reconciler lab {words[0]}" in ended.err


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("words", [["docker", "ps"], ["--", "docker", "ps"]], ids=" ".join)
def test_a_command_is_run_on_a_node_as_with_kubectl(
    run: Any, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """With the two dashes of `kubectl exec` or without."""
    ran: list[list[str]] = []
    node = SimpleNamespace(inside=lambda *words: list(words), environment=dict)
    monkeypatch.setattr(Lab, "node", lambda *_: node)
    monkeypatch.setattr(os, "execvpe", lambda _, command, __: ran.append(command))
    run("lab", "exec", "node-1", *words)
    assert ran == [["docker", "ps"]]


@pytest.mark.usefixtures("root")
def test_packages_that_are_missing_are_named(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once, with the line that installs them."""
    monkeypatch.setattr(shutil, "which", lambda name: None if name in {"dockerd", "ip", "tc"} else f"/bin/{name}")
    ended = run("lab", "up", "--data-dir", tmp_path / "lab")
    assert (ended.code, "this machine lacks dockerd, ip, tc" in ended.err) == (1, True)
    assert "apt-get install --no-install-recommends docker.io iproute2\n" in ended.err
    assert not (tmp_path / "lab").exists()


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("words", [["status"], ["load", __file__], ["power-on", "node-1"], ["heal", "node-1"]])
def test_without_a_lab_it_is_said_how_to_get_one(run: Any, tmp_path: Path, words: list[str]) -> None:
    """Nothing is made by asking."""
    ended = run("lab", words[0], "--data-dir", tmp_path / "lab", *words[1:])
    assert (ended.code, "there is no lab" in ended.err, "do:  reconciler lab up" in ended.err) == (1, True, True)
    assert not (tmp_path / "lab").exists()


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("fields", [{"complete": False}, {"complete": True}])
def test_what_is_of_before_a_crash_or_a_reboot_is_no_lab(run: Any, tmp_path: Path, fields: dict[str, Any]) -> None:
    """It is only good for `up` and `down`."""
    put_lab(tmp_path / "lab", **fields)
    assert "only what a crash has left of a lab" in run("lab", "status", "--data-dir", tmp_path / "lab").err


@pytest.mark.usefixtures("root")
def test_a_record_that_nobody_can_read_is_what_a_crash_left(run: Any, tmp_path: Path) -> None:
    """As one that was cut off in the middle."""
    put_lab(tmp_path / "lab")
    (tmp_path / "lab" / "lab.json").write_text('{"nodes": ')
    assert "only what a crash has left of a lab" in run("lab", "status", "--data-dir", tmp_path / "lab").err


@pytest.mark.usefixtures("root")
def test_down_without_a_lab_does_nothing(run: Any, tmp_path: Path) -> None:
    """Twice is as good as once."""
    ended = run("lab", "down", "--data-dir", tmp_path / "lab")
    assert (ended.code, "there is no lab in" in ended.out) == (0, True)


@pytest.mark.usefixtures("root")
def test_a_lab_keeps_its_network_backend(
    run: Any, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its Pods have their addresses by it."""
    folder = tmp_path_factory.mktemp("n")
    monkeypatch.setattr("reconciler.lab.lab.require_machine", lambda: None)
    put_lab(folder, complete=True, boot_id=Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    ended = run("lab", "up", "--data-dir", folder, "--network-backend", "routed")
    assert (ended.code, "a lab with network backend vxlan is up already" in ended.err) == (1, True)


@pytest.mark.usefixtures("root")
def test_a_folder_with_other_things_is_left_alone(
    run: Any, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be somebody's data. One whose name is too long is refused before that."""
    folder = tmp_path_factory.mktemp("f")
    monkeypatch.setattr("reconciler.lab.lab.require_machine", lambda: None)
    (folder / "data").write_text("mine")
    ended = run("lab", "up", "--data-dir", folder)
    assert (ended.code, "holds something else than a lab" in ended.err) == (1, True)
    long = run("lab", "up", "--data-dir", f"/{'x' * 90}")
    assert (long.code, "is too long for the sockets below it" in long.err) == (1, True)
    assert (folder / "data").read_text() == "mine"


@pytest.mark.parametrize("words", [[], ["--delay", "50"], ["--delay", "soon"], ["--loss", "101%"], ["--loss", "few"]])
def test_a_link_is_made_bad_by_times_and_shares_only(run: Any, words: list[str]) -> None:
    """What the tools of the kernel would not understand is not handed to them."""
    ended = run("lab", "slow", "node-1", *words)
    assert (ended.code, "--delay" in ended.err or "--loss" in ended.err) == (1, True)


def test_the_range_of_the_nodes_is_one_that_nothing_here_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first that overlaps no route; without any it is said which were tried."""
    routes = '[{"dst": "default"}, {"dst": "10.99.0.128/25"}, {"dst": "10.98.0.7"}]'
    monkeypatch.setattr(fabric, "_run", lambda *_: routes)
    assert str(fabric.free_subnet()) == "10.97.0.0/24"
    monkeypatch.setattr(fabric, "_run", lambda *_: '[{"dst": "10.0.0.0/8"}]')
    with pytest.raises(TransientError, match=r"from 10\.80\.0\.0/24 to 10\.99\.0\.0/24"):
        fabric.free_subnet()


def test_the_table_shows_power_engine_agent_and_links() -> None:
    """One line per node."""
    good = {"name": "node-1", "address": "10.99.0.11", "power": "on", "engine": "20.10.24", "agent": True}
    good |= {"status": "Ready", "cutFrom": [], "delay": "", "lossPercent": 0.0}
    off = {**good, "name": "node-2", "power": "off", "engine": "", "agent": False, "status": "NotReady"}
    bad = {**off, "name": "node-3", "cutFrom": ["node-1", "node-2"], "delay": "50ms", "lossPercent": 0.5}
    lines = table_text(lab_table([good, off, bad])).splitlines()
    assert lines[0].split() == ["NODE", "ADDRESS", "POWER", "ENGINE", "AGENT", "STATUS", "LINKS"]
    assert lines[1].split() == ["node-1", "10.99.0.11", "on", "20.10.24", "running", "Ready", "good"]
    assert lines[2].split() == ["node-2", "10.99.0.11", "off", "<none>", "stopped", "NotReady", "good"]
    assert lines[3].endswith("cut from node-1, node-2; delay 50ms; loss 0.5%")


def test_an_image_of_an_engine_that_does_not_run_is_refused_by_name(tmp_path: Path) -> None:
    """With the image, the socket, and what to do: it may have been meant as the name of an archive."""
    with pytest.raises(TransientError) as refused:
        list(saved(tmp_path / "docker.sock", "shop/web:1.4"))
    said = f"{refused.value} {refused.value.hint}"
    assert [word for word in ("shop/web:1.4", str(tmp_path / "docker.sock"), "docker save") if word not in said] == []


def test_what_an_engine_says_before_it_has_read_all_of_an_archive_is_told(tmp_path: Path) -> None:
    """As one whose disk is full: it answers and closes, and is no reader of ours that has gone."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(door := tmp_path / "docker.sock"))
        listening.listen()
        engine = threading.Thread(target=_refuse, args=(listening,))
        engine.start()
        with pytest.raises(TerminalError, match="no space left on device"):
            load(door, (bytes(1 << 20) for _ in range(20)))
        engine.join()


def _refuse(listening: socket.socket) -> None:
    body = b'{"message": "no space left on device"}'
    one, _ = listening.accept()
    with one:
        one.recv(1 << 12)
        one.sendall(b"HTTP/1.1 500 Error\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
