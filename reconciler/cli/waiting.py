"""Waits until everything is healthy, showing what changes meanwhile."""

import time
from typing import TYPE_CHECKING, Any

from reconciler.cli.common import note
from reconciler.cli.exits import Exit
from reconciler.model.errors import TransientError

if TYPE_CHECKING:
    from reconciler.client import ApiClient
    from reconciler.model.status import Status

INTERVAL_S = 0.3


def read_status(client: "ApiClient") -> "tuple[dict[str, Any], Status]":
    """Return the Status as its document and as a value."""
    import msgspec

    from reconciler.model.status import Status

    document = client.status()
    return document, msgspec.convert(document, Status)


def exit_of_status(status: "Status") -> Exit:
    """Return what a status means for a script: 0 healthy, 5 held, 2 anything else."""
    from reconciler.model.status import Health

    if status.holds or status.health is Health.HELD:
        return Exit.HELD
    return Exit.DONE if status.health is Health.HEALTHY else Exit.PENDING


def wait_until_healthy(client: "ApiClient", timeout_s: float) -> "tuple[dict[str, Any], Status]":
    """Return the status once all is healthy, or waits for a person with nothing going on, or at the end.

    A daemon that is away for a moment (a restart) is waited for, too.
    """
    deadline = time.monotonic() + timeout_s
    told = ""
    while True:
        try:
            document, status = read_status(client)
        except TransientError:
            if time.monotonic() >= deadline:
                raise
            told = _tell(told, "waiting for the daemon")
        else:
            if _is_settled(status) or time.monotonic() >= deadline:
                return document, status
            told = _tell(told, _progress(status))
        time.sleep(INTERVAL_S)


def _is_settled(status: "Status") -> bool:
    """Whether waiting longer changes nothing: healthy, or in a state that only a person ends."""
    from reconciler.model.status import Health

    for_a_person = (Health.HELD, Health.SUSPENDED, Health.ROLLED_BACK)
    if exit_of_status(status) is Exit.DONE:
        return True
    if status.health not in for_a_person and not status.holds:
        return False
    return not any(object.health is Health.PROGRESSING for object in status.objects)


def _progress(status: "Status") -> str:
    from reconciler.model.status import Health

    waiting = [object for object in status.objects if object.health is not Health.HEALTHY]
    shown = [f"node/{node.name} {one.reason}: {one.message}" for node in status.nodes for one in node.troubles]
    shown += [f"node/{node.name} {node.message}" for node in status.nodes if not node.ready or node.is_unsure]
    shown += [f"{o.object} {o.health}{f' {o.ready}' if o.ready else ''}" for o in waiting[:3]]
    rest = f" and {len(waiting) - 3} more" if len(waiting) > 3 else ""
    return f"{status.health}: {', '.join(shown)}{rest}" if shown else str(status.health)


def _tell(told: str, text: str) -> str:
    if text != told:
        note(text)
    return text
