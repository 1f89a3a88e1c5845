"""A command in a container with its streams connected: the Engine's hijacked connection behind the port ExecSession.

Effect: each call has a deadline. Who lets go of a command that still runs ends it.
"""

import threading
from collections.abc import Iterator

from reconciler.executors.container.connected import demultiplexed
from reconciler.executors.container.ending import end_command
from reconciler.executors.container.frames import STDOUT
from reconciler.executors.engine import Engine, ExecStreams
from reconciler.executors.transport import Deadline, EngineRefused, Stream
from reconciler.model.errors import TransientError
from reconciler.model.ports import ExecRequest

_START_S = 15.0
_CALL_S = 5.0
# A command says at least this often that nothing came, so that who has left is noticed.
_TICK_S = 1.0
# After its output has ended a command usually ends at once; one that closed its output may run on.
_LOOK_AGAIN_S = (0.001, 0.5)
_GRACE_S = 2.0
_NO_SUCH, _NOT_RUNNING = 404, 409


class EngineExec:
    """Implements ExecSession on an exec of the Engine."""

    def __init__(self, engine: Engine, container: str, exec_id: str, stream: Stream, *, tty: bool) -> None:
        self._engine = engine
        self._container = container
        self._exec_id = exec_id
        self._stream = stream
        self._tty = tty
        self._code: int | None = None
        self._lock = threading.Lock()

    def write(self, data: bytes) -> int:
        """Give bytes to standard input; see the port."""
        try:
            return self._stream.write(data, Deadline(_TICK_S))
        except BrokenPipeError:
            return len(data)

    def end_input(self) -> None:
        """Close standard input; see the port."""
        self._stream.end_writing()

    def resize(self, width: int, height: int) -> None:
        """Tell the terminal's size; see the port."""
        try:
            self._engine.exec_resize(self._exec_id, width, height, Deadline(_CALL_S))
        except EngineRefused as error:
            # The command has ended meanwhile, or has no terminal.
            if error.status >= 500 and self._code is None and not self._has_ended():
                raise

    def output(self) -> Iterator[tuple[int, bytes]]:
        """Yield what is written until the command has ended; see the port."""
        yield from demultiplexed(self._stream, tty=self._tty, tick_s=_TICK_S)
        pause_s, pause_s_max = _LOOK_AGAIN_S
        while not self._stream.closed and not self._has_ended():
            yield STDOUT, b""
            threading.Event().wait(pause_s)
            pause_s = min(pause_s * 2, pause_s_max)

    def exit_code(self) -> int:
        """Return the command's exit code; see the port."""
        if self._code is None and not self._has_ended():
            raise TransientError("the command has not ended", reason="CommandRuns")
        assert self._code is not None
        return self._code

    def close(self) -> None:
        """Let go of the command, and end it when it still runs; see the port."""
        with self._lock:
            if self._stream.closed:
                return
            self._stream.close()
        if self._code is None:
            end_command(self._engine, self._container, self._exec_id, _GRACE_S)

    def _has_ended(self) -> bool:
        state = self._engine.exec_inspect(self._exec_id)
        if state.get("Running") or state.get("ExitCode") is None:
            return False
        self._code = int(state["ExitCode"])
        return True


def open_exec(engine: Engine, container: str, request: ExecRequest) -> EngineExec:
    """Start a command; raise LookupError when the container does not run."""
    deadline = Deadline(_START_S)
    streams = ExecStreams(
        stdin=request.stdin, stdout=request.stdout, stderr=request.stderr and not request.tty, tty=request.tty
    )
    try:
        exec_id = engine.exec_create(container, request.command, deadline, streams)
        stream = engine.exec_start(exec_id, deadline, tty=request.tty)
    except EngineRefused as error:
        if error.status in (_NO_SUCH, _NOT_RUNNING):
            raise LookupError(f"container {container[:12]} does not run") from error
        raise
    return EngineExec(engine, container, exec_id, stream, tty=request.tty)
