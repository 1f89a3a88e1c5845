"""How far the versions of a daemon and of an agent may be apart, as they are while hosts are upgraded one by one. Pure.

Both sides ask the same question, so an agent is refused whichever of the two is the older. Their documents are read
tolerantly: what one does not know it leaves alone, what the other did not tell has its default.
"""

import re

from reconciler.model.errors import TerminalError

# As between kubelet and API server, Kubernetes lets more pass, but only in one direction.
MINORS_MAX = 1
# Both tell theirs with everything that they say to one another.
VERSION_HEADER = "x-reconciler-version"
# Who tells no version is of the one before versions were told.
UNTOLD = "0.1"
_VERSION = re.compile(r"(?:.*\+reconciler\.)?(\d+)\.(\d+)")


class VersionSkew(TerminalError):
    """A daemon and an agent that are too far apart to understand each other."""

    reason = "VersionSkew"


def require_close(daemon: str, agent: str) -> None:
    """Raise VersionSkew when a daemon and an agent of these versions do not talk with each other."""
    apart = _apart(daemon, agent)
    if apart is not None and abs(apart) <= MINORS_MAX:
        return
    older, newer = ("the agent's", "the daemon's") if apart is None or apart < 0 else ("the daemon's", "the agent's")
    raise VersionSkew(
        f"the daemon is version {_plain(daemon)}, this agent {_plain(agent)}: they may be one minor version apart",
        hint=f"upgrade {older} host, step by step, to that of {newer}: git pull, make install-systemd, restart",
    )


def skew_words(daemon: str, agent: str) -> str:
    """Say how an agent's version differs from the daemon's, and whether it is refused; empty when it does not."""
    if not agent:
        return ""
    apart = _apart(daemon, agent)
    if apart is None:
        return "other major version, refused"
    if apart == 0:
        return ""
    words = f"{abs(apart)} minor version{'s' if abs(apart) > 1 else ''} {'ahead' if apart > 0 else 'behind'}"
    return words if abs(apart) <= MINORS_MAX else f"{words}, refused"


def _apart(daemon: str, agent: str) -> int | None:
    """Return how many minor versions an agent is ahead; None when they are not of one major version."""
    ours, theirs = _parts(daemon), _parts(agent)
    return theirs[1] - ours[1] if ours[0] == theirs[0] else None


def _parts(version: str) -> tuple[int, int]:
    found = _VERSION.match(version) or _VERSION.match(UNTOLD)
    assert found is not None
    return int(found[1]), int(found[2])


def _plain(version: str) -> str:
    return version.rpartition("+reconciler.")[2] or f"{UNTOLD} or older"
