"""A command that a test plays, in place of one in a container; and Pods to run it in."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from reconciler.model.kinds import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStatus,
    ObjectMeta,
    Pod,
    PodSpec,
    PodStatus,
)
from reconciler.model.streams import DEFAULT_CONTAINER


class MemoryExec:
    """Implements ExecSession: says what a test puts into `says` (a number is its exit code), keeps what it is given."""

    def __init__(self, *says: tuple[int, bytes] | int | Exception, echoes: bool = False) -> None:
        self.says: queue.Queue[tuple[int, bytes] | int | Exception] = queue.Queue()
        for one in says:
            self.says.put(one)
        self.taken = bytearray()
        self.input_ended = threading.Event()
        self.sizes: queue.Queue[tuple[int, int]] = queue.Queue()
        self.closed = threading.Event()
        self.reads = threading.Event()
        self.reads.set()
        self._echoes = echoes
        self._code = 0

    def write(self, data: bytes) -> int:
        """Take input, unless the test has told the command not to read."""
        if not self.reads.wait(0.05):
            return 0
        self.taken += data
        if self._echoes:
            self.says.put((1, data))
        return len(data)

    def end_input(self) -> None:
        """Note the end of the input; a command that echoes ends."""
        self.input_ended.set()
        if self._echoes:
            self.says.put(0)

    def resize(self, width: int, height: int) -> None:
        """Note a size."""
        self.sizes.put((width, height))

    def output(self) -> Iterator[tuple[int, bytes]]:
        """Yield what the test says."""
        while not self.closed.is_set():
            try:
                said = self.says.get(timeout=0.02)
            except queue.Empty:
                yield 1, b""
                continue
            if isinstance(said, Exception):
                raise said
            if isinstance(said, int):
                self._code = said
                return
            yield said

    def exit_code(self) -> int:
        """Return what the test said."""
        return self._code

    def close(self) -> None:
        """Note that the command was let go of."""
        self.closed.set()


def running_pod(name: str, *containers: str, default: str = "", **changes: Any) -> Pod:
    """A Pod in namespace shop whose containers run; by default one named `web`."""
    names = containers or ("web",)
    running = ContainerState(running=ContainerStateRunning())
    states = tuple(ContainerStatus(name=one, container_id=f"docker://{one}-id", state=running) for one in names)
    annotations = {DEFAULT_CONTAINER: default} if default else {}
    return Pod(
        metadata=ObjectMeta(name=name, namespace="shop", annotations=annotations),
        spec=PodSpec(containers=tuple(Container(name=one, image="web:1") for one in names), node_name="node-1"),
        status=PodStatus(**{"phase": "Running", "container_statuses": states, **changes}),
    )


def until(holds: Callable[[], bool], limit_s: float = 5.0) -> None:
    """Wait for what another thread brings about."""
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        threading.Event().wait(0.01)
