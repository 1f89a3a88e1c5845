"""`reconciler exec` and `reconciler logs` against a served API."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest
from api_double import Api
from exec_double import MemoryExec, running_pod

from reconciler.cli.exits import Exit
from reconciler.cli.log_sources import sources_of


class Stdin:
    """Standard input that is a pipe."""

    def __init__(self, data: bytes) -> None:
        self._read, write = os.pipe()
        os.write(write, data)
        os.close(write)

    def fileno(self) -> int:
        """The pipe."""
        return self._read

    def isatty(self) -> bool:
        """It is none."""
        return False


def plays(api: Api, command: MemoryExec) -> MemoryExec:
    """Have a command played in the Pod shop/web."""
    api.objects.put(running_pod("web", "app", "side", default="side"))
    api.operations.commands = lambda _: command
    return command


def test_output_errors_and_exit_code_are_those_of_the_command(api: Api, run: Any, data_dir: Path) -> None:
    """What stands behind the two dashes is the command's."""
    plays(api, MemoryExec((1, b"out\n"), (2, b"wrong\n"), 42))
    done = run("exec", "web_shop", "-c", "app", "--data-dir", data_dir, "--", "sh", "-c", "exit 42")
    assert (done.code, done.out) == (42, "out\n")
    assert done.err == "wrong\nthe command ended with exit code 42\n"
    wanted = next(call[1] for call in api.operations.calls if call[0] == "exec")
    assert (wanted.container, wanted.command, wanted.stdin, wanted.tty) == (
        "app",
        ("sh", "-c", "exit 42"),
        False,
        False,
    )
    plays(api, MemoryExec(0))
    assert run("exec", "web", "-n", "shop", "--data-dir", data_dir, "--", "true").code == Exit.DONE


def test_input_goes_to_the_command(api: Api, run: Any, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To its end; a terminal is not given where there is none."""
    plays(api, MemoryExec(echoes=True))
    monkeypatch.setattr(sys, "stdin", Stdin(b"one\ntwo\n"))
    done = run("exec", "-it", "shop/web", "--data-dir", data_dir, "--", "cat")
    assert (done.code, done.out) == (Exit.DONE, "one\ntwo\n")
    assert "no terminal" in done.err


def test_refusals_are_told_in_a_sentence(api: Api, run: Any, data_dir: Path) -> None:
    """As every other failure."""
    api.objects.put(running_pod("web", phase="Succeeded"))
    done = run("exec", "shop/web", "--data-dir", data_dir, "--", "true")
    assert done.code == Exit.ERROR
    assert done.err == "error: cannot exec into a container in a completed pod; current phase is Succeeded\n"
    done = run("exec", "shop/nobody", "--data-dir", data_dir, "--", "true")
    assert (done.code, 'pods "nobody" not found' in done.err) == (Exit.ERROR, True)


def test_a_daemon_that_is_away_is_told(run: Any, data_dir: Path) -> None:
    """With what to do."""
    done = run("exec", "shop/web", "--data-dir", data_dir, "--", "true")
    assert done.code == Exit.ERROR
    assert "the daemon is not running" in done.err


def test_a_terminal_is_raw_follows_its_size_and_is_given_back(api: Api, data_dir: Path) -> None:
    """Every key goes to the command."""
    command = plays(api, MemoryExec())
    main, side = pty.openpty()
    fcntl.ioctl(main, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    before = termios.tcgetattr(side)
    words = [sys.executable, "-m", "reconciler.cli.main", "exec", "-it", "shop/web", "--data-dir", str(data_dir)]
    process = subprocess.Popen([*words, "--", "sh"], stdin=side, stdout=side, stderr=side)
    try:
        assert command.sizes.get(timeout=20) == (100, 30)
        fcntl.ioctl(main, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        process.send_signal(signal.SIGWINCH)
        assert command.sizes.get(timeout=20) == (120, 40)
        os.write(main, b"a\x03")
        deadline = time.monotonic() + 10
        while command.taken != b"a\x03" and time.monotonic() < deadline:
            select.select([], [], [], 0.02)
        assert command.taken == b"a\x03"
        command.says.put((1, b"said\r\n"))
        command.says.put(3)
        assert process.wait(20) == 3
        assert termios.tcgetattr(side)[3] == before[3]
        assert b"said\r\n" in os.read(main, 4096)
    finally:
        process.kill()
        process.wait(10)
        os.close(main)
        os.close(side)


def test_logs_of_many(api: Api, ask: Any) -> None:
    """By labels, of every container, with what each line is of."""
    api.objects.put(running_pod("web", "app", "side"))
    api.operations.log_lines = (b"one\ntw", b"o\nend")
    done = ask("logs", "shop/web", "--all-containers", "--prefix")
    assert done.out == "".join(
        f"[pod/web/{name}] {line}" for name in ("app", "side") for line in ("one\n", "two\n", "end")
    )
    done = ask("logs", "-n", "shop", "-l", "app!=db", "-c", "app", "--since", "1h2m3s", "--limit-bytes", 100)
    assert done.out == "one\ntwo\nend"
    request = api.operations.calls[-1][1]
    assert (request.tail_lines, request.limit_bytes, request.container) == (10, 100, "app")
    assert time.time() - request.since == pytest.approx(3723, abs=20)
    assert "no pods with app=db" in ask("logs", "-n", "shop", "-l", "app=db").err


def test_the_main_container_is_meant_when_none_is_named(api: Api, ask: Any) -> None:
    """The first one, or the one that the Pod names; what was left out is told, and a wrong name is refused."""
    api.objects.put(running_pod("web", "app", "side"))
    done = ask("logs", "shop/web")
    assert "2 containers, using app; the others: side" in done.err
    assert api.operations.calls[-1][1].container == "app"
    main = {"kubectl.kubernetes.io/default-container": "side"}
    document = {"metadata": {"namespace": "shop", "name": "web", "annotations": main}}
    document["spec"] = {"initContainers": [{"name": "one"}], "containers": [{"name": "app"}, {"name": "side"}]}
    assert [one.container for one in sources_of([document])] == ["side"]
    assert "is not valid for pod web out of: app, side" in ask("logs", "shop/web", "-c", "nope").err


def test_many_logs_are_followed_at_once_up_to_a_limit(api: Api, ask: Any) -> None:
    """Whole lines of each."""
    api.objects.put(running_pod("web", "app", "side"))
    api.operations.log_lines = (b"one\n",)
    done = ask("logs", "-f", "shop/web", "--all-containers", "--prefix")
    assert sorted(done.out.splitlines()) == ["[pod/web/app] one", "[pod/web/side] one"]
    done = ask("logs", "-f", "shop/web", "--all-containers", "--max-log-requests", 1)
    assert (done.code, "raise --max-log-requests" in done.err) == (Exit.ERROR, True)


@pytest.mark.parametrize("arguments", [[], ["shop/web", "-l", "a=b"], ["shop/web", "-c", "a", "--all-containers"]])
def test_what_contradicts_itself_is_refused(ask: Any, arguments: list[str]) -> None:
    """Before anything is asked."""
    assert ask("logs", *arguments).code == Exit.ERROR


@pytest.mark.parametrize("text", ["0", "", "5x", "-3", "h"])
def test_durations_are_read_strictly(ask: Any, text: str) -> None:
    """With an example of the form."""
    done = ask("logs", "shop/web", "--since", text)
    assert (done.code, "1h30m" in done.err) == (Exit.ERROR, True)
