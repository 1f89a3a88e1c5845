"""When a schedule falls due. Pure: every time comes in as an argument.

The library counts on a clock that never jumps. Here that clock is set to a time zone, piece by piece between the
changes of its offset, so that what matches is exactly every moment whose time on the wall matches: a time that is
skipped in spring does not run, one that comes twice in autumn runs twice. So does Kubernetes.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from reconciler.model.base import Value
from reconciler.model.schedule import Schedule

# Kubernetes looks no further ahead than five years.
_YEARS_MAX = 5
# Offsets are looked at this often; none has ever been changed and changed back within a week.
_LOOK_S = 7 * 86_400
_MANY = 100

Next = Callable[[float], int | None]


class Missed(Value):
    """The most recent run that is due and was not started: None when there is none; `many`: more than 100 are."""

    at: int | None = None
    many: bool = False


def next_run(schedule: Schedule, zone: ZoneInfo | None, after: float) -> int | None:
    """Return the first time in Unix seconds later than `after`; None when there is none within five years."""
    at = int(after // 1)
    if schedule.every_s is not None:
        return at + schedule.every_s
    limit = _wall(zone, at).year + _YEARS_MAX
    while schedule.expression:
        offset = _offset(zone, at + 1)
        found = _on_the_wall(schedule.expression, at + offset)
        if found is None or found.year > limit:
            return None
        candidate = int(found.timestamp()) - offset
        change = _first_change(zone, at + 1, candidate, offset)
        if change is None:
            return candidate
        at = change - 1
    return None


def most_recent(upcoming: Next, earliest: float, now: float) -> Missed:
    """Return the newest run after `earliest` that is due by now, as Kubernetes estimates it.

    Runs are taken to be as far apart as the first two, so that a long downtime costs no more than a short one. Where
    they are unevenly spaced, the estimate may overlook one that is long past.
    """
    first = upcoming(earliest)
    if first is None or now < first:
        return Missed()
    second = upcoming(first)
    if second is None or now < second:
        return Missed(at=first)
    apart = second - first
    count = int(now - first) // apart + 1
    found, at = None, upcoming(first + (count - 2) * apart)
    while at is not None and at <= now:
        found, at = at, upcoming(at)
    return Missed(at=found, many=count > _MANY)


def _on_the_wall(expression: str, seconds: int) -> datetime | None:
    """Return the next match after `seconds` of a clock in UTC."""
    try:
        return next(CronSim(expression, datetime.fromtimestamp(seconds, UTC)), None)
    except CronSimError:
        # The normal form is always readable: the library has seen that no month has that day.
        return None


def _wall(zone: ZoneInfo | None, at: int) -> datetime:
    return datetime.fromtimestamp(at, zone or UTC)


def _offset(zone: ZoneInfo | None, at: int) -> int:
    return int((_wall(zone, at).utcoffset() or timedelta()).total_seconds())


def _first_change(zone: ZoneInfo | None, start: int, end: int, offset: int) -> int | None:
    """Return the first second after `start` and until `end` with another offset than `offset`."""
    while zone is not None and start < end:
        ahead = min(start + _LOOK_S, end)
        if _offset(zone, ahead) != offset:
            return _between(zone, start, ahead, offset)
        start = ahead
    return None


def _between(zone: ZoneInfo, same: int, other: int, offset: int) -> int:
    while other - same > 1:
        middle = (same + other) // 2
        if _offset(zone, middle) == offset:
            same = middle
        else:
            other = middle
    return other


def scheduled_timestamp(at: int, zone: ZoneInfo | None) -> str:
    """Return the time of a run in RFC 3339, with the offset of its time zone."""
    return _wall(zone, at).isoformat().replace("+00:00", "Z")
