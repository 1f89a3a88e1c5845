"""A command in a simulated container: the few words of shell that tests use mean the same as in a real one.

Pure apart from its own state; time is virtual.
"""

import re
from collections import deque
from collections.abc import Iterator

from reconciler.model.ports import ExecRequest
from reconciler.simulation.clock import VirtualClock

STDOUT, STDERR = 1, 2
HUNG_UP, NOT_FOUND = 129, 127
_STATEMENT = re.compile(r"\s*(?:;|&&|\n)\s*")


class SimulatedExec:
    """Implements ExecSession. Knows echo (with `>&2`), cat, sleep, true, false, exit, and `sh -c` of them."""

    def __init__(self, clock: VirtualClock, request: ExecRequest) -> None:
        self._clock = clock
        self._request = request
        self._statements = deque(_statements(request.command))
        self._input = deque[bytes]()
        self._input_ended = not request.stdin
        self._wakes_at: float | None = None
        self._code: int | None = None
        self.size: tuple[int, int] | None = None

    def write(self, data: bytes) -> int:
        """Give bytes to standard input; see the port."""
        self._input.append(data)
        return len(data)

    def end_input(self) -> None:
        """Close standard input; see the port."""
        self._input_ended = True

    def resize(self, width: int, height: int) -> None:
        """Note the terminal's size; see the port."""
        self.size = (width, height)

    def output(self) -> Iterator[tuple[int, bytes]]:
        """Yield what is written; while the command waits for input or time, empty bytes. See the port."""
        code = 0
        while self._code is None and self._statements:
            words = self._statements[0]
            match words[0]:
                case "cat":
                    while self._input:
                        yield from self._write(STDOUT, self._input.popleft())
                    if not self._input_ended:
                        yield STDOUT, b""
                        continue
                case "sleep":
                    if not self._has_slept(words[1]):
                        yield STDOUT, b""
                        continue
                case "echo":
                    stream = STDERR if words[-1] == ">&2" else STDOUT
                    said = " ".join(word for word in words[1:] if word != ">&2")
                    yield from self._write(stream, said.strip("'\"").encode() + b"\n")
                case "exit":
                    self._code = int(words[1]) if len(words) > 1 else code
                case "true" | "false":
                    code = int(words[0] == "false")
                case program:
                    said = f'exec: "{program}": executable file not found in $PATH\r\n'
                    yield from self._write(STDOUT, said.encode())
                    code = NOT_FOUND
            self._statements.popleft()
        self._code = code if self._code is None else self._code

    def exit_code(self) -> int:
        """Return the command's exit code; see the port."""
        assert self._code is not None
        return self._code

    def close(self) -> None:
        """End the command; see the port."""
        self._code = HUNG_UP if self._code is None else self._code

    def _write(self, stream: int, data: bytes) -> Iterator[tuple[int, bytes]]:
        stream = STDOUT if self._request.tty else stream
        if self._request.stdout if stream == STDOUT else self._request.stderr:
            yield stream, data

    def _has_slept(self, seconds: str) -> bool:
        """Whether the sleep that the command is in has passed; it begins when this is first asked."""
        if seconds == "infinity":
            return False
        if self._wakes_at is None:
            self._wakes_at = self._clock.now() + float(seconds)
        if self._clock.now() < self._wakes_at:
            return False
        self._wakes_at = None
        return True


def _statements(command: tuple[str, ...]) -> list[list[str]]:
    program = command[0].rsplit("/", 1)[-1]
    if program == "sh" and command[1:2] == ("-c",):
        return [part.split() for part in _STATEMENT.split(command[2]) if part.split()]
    return [[program if program in _PROGRAMS else command[0], *command[1:]]]


_PROGRAMS = frozenset({"echo", "cat", "sleep", "true", "false"})
