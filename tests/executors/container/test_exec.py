"""Commands in containers of a real Engine: what they may do with their streams, and how they end."""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, cast

import pytest

from reconciler.executors.container import ContainerExecutor
from reconciler.executors.container.ending import signal_command
from reconciler.executors.container.exec import EngineExec
from reconciler.executors.container.frames import Demultiplexer
from reconciler.executors.engine import Engine
from reconciler.model.ports import ExecRequest
from tests.e2e.host import wait_for
from tests.executors.container import build
from tests.executors.container.test_lifecycle import bring_up

MEGABYTE = bytes(range(256)) * 4096


def start(executor: ContainerExecutor, container_id: str, script: str, *, tty: bool = False) -> EngineExec:
    """Run a script of the shell with every stream connected."""
    request = ExecRequest(
        namespace="default",
        pod="web",
        command=("/bin/sh", "-c", script),
        stdin=True,
        stdout=True,
        stderr=True,
        tty=tty,
    )
    return executor.exec(container_id, request)


def told(session: EngineExec) -> tuple[bytes, bytes, int]:
    """What a command writes, and its exit code."""
    written = {1: bytearray(), 2: bytearray()}
    for stream, data in session.output():
        written[stream] += data
    session.close()
    return bytes(written[1]), bytes(written[2]), session.exit_code()


@pytest.fixture
def box(executor: ContainerExecutor) -> str:
    """A container that sleeps."""
    return bring_up(executor, build.pod())


@pytest.mark.real
def test_much_goes_in_and_comes_out_at_once(executor: ContainerExecutor, box: str) -> None:
    """Of both sides none waits for the other to finish."""
    session = start(executor, box, "tee /dev/stderr")
    data = MEGABYTE * 4

    def give() -> None:
        rest = data
        while rest:
            rest = rest[session.write(rest) :]
        session.end_input()

    giving = threading.Thread(target=give)
    giving.start()
    out, errors, code = told(session)
    giving.join(10)
    assert (out == data, errors == data, code) == (True, True, 0)


@pytest.mark.real
def test_a_command_that_does_not_read_takes_no_more(executor: ContainerExecutor, box: str) -> None:
    """And says so within about a second, so that who writes can look around."""
    session = start(executor, box, "sleep 60")
    taken, began = 1, time.monotonic()
    while taken and time.monotonic() - began < 20:
        taken = session.write(MEGABYTE)
    assert taken == 0
    session.close()


@pytest.mark.real
@pytest.mark.parametrize(
    ("script", "code"),
    [("exec >/dev/null 2>&1 <&-; sleep 0.5; exit 6", 6), ("exec >&- 2>&-; sleep 0.5; exit 4", 4), ("kill -9 $$", 137)],
)
def test_the_end_is_that_of_the_command(executor: ContainerExecutor, box: str, script: str, code: int) -> None:
    """Not that of its output."""
    assert told(start(executor, box, script)) == (b"", b"", code)


@pytest.mark.real
def test_what_a_command_leaves_running_does_not_hold_it(executor: ContainerExecutor, box: str) -> None:
    """A child in the background that keeps the output open."""
    began = time.monotonic()
    out, _, code = told(start(executor, box, "sleep 30 & echo said; exit 5"))
    assert (out, code) == (b"said\n", 5)
    assert time.monotonic() - began < 25


@pytest.mark.real
@pytest.mark.parametrize("script", ["sleep 7171; true", "trap '' HUP; sleep 7171; true"])
@pytest.mark.parametrize("tty", [False, True])
def test_letting_go_ends_the_command_and_its_children(
    executor: ContainerExecutor, box: str, script: str, tty: bool
) -> None:
    """Also one that ignores being hung up on."""
    session = start(executor, box, script, tty=tty)
    wait_for("it runs", lambda: bool(processes(b"sleep\x007171")), 60)
    session.close()
    session.close()
    wait_for("it has ended", lambda: not processes(b"sleep\x007171"), 60)


@pytest.mark.real
def test_a_terminal_has_the_size_it_is_told(executor: ContainerExecutor, box: str) -> None:
    """Output and errors are one there."""
    session = start(executor, box, "read go; stty size; echo wrong >&2", tty=True)
    session.resize(101, 37)
    session.write(b"go\n")
    out, errors, code = told(session)
    assert (out.split(b"\r\n"), errors, code) == ([b"go", b"37 101", b"wrong", b""], b"", 0)


def processes(words: bytes) -> list[int]:
    """Which processes of this host have these words in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            found += [int(entry.name)] if words in line else []
    return found


@pytest.mark.parametrize("size", [1, 3, 8, 9, 64])
def test_streams_are_told_apart_in_pieces_of_any_size(size: int) -> None:
    """What the Engine says itself counts as error output."""
    frames = [(1, b"out"), (2, b"wrong"), (1, b""), (3, b"engine"), (1, b"more")]
    data = b"".join(bytes((stream, 0, 0, 0)) + len(part).to_bytes(4, "big") + part for stream, part in frames)
    reader, written = Demultiplexer(), {1: b"", 2: b""}
    for at in range(0, len(data), size):
        for stream, part in reader.feed_streams(data[at : at + size]):
            written[stream] += part
    assert written == {1: b"outmore", 2: b"wrongengine"}


class _Slow:
    """An Engine that tells the number of a command only when it is asked again."""

    def __init__(self, pid: int) -> None:
        self._states = iter([{"Running": True, "Pid": 0}, {"Running": True}, {"Running": True, "Pid": pid}])

    def exec_inspect(self, exec_id: str) -> dict[str, Any]:
        """Return the next state."""
        return next(self._states)


def test_a_command_whose_number_is_told_late_is_ended_too() -> None:
    """It would run on for ever: whoever asked for it has let go."""
    command = subprocess.Popen(["sleep", "60"], start_new_session=True)
    # Every path of a control group has a slash.
    assert signal_command(cast(Engine, _Slow(command.pid)), "/", "e", signal.SIGKILL)
    assert command.wait(10) == -signal.SIGKILL
