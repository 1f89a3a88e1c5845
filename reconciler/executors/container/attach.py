"""The streams of a container's own process: the Engine's hijacked connection behind the port ExecSession.

Effect: each call has a deadline. Who lets go leaves the process alone.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.executors.container.connected import demultiplexed
from reconciler.executors.engine import Engine
from reconciler.executors.transport import Deadline, EngineRefused, Stream
from reconciler.model.ports import ExecRequest

_START_S = 15.0
_CALL_S = 5.0
# The process says at least this often that nothing came, so that who has left is noticed.
_TICK_S = 1.0
_NO_SUCH, _NOT_RUNNING = 404, 409
# The Engine lets go at these keys; those that it takes by default are keys of shells.
_DETACH_KEYS = "ctrl-_,ctrl-^,ctrl-_,ctrl-^"


class EngineAttach:
    """Implements ExecSession on the process of a container."""

    def __init__(self, engine: Engine, container: str, stream: Stream, *, tty: bool, closes_input: bool) -> None:
        self._engine = engine
        self._container = container
        self._stream = stream
        self._tty = tty
        self._closes_input = closes_input

    def write(self, data: bytes) -> int:
        """Give bytes to standard input; see the port."""
        try:
            return self._stream.write(data, Deadline(_TICK_S))
        except BrokenPipeError:
            return len(data)

    def end_input(self) -> None:
        """Close standard input where the container asks for that (`stdinOnce`); see the port.

        Elsewhere the process goes on waiting for who comes next; the Engine would take it for the end of the output.
        """
        if self._closes_input:
            self._stream.end_writing()

    def resize(self, width: int, height: int) -> None:
        """Tell the terminal's size; see the port."""
        try:
            self._engine.resize_terminal(self._container, width, height, Deadline(_CALL_S))
        except EngineRefused as error:
            # The process has ended meanwhile, or has no terminal.
            if error.status not in (_NO_SUCH, _NOT_RUNNING) and self._tty and not self._stream.closed:
                raise

    def output(self) -> Iterator[tuple[int, bytes]]:
        """Yield what the process writes from now on, until it has ended; see the port."""
        return demultiplexed(self._stream, tty=self._tty, tick_s=_TICK_S)

    def exit_code(self) -> int:
        """Return 0: how the process ended is told by the status of the Pod."""
        return 0

    def close(self) -> None:
        """Let go of the process, which goes on; see the port."""
        if not self._stream.closed:
            self._stream.close()


def open_attach(engine: Engine, container: Mapping[str, Any], request: ExecRequest) -> EngineAttach:
    """Connect to a container that runs, as it was inspected; raise LookupError when it does not run any more."""
    identity, config = str(container["Id"]), container["Config"]
    tty = bool(config.get("Tty"))
    wanted = {
        "stdin": request.stdin and bool(config.get("OpenStdin")),
        "stdout": request.stdout,
        "stderr": request.stderr and not tty,
    }
    query = {"stream": "1", "detachKeys": _DETACH_KEYS, **{name: "1" for name, is_set in wanted.items() if is_set}}
    try:
        stream = engine.attach(identity, query, Deadline(_START_S))
    except EngineRefused as error:
        if error.status in (_NO_SUCH, _NOT_RUNNING):
            raise LookupError(f"container {identity[:12]} does not run") from error
        raise
    closes_input = bool(config.get("StdinOnce")) and not tty
    return EngineAttach(engine, identity, stream, tty=tty, closes_input=closes_input)
