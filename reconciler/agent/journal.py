"""What an agent keeps on its host: its memory and last documents on disk, values of secrets in memory-backed files.

Effect: files, written whole and renamed, so that a kill at any moment leaves the old or the new one. A disk that takes
nothing stops nobody: what could not be kept waits here, and is tried again with whatever is to be kept next.
"""

import logging
import os
from pathlib import Path
from typing import TypeVar

import msgspec

from reconciler.model.node import Assignment, Materials, NetworkView
from reconciler.planner.node.memory import NodeMemory

log = logging.getLogger(__name__)

T = TypeVar("T")
# More than an agent tells in one life.
_REPORTS_MAX = 10**9


class Journal:
    """The agent's files: `data_dir` survives a reboot, `runtime_dir` is to be memory-backed.

    `fault` says why not everything is kept; it is empty while all is.
    """

    def __init__(self, data_dir: Path, runtime_dir: Path) -> None:
        self._data = data_dir
        self._runtime = runtime_dir
        self._written: dict[Path, bytes] = {}
        self._waiting: dict[Path, object] = {}
        self.fault = ""
        for directory in (data_dir, runtime_dir):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def memory(self) -> NodeMemory:
        """Return the node planner's memory; an empty one when there is none or it cannot be read."""
        return self._read(self._data / "memory.json", NodeMemory) or NodeMemory()

    def containers(self) -> tuple[str, ...]:
        """Return the ids of the containers that the agent knew of last."""
        pods = self.memory().pods.values()
        found = (one for pod in pods for one in (pod.sandbox_id, *(c.container_id for c in pod.containers.values())))
        return tuple(one for one in found if one)

    def keep_memory(self, memory: NodeMemory) -> None:
        """Keep the node planner's memory."""
        self._keep(self._data / "memory.json", memory)

    def documents(self) -> tuple[Assignment | None, NetworkView | None, Materials | None]:
        """Return the last documents; after a reboot the values of secrets are gone and come with the next contact."""
        return (
            self._read(self._data / "assignment.json", Assignment),
            self._read(self._data / "view.json", NetworkView),
            self._read(self._runtime / "materials.json", Materials),
        )

    def keep_assignment(self, assignment: Assignment) -> None:
        """Keep the newest assignment."""
        self._keep(self._data / "assignment.json", assignment)

    def keep_view(self, view: NetworkView) -> None:
        """Keep the newest network view."""
        self._keep(self._data / "view.json", view)

    def keep_materials(self, materials: Materials) -> None:
        """Keep the values that Pods need, readable by root alone."""
        self._keep(self._runtime / "materials.json", materials)

    def first_sequence(self, least: int) -> int:
        """Return a number above those of all reports of the agent's lives before, at least this one, and keep it.

        Time alone does not give one: a clock may have been set back, and reports with old numbers are refused.
        """
        path = self._data / "sequence.json"
        last = self._read(path, int)
        first = least if last is None else max(least, last + _REPORTS_MAX)
        self._keep(path, first)
        return first

    def _read(self, path: Path, type_: type[T]) -> T | None:
        try:
            return msgspec.json.decode(path.read_bytes(), type=type_)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError:
            # Written by another version or damaged: what runs is observed anew, and documents are sent again.
            return None

    def _keep(self, path: Path, value: object) -> None:
        """Write what waits, in the order in which it came last: after a failure nothing overtakes it."""
        self._waiting.pop(path, None)
        self._waiting[path] = value
        try:
            for waiting in list(self._waiting):
                self._write(waiting, self._waiting[waiting])
                del self._waiting[waiting]
        except OSError as error:
            fault = f"{waiting.parent} cannot be written: {error.strerror}"
            if fault != self.fault:
                log.warning("the agent goes on from memory", extra={"error": fault})
            self.fault = fault
        else:
            self.fault = ""

    def _write(self, path: Path, value: object) -> None:
        content = msgspec.json.encode(value)
        if self._written.get(path) == content:
            return
        temporary = path.with_suffix(".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        temporary.replace(path)
        self._written[path] = content
