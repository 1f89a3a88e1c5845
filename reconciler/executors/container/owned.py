"""Finding our own containers by name or id, and refusing everything else (P05).

Effect: reads.
"""

import threading
from collections.abc import Mapping
from typing import Any

from reconciler.executors.container import labels
from reconciler.executors.engine import Engine
from reconciler.executors.transport import Deadline, EngineRefused
from reconciler.model.errors import StaleError, TerminalError

_APPEARS_S = 2.0
_LOOK_AGAIN_S = 0.02


class NameConflict(TerminalError):
    """A container that is not ours has a name that we need."""

    reason = "NameConflict"


class Owned:
    """Looks containers up; what it returns is always ours."""

    def __init__(self, engine: Engine, owner: labels.Owner) -> None:
        self._engine = engine
        self.owner = owner

    def find(self, container: str, pod_uid: str = "") -> Mapping[str, Any] | None:
        """Return an inspected container of ours by name or id; None: there is none. Raises `NameConflict`."""
        found = self._engine.inspect_container(container) if container else None
        if found is None:
            return None
        named = labels.labels_in(found)
        if not labels.is_ours(found, self.owner.cluster):
            raise NameConflict(
                f"container {container} exists and is not of this cluster: it is left alone",
                hint=f"rename or remove it: docker rename {container} NEW-NAME",
            )
        if pod_uid and named.get(labels.POD_UID) != pod_uid:
            raise NameConflict(f"container {container} belongs to another pod ({named.get(labels.POD_UID)})")
        return found

    def appeared(self, name: str, pod_uid: str, error: EngineRefused) -> str:
        """Return the id of our container that comes up meanwhile: the Engine still does what a killed us began.

        It takes the name first and shows the container a moment later, so this waits for a while.
        """
        if error.status != 409:
            return ""
        deadline = Deadline(_APPEARS_S)
        while (found := self.find(name, pod_uid)) is None and not deadline.passed:
            threading.Event().wait(_LOOK_AGAIN_S)
        return str(found["Id"]) if found is not None else ""

    def expect(self, found: Mapping[str, Any], expects: str, *others: str) -> None:
        """Raise `StaleError` unless `expects` is empty, this container's id, its digest, or one of `others`."""
        known = {str(found["Id"]), labels.labels_in(found).get(labels.SPEC_DIGEST, ""), *others}
        if expects and expects not in known:
            raise StaleError(f"container {str(found['Name']).lstrip('/')} is not the one that was expected")

    def target(self, container_id: str, name: str, expects: str) -> Mapping[str, Any] | None:
        """Return the container an action is about; None: it is gone. Raises `StaleError` when another has its name."""
        found = self.find(container_id or name)
        if found is None and container_id and name and self.find(name) is not None:
            raise StaleError(f"container {name} is another one than {container_id[:12]}")
        if found is not None:
            self.expect(found, expects)
        return found


def is_running(inspected: Mapping[str, Any]) -> bool:
    """Whether a container's process exists (paused counts)."""
    return bool(inspected["State"].get("Running"))


def was_never_started(inspected: Mapping[str, Any]) -> bool:
    """Whether a container was created and nothing more."""
    return str(inspected["State"]["Status"]) == "created"
