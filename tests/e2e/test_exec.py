"""Commands in containers, as every kubectl that is here, the Python client and our own command run them."""

import fcntl
import hashlib
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config
from kubernetes.stream import stream

from tests.e2e.host import wait_for
from tests.e2e.kubectl import Kubectl, found
from tests.e2e.stage import Stage, container, pod, stage

pytestmark = pytest.mark.real

PROGRAMS = found()
DEFAULT = {"annotations": {"kubectl.kubernetes.io/default-container": "second"}}
NEITHER = [pytest.param("none", marks=pytest.mark.skip(reason="needs kubectl"))]
MEGABYTE = bytes(range(256)) * 4096


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Stage]:
    """A host with a Pod of one container, one of two, and one that has ended."""
    with stage(tmp_path_factory.mktemp("exec")) as one:
        one.put(
            box=pod("box", container("app", env=[{"name": "COLOUR", "value": "blue"}])),
            pair=pod("pair", container("first"), container("second"), metadata=DEFAULT),
            done=pod("done", container("app", "true"), restartPolicy="Never"),
        )
        one.ready("box", "pair")
        one.until("done has ended", lambda: one.phase("done") == "Succeeded")
        yield one


@pytest.fixture(scope="module")
def kubeconfig(cluster: Stage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kubeconfig of an administrator."""
    path = tmp_path_factory.mktemp("config") / "admin"
    path.write_text(cluster.host.run("kubeconfig").out)
    return path


@pytest.fixture(scope="module", params=sorted(PROGRAMS) or NEITHER)
def kubectl(request: pytest.FixtureRequest, kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """Each kubectl that is here: those before 1.30 speak SPDY, the others WebSocket."""
    return Kubectl(PROGRAMS[request.param], kubeconfig, tmp_path_factory.mktemp("cache"))


def words(kubectl: Kubectl, *arguments: str) -> list[str]:
    """The command line of a kubectl."""
    return [*kubectl.command, *arguments]


def piped(kubectl: Kubectl, *arguments: str, data: bytes = b"", timeout: float = 60) -> tuple[bytes, int]:
    """Run a command with bytes as its input; return what it writes, and its exit code."""
    done = subprocess.run(words(kubectl, *arguments), input=data, stdout=subprocess.PIPE, timeout=timeout, check=False)
    return done.stdout, done.returncode


# Every kubectl


def test_output_errors_and_exit_code_are_told(kubectl: Kubectl) -> None:
    """Each by itself."""
    done = kubectl.run("exec", "box", "--", "sh", "-c", "echo $COLOUR; echo wrong >&2; exit 7")
    assert (done.out, done.code) == ("blue\n", 7)
    assert done.err.startswith("wrong\n")
    assert "command terminated with exit code 7" in done.err
    assert kubectl.out("exec", "box", "--", "true") == ""


def test_input_comes_back_as_it_was(kubectl: Kubectl) -> None:
    """A megabyte of every byte, to the end of the input and no further."""
    assert piped(kubectl, "exec", "-i", "box", "--", "cat", data=MEGABYTE) == (MEGABYTE, 0)
    assert piped(kubectl, "exec", "-i", "box", "--", "wc", "-c", data=MEGABYTE) == (b"1048576\n", 0)


def test_much_output_arrives_whole(kubectl: Kubectl) -> None:
    """Of a command that writes faster than the network takes it."""
    script = "seq 1 3000000; seq 1 3000000 | sha256sum >&2"
    done = subprocess.run(words(kubectl, "exec", "box", "--", "sh", "-c", script), capture_output=True, timeout=120)
    assert done.stderr.split()[0].decode() == hashlib.sha256(done.stdout).hexdigest()
    assert done.returncode == 0


def test_input_waits_for_a_command_that_does_not_read_yet(kubectl: Kubectl) -> None:
    """Longer than any buffer holds."""
    data = MEGABYTE * 8
    script = "sleep 2; sha256sum"
    told, code = piped(kubectl, "exec", "-i", "box", "--", "sh", "-c", script, data=data)
    assert (told.split()[0].decode(), code) == (hashlib.sha256(data).hexdigest(), 0)


def test_files_are_copied_both_ways(kubectl: Kubectl, tmp_path: Path) -> None:
    """A folder with what tar has to keep: bytes, names, modes."""
    folder = tmp_path / "there"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "bytes").write_bytes(MEGABYTE)
    (folder / "with space").write_text("text\n")
    (folder / "run").write_text("#!/bin/sh\necho ran\n")
    (folder / "run").chmod(0o755)
    kubectl.out("exec", "box", "--", "rm", "-rf", "/tmp/there")
    kubectl.out("cp", str(folder), "box:/tmp/there")
    assert kubectl.out("exec", "box", "--", "/tmp/there/run") == "ran\n"
    kubectl.out("cp", "box:/tmp/there", str(tmp_path / "back"))
    assert (tmp_path / "back" / "deep" / "bytes").read_bytes() == MEGABYTE
    assert (tmp_path / "back" / "with space").read_text() == "text\n"


def test_a_terminal_has_the_size_of_ours_and_follows_it(kubectl: Kubectl) -> None:
    """As people work: a shell, a window that is resized, an exit code."""
    with Terminal(words(kubectl, "exec", "-it", "box", "--", "sh"), 30, 100) as terminal:
        terminal.say("echo re''ady", r"ready\r\n")
        terminal.until_says("stty size", r"30 100\r\n")
        terminal.resize(44, 132)
        terminal.until_says("stty size", r"44 132\r\n")
        terminal.say("tty >/dev/null && echo is-a-t''ty", r"is-a-tty\r\n")
        terminal.write("exit 5\n")
        assert terminal.ended() == 5


def test_what_cannot_be_is_told(kubectl: Kubectl) -> None:
    """In the words of any cluster."""
    missing = kubectl.run("exec", "box", "--", "/no/such/program")
    assert missing.code in (1, 126, 127)
    assert "/no/such/program" in missing.out + missing.err
    over = kubectl.run("exec", "done", "--", "true")
    assert (over.code, "current phase is Succeeded" in over.err) == (1, True)
    nobody = kubectl.run("exec", "nobody", "--", "true")
    assert (nobody.code, 'pods "nobody" not found' in nobody.err) == (1, True)
    other = kubectl.run("exec", "box", "-c", "other", "--", "true")
    assert (other.code, "container other is not valid for pod box" in other.err) == (1, True)


def test_the_default_container_is_meant(kubectl: Kubectl, cluster: Stage) -> None:
    """That of the annotation, unless another one is named."""
    assert kubectl.out("exec", "pair", "--", "hostname") == kubectl.out("exec", "pair", "-c", "first", "--", "hostname")
    kubectl.out("exec", "pair", "--", "touch", "/tmp/mark")
    assert cluster.shell("pair", "ls /tmp/mark", "second") == "/tmp/mark"
    assert "No such file" in cluster.shell("pair", "ls /tmp/mark", "first")
    kubectl.out("exec", "pair", "--", "rm", "/tmp/mark")


def test_who_is_killed_leaves_nothing_behind(kubectl: Kubectl, cluster: Stage) -> None:
    """Neither the command nor what it started, on the host or in the Engine."""
    for options in (["-i"], []):
        script = "echo up; sleep 4242; echo"
        process = subprocess.Popen(
            words(kubectl, "exec", *options, "box", "--", "sh", "-c", script),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"up\n"
        process.kill()
        process.wait(30)
        process.stdin.close()
        process.stdout.close()
        wait_for("the command has ended", lambda: "4242" not in cluster.shell("box", "ps"), 60, every=0.2)
    wait_for("the Engine has forgotten it", lambda: not running(cluster), 60, every=0.2)


def running(cluster: Stage) -> list[str]:
    """The commands that the Engine knows in the box."""
    return list(cluster.engine("box")["ExecIDs"] or ())


# One client is enough


@pytest.fixture
def newest(kubeconfig: Path, tmp_path: Path) -> Kubectl:
    """The newest kubectl."""
    if not PROGRAMS:
        pytest.skip("needs kubectl")
    return Kubectl(PROGRAMS[max(PROGRAMS)], kubeconfig, tmp_path)


def test_too_many_commands_are_refused_and_the_others_run(newest: Kubectl, cluster: Stage) -> None:
    """P07: fifty at once; while they hang everything else is answered as ever."""
    cluster.shell("box", "rm -f /tmp/go")
    hangs = "until [ -e /tmp/go ]; do sleep 0.1; done"
    processes = [
        subprocess.Popen(
            words(newest, "exec", "box", "--", "sh", "-c", f"{hangs}; echo {number}"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(50)
    ]
    try:
        wait_for("some are refused", lambda: any(one.poll() for one in processes), 60, every=0.1)
        assert "box" in newest.out("get", "pods")
        assert not any(one.poll() == 0 for one in processes)
    finally:
        cluster.shell("box", "touch /tmp/go")
    ends = [(process.communicate(timeout=60), process.returncode) for process in processes]
    done = [told for told, code in ends if code == 0]
    refused = [told for told, code in ends if code != 0]
    assert len(done) >= 8
    assert len(done) + len(refused) == 50
    assert refused
    assert all("TooManyRequests" in err or "429" in err or "Too many requests" in err for _, err in refused), refused[0]
    assert newest.out("exec", "box", "--", "echo", "again") == "again\n"


def test_the_python_client_runs_commands(kubeconfig: Path) -> None:
    """With its stream, interactively too."""
    api = client.CoreV1Api(config.new_client_from_config(str(kubeconfig)))
    call: dict[str, Any] = {"stderr": True, "stdin": False, "stdout": True, "tty": False}
    told = stream(api.connect_get_namespaced_pod_exec, "box", "default", command=["echo", "hi"], **call)
    assert told == "hi\n"
    call["stdin"] = True
    session = stream(
        api.connect_get_namespaced_pod_exec,
        "box",
        "default",
        command=["sh", "-c", "read line; echo got $line; echo bad >&2; exit 3"],
        _preload_content=False,
        **call,
    )
    session.write_stdin("words\n")
    session.run_forever(timeout=60)
    assert (session.read_stdout(), session.read_stderr(), session.returncode) == ("got words\n", "bad\n", 3)
    session.close()


class Terminal:
    """A command on a terminal of ours."""

    def __init__(self, command: list[str], rows: int, columns: int) -> None:
        self._pid, self._descriptor = pty.fork()
        if self._pid == 0:
            os.execvp(command[0], command)
        self._told = ""
        self.resize(rows, columns)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def resize(self, rows: int, columns: int) -> None:
        """Change the size of the window."""
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.kill(self._pid, signal.SIGWINCH)

    def write(self, text: str) -> None:
        """Type."""
        os.write(self._descriptor, text.encode())

    def say(self, line: str, answer: str, timeout: float = 60) -> None:
        """Type a line and wait for its answer."""
        self.write(f"{line}\n")
        assert self._shows(answer, timeout), self._told

    def until_says(self, line: str, answer: str) -> None:
        """Type a line again and again until it is answered so: a size travels by itself."""
        for _ in range(20):
            self.write(f"{line}\n")
            if self._shows(answer, 1):
                return
        raise AssertionError(self._told)

    def ended(self) -> int:
        """Return the exit code."""
        self._shows("(?!)", 60)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def _shows(self, answer: str, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if found := re.search(answer, self._told):
                self._told = self._told[found.end() :]
                return True
            if select.select([self._descriptor], [], [], 0.2)[0]:
                try:
                    self._told += os.read(self._descriptor, 65536).decode(errors="replace")
                except OSError:
                    return False
        return False
