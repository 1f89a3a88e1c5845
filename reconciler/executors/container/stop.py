"""Stopping and removing one container of a Pod.

Effect, idempotent: what has ended or is gone already is unchanged.
"""

import logging
import math
from collections.abc import Mapping
from typing import Any

from reconciler.executors.container.hooks import run_hook
from reconciler.executors.container.owned import Owned, is_running
from reconciler.executors.container.sandbox import remove
from reconciler.executors.engine import Engine
from reconciler.executors.transport import Deadline, EngineRefused
from reconciler.model.details import RemoveContainer, StopContainer
from reconciler.model.errors import ReconcilerError, StaleError

log = logging.getLogger(__name__)

_AFTER_HOOK_S = 2.0
"""What is left at least between a preStop hook that used the grace up and KILL, as with kubelet."""

_KILL_MARGIN_S = 20.0


def stop_container(engine: Engine, owned: Owned, detail: StopContainer, expects: str) -> tuple[bool, str]:
    """Run preStop, send the stop signal, send KILL when the grace is over; return once it has ended."""
    found = owned.target(detail.container_id, detail.name, expects)
    if found is None or not is_running(found):
        return False, ""
    container = str(found["Id"])
    if found["State"].get("Paused"):
        engine.unpause_container(container)
    grace = Deadline(detail.grace_s)
    _pre_stop(engine, container, detail, grace)
    left_s = max(grace.left_s, _AFTER_HOOK_S if detail.grace_s > 0 else 0.0)
    try:
        _end(engine, container, left_s)
    except EngineRefused as error:
        if error.status not in (304, 404, 409):
            raise
    return True, container


def remove_container(
    engine: Engine, owned: Owned, detail: RemoveContainer, expects: str, deadline: Deadline
) -> tuple[Mapping[str, Any] | None, bool]:
    """Remove an ended container; return what it was, and whether it was still there."""
    found = owned.target(detail.container_id, detail.name, expects)
    if found is None:
        return None, False
    if is_running(found):
        raise StaleError(f"container {detail.name} runs: it is not removed")
    return found, remove(engine, str(found["Id"]), deadline, force=False)


def _end(engine: Engine, container: str, left_s: float) -> None:
    if left_s <= 0:
        engine.kill_container(container)
        engine.wait_container(container, Deadline(_KILL_MARGIN_S))
        return
    grace_s = max(1, math.floor(left_s))
    engine.stop_container(container, grace_s, grace_s + _KILL_MARGIN_S)


def _pre_stop(engine: Engine, container: str, detail: StopContainer, grace: Deadline) -> None:
    """Run the hook; its failure is told and stops nothing, as in Kubernetes."""
    hook = detail.lifecycle.pre_stop if detail.lifecycle is not None else None
    if hook is None or detail.grace_s <= 0:
        return
    try:
        run_hook(engine, container, hook, detail.spec, detail.pod_ip, grace)
    except ReconcilerError as error:
        log.warning("preStop failed", extra={"container": detail.name, "reason": error.reason})
