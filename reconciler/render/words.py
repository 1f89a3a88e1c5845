"""The words and symbols that every view shares. Pure."""

from collections.abc import Mapping

from reconciler.model.plan import Decision, Reason
from reconciler.model.status import NETWORK_UNAVAILABLE, NODE_DEGRADED

SYMBOLS: Mapping[str, str] = {
    Decision.CREATE: "+",
    Decision.UPDATE: "~",
    Decision.REPLACE: "±",
    Decision.DELETE: "-",
    Decision.BLOCKED: "!",
    Decision.UNCHANGED: "·",
}

_PHRASES: Mapping[str, str] = {
    Reason.DECLARED: "",
    Reason.SPEC_CHANGED: "",
    Reason.NO_LONGER_DECLARED: "no longer in the repository",
    Reason.OWNER_DELETED: "its owner goes",
    Reason.NAMESPACE_DELETED: "its namespace goes",
    Reason.DELETION_HELD: "deletion held until acknowledged",
    Reason.SOURCE_NOT_LOADED: "source was not read yet",
    Reason.DECLARED_ELSEWHERE: "declared by another source too",
    Reason.CONFLICT: "exists and is not ours",
    Reason.IMMUTABLE_FIELD: "a field changed that cannot change",
    Reason.MISSING_REFERENCE: "refers to something that does not exist",
    Reason.NODE_SILENT: "node is silent: unknown is not absent",
    Reason.NOT_PRUNED: "no longer in the repository, pruning is off",
    Reason.STATUS: "status only",
}

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def reason_phrase(reason: str) -> str:
    """Return a reason as people read it; an empty phrase goes without saying."""
    return _PHRASES.get(reason, reason.replace("-", " "))


def why(reason: str, message: str) -> str:
    """Return the message, which completes the reason, or the reason's own phrase."""
    return message or reason_phrase(reason)


def duration(seconds: float) -> str:
    """Return a length of time in its two largest useful units: `40 s`, `5 min`, `3 h 10 min`, `2 d 4 h`."""
    whole = max(0, round(seconds))
    for position, (size, unit) in enumerate(_UNITS):
        if whole >= size:
            text = f"{whole // size} {unit}"
            if unit == "min":
                return text
            smaller, name = _UNITS[position + 1]
            rest = whole % size // smaller
            return f"{text} {rest} {name}" if rest else text
    return f"{whole} s"


def age(at: float | None, now: float) -> str:
    """Return how long ago `at` was, or `never`."""
    return "never" if at is None else f"{duration(now - at)} ago"


def short_age(seconds: float) -> str:
    """Return an age as Kubernetes' tables show it: `40s`, `5m`, `3h`, `2d`."""
    whole = max(0, int(seconds))
    for least, size, unit in ((172_800, 86_400, "d"), (10_800, 3_600, "h"), (120, 60, "m")):
        if whole >= least:
            return f"{whole // size}{unit}"
    return f"{whole}s"


def count(number: int, singular: str, plural: str = "") -> str:
    """Return `1 object`, `2 objects`."""
    return f"{number} {singular if number == 1 else plural or singular + 's'}"


def trouble_word(condition: str) -> str:
    """Say in a word what a condition of a node that is ready all the same means."""
    return {NETWORK_UNAVAILABLE: "no network", NODE_DEGRADED: "degraded"}.get(condition, condition)


def short_commit(commit: str) -> str:
    """Return the first seven letters of a commit."""
    return commit[:7]


def hold_line(id: str, source: str, objects: int, message: str) -> str:
    """Return what a set of held deletions is: its id, whose they are, and why they wait."""
    return f"held {id[:12]}, source {source}: {message or count(objects, 'deletion')}"
