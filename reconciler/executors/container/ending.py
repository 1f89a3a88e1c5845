"""Ending a command inside a container: the Engine has no call for that, its process number it tells.

Effect: signals to the processes of one command, and to no other.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.executors.engine import Engine
from reconciler.executors.transport import Deadline

_LOOK_AGAIN_S = 0.02
_NUMBER_S = 1.0


def signal_command(engine: Engine, container: str, exec_id: str, number: signal.Signals) -> bool:
    """Send a signal to a command and what it started; return whether it still ran."""
    state, deadline = engine.exec_inspect(exec_id), Deadline(_NUMBER_S)
    while state.get("Running") and _number_of(state) <= 1 and not deadline.passed:
        # It runs a moment before the Engine tells its number.
        threading.Event().wait(_LOOK_AGAIN_S)
        state = engine.exec_inspect(exec_id)
    pid = _number_of(state)
    if not state.get("Running") or pid <= 1:
        return False
    with contextlib.suppress(OSError):
        descriptor = os.pidfd_open(pid)
        try:
            # The descriptor names one process for good; its control group proves that it is the container's.
            inside = str(state.get("ContainerID", "")) or container
            if inside in Path(f"/proc/{pid}/cgroup").read_text():
                _send(descriptor, pid, number)
        finally:
            os.close(descriptor)
    return True


def end_command(engine: Engine, container: str, exec_id: str, grace_s: float) -> None:
    """End a command as the end of its terminal would, and kill it once the grace is over."""
    deadline = Deadline(grace_s)
    if not signal_command(engine, container, exec_id, signal.SIGHUP):
        return
    while not deadline.passed:
        # The Engine has no call that waits for a command's end.
        threading.Event().wait(_LOOK_AGAIN_S)
        if not engine.exec_inspect(exec_id).get("Running"):
            return
    signal_command(engine, container, exec_id, signal.SIGKILL)


def _number_of(state: Mapping[str, Any]) -> int:
    return int(state.get("Pid") or 0)


def _send(descriptor: int, pid: int, number: signal.Signals) -> None:
    if os.getpgid(pid) == pid:
        # The command leads a group of its own; while it lives, no other group can have its number.
        signal.pidfd_send_signal(descriptor, 0)
        os.killpg(pid, number)
    else:
        signal.pidfd_send_signal(descriptor, number)
