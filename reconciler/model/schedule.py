"""Schedules of CronJobs, as Kubernetes reads them: five fields, names, steps, and the words that begin with @.

Pure: text in, a normal form out that means one thing only, so that any cron library counts it alike. When a schedule
falls due is `planner/workloads/due.py`.
"""

import re
from collections.abc import Mapping
from fractions import Fraction
from zoneinfo import ZoneInfo

from reconciler.model.base import Value
from reconciler.model.integers import whole_number

# Go's durations are 64-bit numbers of nanoseconds.
_DURATION_MAX_NS = 2**63
_NANOSECONDS: Mapping[str, int] = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_PART = re.compile(r"([0-9]{1,100}\.?[0-9]{0,100}|\.[0-9]{1,100})(ns|us|µs|μs|ms|s|m|h)")
_DURATION = re.compile(rf"[-+]?(0|({_PART.pattern})+)")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_DESCRIPTORS: Mapping[str, str] = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


# The days of each month, in leap years.
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class ScheduleError(ValueError):
    """A schedule that Kubernetes would refuse; the message says what is wrong with it."""


class Schedule(Value):
    """When something runs: every so many seconds, or whenever a clock on the wall matches `expression`.

    `expression` has five fields, each `*` or a list of numbers; it is empty when nothing ever matches. Day of month
    and day of week choose a day together where one of them is `*`, else each by itself.
    """

    every_s: int | None = None
    expression: str = ""

    @property
    def can_fall_due(self) -> bool:
        """Whether there is a day on which it does; the 30th of February is none."""
        if not self.expression:
            return self.every_s is not None
        _, _, day, month, weekday = self.expression.split()
        months = range(1, 13) if month == "*" else [int(one) for one in month.split(",")]
        if day != "*" and weekday == "*":
            return min(int(one) for one in day.split(",")) <= max(_LONGEST[one - 1] for one in months)
        return True


class _Field(Value):
    name: str
    least: int
    most: int
    names: Mapping[str, int] = {}


_FIELDS = (
    _Field(name="minute", least=0, most=59),
    _Field(name="hour", least=0, most=23),
    _Field(name="day of month", least=1, most=31),
    _Field(name="month", least=1, most=12, names={name: n + 1 for n, name in enumerate(_MONTHS)}),
    _Field(name="day of week", least=0, most=6, names={name: n for n, name in enumerate(_DAYS)}),
)


def parse_schedule(text: str) -> Schedule:
    """Return the normal form of a schedule. Raises ScheduleError."""
    if "TZ" in text:
        raise ScheduleError("a time zone has no place in the schedule")
    if text.startswith("@"):
        return _described(text)
    words = text.split()
    if len(words) != len(_FIELDS):
        raise ScheduleError(f"expected 5 fields, found {len(words)}")
    fields = [_normal(field, word) for field, word in zip(_FIELDS, words, strict=True)]
    return Schedule(expression=" ".join(fields) if all(fields) else "")


def zone_named(name: str) -> ZoneInfo | None:
    """Return the time zone of that IANA name, or None when there is none."""
    if not name or name.lower() == "local":
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # Unknown; not a name at all (`../x`); the name of a region, which is a directory.
        return None


def _described(text: str) -> Schedule:
    word, _, duration = text.partition(" ")
    if word == "@every" and duration:
        return Schedule(every_s=max(_seconds(duration), 1))
    if text not in _DESCRIPTORS:
        raise ScheduleError(f"unknown word {text}")
    return Schedule(expression=_DESCRIPTORS[text])


def _seconds(text: str) -> int:
    """Return a duration such as 1h30m in whole seconds; fractions are cut off, and nothing is below one second."""
    if not _DURATION.fullmatch(text):
        raise ScheduleError(f"{text} is not a duration such as 1h30m")
    total = sum((Fraction(number) * _NANOSECONDS[unit] for number, unit in _PART.findall(text)), Fraction())
    if total >= _DURATION_MAX_NS:
        raise ScheduleError(f"{text} is too long a duration")
    return 0 if text.startswith("-") else int(total // 10**9)


def _normal(field: _Field, text: str) -> str:
    """Return `*`, or the numbers that a field names; empty when it names none."""
    found: set[int] = set()
    is_any = False
    for part in filter(None, text.split(",")):
        numbers, whole = _range(field, part)
        found.update(numbers)
        is_any = is_any or whole
    return "*" if is_any else ",".join(str(number) for number in sorted(found))


def _range(field: _Field, text: str) -> tuple[range, bool]:
    """Return the numbers of one part, and whether it is a star (with a step it is not: it restricts)."""
    bounds, *steps = text.split("/")
    low, *highs = bounds.split("-")
    if len(steps) > 1 or len(highs) > 1:
        raise ScheduleError(f"{field.name}: too many {'slashes' if len(steps) > 1 else 'hyphens'} in {text}")
    step = _number(field, steps[0]) if steps else 1
    is_any = low in ("*", "?")
    first = field.least if is_any else _value(field, low)
    last = field.most if is_any else _value(field, highs[0]) if highs else first
    if steps and not highs:
        last = field.most
    if step < 1:
        raise ScheduleError(f"{field.name}: the step of {text} must be a positive number")
    if first < field.least or last > field.most:
        raise ScheduleError(f"{field.name}: {text} is not within {field.least} and {field.most}")
    if first > last:
        raise ScheduleError(f"{field.name}: {text} ends before it begins")
    return range(first, last + 1, step), is_any and step == 1


def _value(field: _Field, text: str) -> int:
    return field.names[text.lower()] if text.lower() in field.names else _number(field, text)


def _number(field: _Field, text: str) -> int:
    number = whole_number(text)
    if number is None:
        raise ScheduleError(f"{field.name}: {text or 'nothing'} is not a number")
    return number
