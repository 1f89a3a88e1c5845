"""What holds for every command."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import pytest
from api_double import Api

from reconciler.cli.durations import Seconds
from reconciler.cli.exits import Exit, strongest
from reconciler.cli.main import COMMANDS, cli
from reconciler.cli.reference import reference_page

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_with_an_example(run: Any, name: str) -> None:
    """`--help` shows how a command is typed."""
    shown = run(name, "--help")
    assert shown.code == 0
    assert "Example:" in shown.out
    assert f"reconciler {name}" in shown.out
    assert "--data-dir" in shown.out


@pytest.mark.parametrize(
    "name", sorted(set(COMMANDS) - {"agent", "daemon", "logs", "exec", "completion", "hook", "lab"})
)
def test_every_command_with_a_result_has_a_form_for_scripts(name: str) -> None:
    """`--output json` is offered wherever there is a result."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    (output,) = [parameter for parameter in command.params if parameter.name == "output"]
    assert isinstance(output.type, click.Choice)
    assert {"text", "json"} <= set(output.type.choices)


def test_the_reference_is_current() -> None:
    """docs/reference/cli.md is what the commands say; `scripts/generate-cli-reference` writes it."""
    assert (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8") == reference_page()


def test_hidden_commands_are_not_listed(run: Any) -> None:
    """What only Git calls is no command for people."""
    assert "hook" not in run("--help").out


def test_wrong_use_is_an_error_and_not_pending_changes(run: Any) -> None:
    """Exit code 2 means pending changes, so wrong use ends with 1."""
    for arguments in (["nope"], ["plan", "--nope"], ["get", "widgets"], ["plan", ".", "--rev", "x"]):
        assert run(*arguments).code == Exit.ERROR


def test_a_kind_that_is_misspelt_is_guessed(run: Any) -> None:
    """The likeliest kind is named."""
    assert "did you mean deployment?" in run("get", "deploymnt").err


def test_an_absent_daemon_is_an_error_with_advice(run: Any, data_dir: Path) -> None:
    """What, why and what to do, without a traceback."""
    ended = run("status", "--data-dir", data_dir)
    assert ended.code == Exit.ERROR
    assert "error: the daemon is not running" in ended.err
    assert "systemctl start reconciler" in ended.err
    assert ended.out == ""


def test_a_cause_that_is_said_already_is_not_said_again(run: Any, data_dir: Path) -> None:
    """Whatever letters it begins with."""
    words = ("--token", "abc123.0123456789abcdef", "--ca-cert-hash", "sha256:" + "0" * 64)
    ended = run("join", "https://127.0.0.1:1", *words, "--data-dir", data_dir)
    assert ended.code == Exit.ERROR
    assert ended.err.lower().count("connection refused") == 1


def test_how_long_to_wait_is_said_as_elsewhere(run: Any, data_dir: Path) -> None:
    """With a unit, as kubectl has it, or as plain seconds; it has to end."""
    waits = {one: Seconds().convert(one, None, None) for one in ("30s", "1m30s", "0.5", "0", "300.0")}
    assert waits == {"30s": 30, "1m30s": 90, "0.5": 0.5, "0": 0, "300.0": 300}
    for wait in ("never", "-1", "soon"):
        assert "such as" in run("status", "--wait", "--timeout", wait, "--data-dir", data_dir).err


def test_on_a_host_that_has_joined_the_daemon_is_elsewhere(run: Any, data_dir: Path) -> None:
    """Starting one there is no advice."""
    data_dir.mkdir(exist_ok=True)
    (data_dir / "config.yaml").write_text("server: https://10.0.0.1:6443\nnode: node-2\n")
    for words in (["status"], ["nodes"], ["token", "create"]):
        ended = run(*words, "--data-dir", data_dir)
        assert ended.code == Exit.ERROR
        assert "node node-2 of the daemon at https://10.0.0.1:6443" in ended.err
        assert "systemctl start reconciler" not in ended.err


def test_settings_that_do_not_fit_are_an_error(run: Any, data_dir: Path) -> None:
    """A typo in the settings file is told with the file's name."""
    data_dir.mkdir()
    (data_dir / "config.yaml").write_text("podCird: 10.0.0.0/8\n")
    ended = run("status", "--data-dir", data_dir)
    assert (ended.code, "config.yaml" in ended.err, "podCird" in ended.err) == (Exit.ERROR, True, True)


def test_the_strongest_exit_code_wins() -> None:
    """Where several hold: 1, 3, 4, 5, 2."""
    assert strongest([Exit.PENDING, Exit.HELD]) is Exit.HELD
    assert strongest([Exit.STALE, Exit.PROBLEMS, Exit.HELD]) is Exit.PROBLEMS
    assert strongest([Exit.PROBLEMS, Exit.ERROR]) is Exit.ERROR
    assert strongest([]) is Exit.DONE


def test_an_interrupt_ends_quietly(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C says nothing and ends with 130."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("reconciler.cli.validate.read_paths", interrupted)
    ended = run("validate", ".")
    assert (ended.code, ended.out, ended.err.strip()) == (130, "", "")


def test_an_interrupted_follow_ends_quietly(api: Api, data_dir: Path) -> None:
    """Ctrl-C is how a person ends `events -f`."""
    command = [sys.executable, "-m", "reconciler.cli.main", "events", "-f", "--data-dir", str(data_dir)]
    following = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    deadline = time.monotonic() + 20
    while api.app.state.context.hub.watches == 0:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    following.send_signal(signal.SIGINT)
    out, err = following.communicate(timeout=20)
    assert (following.returncode, err.strip()) == (130, b"")
    assert out.startswith(b"LAST SEEN")


def test_a_closed_pipe_ends_quietly() -> None:
    """`reconciler ... | head` prints no complaint."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "reconciler.cli.main", "completion", "bash"]
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=30, check=False, cwd=ROOT)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_version_starts_without_the_heavy_libraries() -> None:
    """The start-up time of a command is what it imports."""
    code = (
        "import sys; from reconciler.cli.main import main; main(['version']);"
        "print([m for m in ('rich','yaml','msgspec','http.client','sqlalchemy','docker') if m in sys.modules])"
    )
    began = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_the_program(run: Any, shell: str) -> None:
    """Each shell gets a script of its own."""
    assert "_RECONCILER_COMPLETE" in run("completion", shell).out


def test_colour_is_for_terminals_only(api: Api, ask: Any) -> None:
    """A pipe gets plain text."""
    assert "\x1b" not in ask("plan").out
