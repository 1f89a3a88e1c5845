"""The small files we keep for each container of a Pod: its last words, and whether its postStart hook ran.

Effect.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.executors.container import labels
from reconciler.executors.volume.paths import VolumePaths
from reconciler.model.details import StartContainer
from reconciler.model.errors import ReconcilerError

_MESSAGE_MAX = 4096


class ContainerFiles:
    """Files below the directory of each Pod."""

    def __init__(self, paths: VolumePaths) -> None:
        self._paths = paths

    def make_message_file(self, detail: StartContainer) -> Path:
        """Make the file that the container, whoever it runs as, may write its last words to."""
        path = self._paths.termination_message(detail.pod.uid, detail.spec.name, detail.attempt)
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        path.touch(exist_ok=True)
        path.chmod(0o666)
        return path

    def hook_has_run(self, detail: StartContainer) -> bool:
        """Whether the postStart hook of this start is done (or there is none)."""
        if detail.spec.lifecycle.post_start is None:
            return True
        return self._paths.started_marker(detail.pod.uid, detail.spec.name, detail.attempt).exists()

    def mark_hook(self, detail: StartContainer) -> None:
        """Write down that the postStart hook of this start is done."""
        path = self._paths.started_marker(detail.pod.uid, detail.spec.name, detail.attempt)
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        path.touch(exist_ok=True)

    def last_words(self, inspected: Mapping[str, Any]) -> str:
        """Return what a container wrote to its message file, cut to 4 KiB."""
        path = self._message_path(inspected)
        if path is None:
            return ""
        try:
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as handle:
                return handle.read(_MESSAGE_MAX).decode(errors="replace")
        except OSError:
            return ""

    def forget(self, inspected: Mapping[str, Any]) -> None:
        """Remove the files of a container that is gone."""
        path = self._message_path(inspected)
        if path is not None:
            path.unlink(missing_ok=True)
            path.with_suffix(".started").unlink(missing_ok=True)

    def _message_path(self, inspected: Mapping[str, Any]) -> Path | None:
        named = labels.labels_in(inspected)
        attempt = named.get(labels.ATTEMPT, "")
        if not attempt.isdecimal():
            return None
        try:
            return self._paths.termination_message(
                named.get(labels.POD_UID, ""), named.get(labels.CONTAINER, ""), int(attempt)
            )
        except ReconcilerError:
            return None
