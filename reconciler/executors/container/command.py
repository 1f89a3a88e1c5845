"""Running a command inside a container, with a deadline that also ends the command.

Effect.
"""

import signal
import threading
from collections.abc import Mapping
from typing import Any

from reconciler.executors.container.ending import signal_command
from reconciler.executors.container.frames import Demultiplexer
from reconciler.executors.engine import Engine, ExecResult
from reconciler.executors.transport import Deadline
from reconciler.model.errors import DeadlineError

# What the kubelet keeps of it.
_OUTPUT_MAX = 1024


def run_in_container(engine: Engine, container: str, command: tuple[str, ...], deadline: Deadline) -> ExecResult:
    """Run a command and return how it ended; raises `DeadlineError` (and kills it) when it takes too long."""
    exec_id = engine.exec_create(container, command, deadline)
    stream = engine.exec_start(exec_id, deadline)
    output = bytearray()
    frames = Demultiplexer()
    try:
        while (piece := stream.read(deadline)) != b"":
            if piece is None or deadline.passed:
                raise _too_slow(engine, container, exec_id)
            for part in frames.feed(piece):
                output += part[: _OUTPUT_MAX - len(output)]
    finally:
        stream.close()
    state = _ended(engine, container, exec_id, deadline)
    text = output.decode(errors="replace")
    return ExecResult(exit_code=int(state["ExitCode"]), output=text)


def _ended(engine: Engine, container: str, exec_id: str, deadline: Deadline) -> Mapping[str, Any]:
    """Return a command's state once it has ended: that comes a little after, or (closed output) long after."""
    pause_s = 0.001
    while True:
        state = engine.exec_inspect(exec_id)
        if not state.get("Running") and state.get("ExitCode") is not None:
            return state
        if deadline.passed:
            raise _too_slow(engine, container, exec_id)
        # The Engine has no call that waits for a command's end.
        threading.Event().wait(min(pause_s, deadline.left_s))
        pause_s = min(pause_s * 2, 0.05)


def _too_slow(engine: Engine, container: str, exec_id: str) -> DeadlineError:
    signal_command(engine, container, exec_id, signal.SIGKILL)
    return DeadlineError("the command did not end in time")
