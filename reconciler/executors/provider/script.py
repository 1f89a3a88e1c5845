"""A provider that is an executable: the question as JSON on its standard input, the answer on its standard output.

Effect: a process. It is bounded by a deadline, with everything that it has started, and gets nothing of our environment
but PATH.
"""

import os
import signal
import subprocess
from contextlib import suppress

import msgspec

from reconciler.model.base import to_builtins
from reconciler.model.errors import ConfigurationError, DeadlineError, TransientError
from reconciler.model.provider import PROVIDER_VERSION, ProviderAnswer, ProviderRequest

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_HEAD = {"apiVersion": PROVIDER_VERSION, "kind": "ProviderRequest"}
_SHOWN = 300


class ScriptProvider:
    """Implements Provider."""

    def __init__(self, path: str, deadline_s: float) -> None:
        self._path = path
        self._deadline_s = deadline_s

    def ask(self, request: ProviderRequest) -> ProviderAnswer:
        """Ask the executable; see the port."""
        done = self._run(msgspec.json.encode(_HEAD | to_builtins(request)))
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()[-_SHOWN:]
            message = f"the provider {self._path} failed with exit code {done.returncode}: {said or 'it said nothing'}"
            raise TransientError(message, reason="ProviderFailed")
        return self._read(done.stdout)

    def _run(self, question: bytes) -> subprocess.CompletedProcess[bytes]:
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
                out, err = process.communicate(question, timeout=self._deadline_s)
            except subprocess.TimeoutExpired as error:
                # What a script has started would otherwise go on beside the next one.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                message = f"the provider {self._path} did not answer within {self._deadline_s:g} s"
                raise DeadlineError(message) from error
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

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
