"""A provider that is an executable: the question as JSON on its standard input, the answer on its standard output.

Effect: a process. It is bounded by a deadline, with everything that it has started, and gets nothing of our environment
but PATH. A note says which process is asked: one that was left by a daemon that was killed is ended before the next.
"""

import os
import select
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import msgspec

from reconciler.executors.network.dns.pidfile import start_time
from reconciler.executors.network.state import Kernel, StateFile
from reconciler.model.base import Value, to_builtins
from reconciler.model.errors import ConfigurationError, DeadlineError, TransientError
from reconciler.model.provider import PROVIDER_VERSION, ProviderAnswer, ProviderRequest

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_HEAD = {"apiVersion": PROVIDER_VERSION, "kind": "ProviderRequest"}
_SHOWN = 300
_END_S = 5.0


class _Asked(Value):
    """The process that is asked, and when the kernel started it: its number may be another's later."""

    pid: int
    started: str


class ScriptProvider:
    """Implements Provider. One question at a time; `runtime` is the directory of the note."""

    def __init__(self, path: str, deadline_s: float, runtime: Path) -> None:
        self._path = path
        self._deadline_s = deadline_s
        self._noted = runtime / "provider.json"
        self._note = StateFile(self._noted, Kernel.current())

    def ask(self, request: ProviderRequest) -> ProviderAnswer:
        """Ask the executable; see the port."""
        done = self._run(msgspec.json.encode(_HEAD | to_builtins(request)))
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()[-_SHOWN:]
            message = f"the provider {self._path} failed with exit code {done.returncode}: {said or 'it said nothing'}"
            raise TransientError(message, reason="ProviderFailed")
        return self._read(done.stdout)

    def _run(self, question: bytes) -> subprocess.CompletedProcess[bytes]:
        self._end_earlier()
        try:
            process = subprocess.Popen(
                [self._path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={"PATH": _PATH, "LC_ALL": "C.UTF-8"},
                cwd="/",
                process_group=0,
            )
        except OSError as error:
            hint = "an executable file; setting provider.script"
            raise ConfigurationError(f"the provider {self._path} cannot be run: {error.strerror}", hint=hint) from error
        with process:
            try:
                # Before it hears the question: until then it has nothing to do.
                self._note_down(process.pid)
                out, err = process.communicate(question, timeout=self._deadline_s)
            except subprocess.TimeoutExpired as error:
                _kill_group(process.pid)
                message = f"the provider {self._path} did not answer within {self._deadline_s:g} s"
                raise DeadlineError(message) from error
        self._note.remove()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def _note_down(self, pid: int) -> None:
        try:
            self._note.save(_Asked(pid=pid, started=start_time(pid)))
        except OSError as error:
            _kill_group(pid)
            message = f"the provider {self._path} is not asked: {self._noted} cannot be written: {error.strerror}"
            raise TransientError(message, reason="ProviderFailed") from error

    def _end_earlier(self) -> None:
        """End what a daemon before this one asked, if that still runs."""
        earlier = self._note.load(_Asked)
        if earlier is None:
            return
        with suppress(ProcessLookupError):
            process = os.pidfd_open(earlier.pid)
            try:
                if start_time(earlier.pid) == earlier.started:
                    _kill_group(earlier.pid)
                    select.select([process], [], [], _END_S)
            finally:
                os.close(process)
        self._note.remove()

    def _read(self, text: bytes) -> ProviderAnswer:
        try:
            answer = msgspec.json.decode(text, type=ProviderAnswer)
        except msgspec.DecodeError as error:
            shown = text.decode(errors="replace").strip()[:_SHOWN]
            message = f"the provider {self._path} gave no answer that can be read: {error}: {shown!r}"
            raise TransientError(message, reason="ProviderAnswer") from error
        if answer.api_version != PROVIDER_VERSION:
            message = f"the provider {self._path} answers as {answer.api_version!r}, asked as {PROVIDER_VERSION}"
            raise TransientError(message, reason="ProviderVersion")
        return answer


def _kill_group(leader: int) -> None:
    """End a script with what it has started, which would otherwise go on beside the next one."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
