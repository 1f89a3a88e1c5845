"""What the service manager is told (the protocol of sd_notify). Effect: a socket."""

import logging
import os
import socket

from reconciler.model.status import LoopStatus

log = logging.getLogger(__name__)

# Both loops run at least once a minute. Care of the host's Pods is missed sooner than a look at the repositories.
_STALL_S = {"agent": 120.0, "controller": 300.0}


def why_stalled(loop: LoopStatus, started_at: float, now: float) -> str:
    """Return why a loop counts as stopped: it has not run for several times its longest wait; empty while it runs."""
    idle_s = now - max(loop.ran_at or 0.0, started_at)
    return f"the {loop.name} loop has not run for {idle_s:.0f} s" if idle_s > _STALL_S[loop.name] else ""


def notify(message: str) -> bool:
    """Tell the service manager (sd_notify protocol); False when there is none."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.settimeout(1.0)
        try:
            channel.connect("\0" + path[1:] if path.startswith("@") else path)
            channel.sendall(message.encode())
        except OSError as error:
            log.debug("the service manager does not listen", extra={"error": str(error)})
            return False
    return True


def feed_period_s() -> float:
    """Return how often the service manager's watchdog is to be fed: three times in the time that it allows."""
    usec = int(os.environ.get("WATCHDOG_USEC", "0"))
    return usec / 3_000_000 if usec else 10.0
