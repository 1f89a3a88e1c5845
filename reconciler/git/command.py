"""The one door to the git program. Effect: runs processes.

Every command runs in a process group of its own, with a deadline; when it passes, the whole group is killed
(ssh and the http helper included). The configuration of the machine and of the user is not read, nothing is
asked on a terminal, and no hook, helper or lazy fetch of the repository is run. Results are judged by exit
code.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from git.cmd import Git
from git.exc import GitCommandNotFound

from reconciler.git.errors import DeadlineExceeded, GitFailure, RepositoryCorrupt

STDERR_BYTES_MAX = 16 * 1024
STDOUT_BYTES_MAX = 512 * 1024 * 1024

_CONFIG = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.askPass=",
    "core.quotePath=false",
    "credential.helper=",
    "gc.auto=0",  # an automatic gc detaches itself from the process group
    "maintenance.auto=false",
    "gpg.program=false",
    "gpg.x509.program=false",
    "protocol.allow=never",
    "protocol.ext.allow=never",
    "submodule.recurse=false",
    "transfer.bundleURI=false",
)

_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "HOME": "/nonexistent",  # a ~/.netrc is not one of the explicit settings
    "SHELL": "/bin/sh",
}

_DROPPED_PREFIXES = ("GIT_", "SSH_ASKPASS")


class Deadline:
    """A point in time by which an operation with several steps has to be done."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that remain, never below zero."""
        return max(0.0, self._end - time.monotonic())


@dataclass(frozen=True, slots=True)
class Exit:
    """How a git command ended. `stderr` is for people."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def is_success(self) -> bool:
        """Whether the exit code is 0."""
        return self.code == 0


@dataclass(frozen=True, slots=True)
class GitCommand:
    """How git is called for one repository: where it is, and the environment that is added.

    `started` is told the process group of every command, `kept_fds` stay open in it; both serve the mirror's
    lock.
    """

    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    config: tuple[str, ...] = ()
    kept_fds: tuple[int, ...] = ()
    started: Callable[[int], None] | None = None

    def run(self, *arguments: str, deadline: Deadline, stdin: bytes = b"", stdout_max: int = STDOUT_BYTES_MAX) -> Exit:
        """Run one git command to its end and return how it ended, whatever its exit code."""
        options = [option for pair in (*_CONFIG, *self.config) for option in ("-c", pair)]
        command = ["git", f"--git-dir={self.directory}", *options, *arguments]
        environment = {**_ENVIRONMENT, "LC_ALL": "C.UTF-8", **self.environment}
        return self._execute(command, environment, deadline, stdin, stdout_max)

    def read(self, *arguments: str, deadline: Deadline, stdin: bytes = b"") -> bytes:
        """Run a command that only fails when the repository is damaged, and return its output."""
        ended = self.run(*arguments, deadline=deadline, stdin=stdin)
        if not ended.is_success:
            raise RepositoryCorrupt(f"{self.directory} cannot be read", detail=ended.stderr)
        return ended.stdout

    def _execute(
        self,
        command: list[str],
        environment: Mapping[str, str],
        deadline: Deadline,
        stdin: bytes,
        stdout_max: int,
    ) -> Exit:
        with contextlib.ExitStack() as stack:
            handed = stack.enter_context(_as_file(stdin)) if stdin else None
            try:
                process = Git(os.sep).execute(
                    _without_inherited(command, environment),
                    istream=handed,
                    as_process=True,
                    env=dict(environment),
                    start_new_session=True,
                    pass_fds=self.kept_fds,
                )
            except GitCommandNotFound as error:
                raise GitFailure("the program git is not installed", hint="apt install git") from error
            popen = process.proc
            assert popen is not None
            if self.started is not None:
                self.started(popen.pid)
            return _finish(popen, command, deadline, stdout_max)


def _without_inherited(command: list[str], environment: Mapping[str, str]) -> list[str]:
    """Drop what would redirect git: GitPython hands on our whole environment, a hook's has GIT_DIR set."""
    dropped = [name for name in os.environ if name.startswith(_DROPPED_PREFIXES) and name not in environment]
    if not dropped:
        return command
    return ["env", *(option for name in sorted(dropped) for option in ("-u", name)), *command]


def _as_file(content: bytes) -> BinaryIO:
    """Hand input over as a file in memory, so that writing it never has to be interleaved with reading."""
    file = os.fdopen(os.memfd_create("git-stdin"), "w+b")
    file.write(content)
    file.flush()
    file.seek(0)
    return file


def _finish(process: "subprocess.Popen[bytes]", command: Sequence[str], deadline: Deadline, stdout_max: int) -> Exit:
    """Read both pipes to their end and reap; past the deadline or the size limit, kill the group."""
    assert process.stdout is not None and process.stderr is not None
    stdout = bytearray()
    stderr = bytearray()
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ, stdout)
            selector.register(process.stderr, selectors.EVENT_READ, stderr)
            while selector.get_map():
                ready = selector.select(deadline.left())
                if not ready:
                    raise DeadlineExceeded(f"{_named(command)} did not end within {deadline.seconds:g} s")
                for key, _ in ready:
                    chunk = os.read(key.fd, 1 << 20)
                    if not chunk:
                        selector.unregister(key.fileobj)
                    elif key.data is stdout:
                        stdout += chunk
                        if len(stdout) > stdout_max:
                            raise GitFailure(f"{_named(command)} printed more than {stdout_max} bytes")
                    elif len(stderr) < STDERR_BYTES_MAX:
                        stderr += chunk
        process.wait(deadline.left())
    except subprocess.TimeoutExpired as error:
        raise DeadlineExceeded(f"{_named(command)} did not end within {deadline.seconds:g} s") from error
    finally:
        _kill_group(process)
        process.stdout.close()
        process.stderr.close()
    return Exit(process.returncode, bytes(stdout), _readable(stderr))


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    """Kill what is left of the process group and reap its leader."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _named(command: Sequence[str]) -> str:
    """Name a command without its options, which may hold addresses."""
    verbs = [word for word in command[command.index("git") + 1 :] if not word.startswith("-") and "=" not in word]
    return "git " + (verbs[0] if verbs else "")


def _readable(stderr: bytearray) -> str:
    """Return what git said in at most three lines, without control characters."""
    lines = [printable(line) for line in stderr[:STDERR_BYTES_MAX].decode("utf-8", "replace").splitlines()]
    return "; ".join([line for line in lines if line][-3:])


def printable(text: str) -> str:
    """Replace control characters, so that text of others cannot steer a terminal or fake a line."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text).strip()
