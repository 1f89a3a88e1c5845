"""When schedules fall due: the hard cases, and a property against looking at every minute."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.schedule import Schedule, ScheduleError, parse_schedule, zone_named
from reconciler.planner.workloads.due import most_recent, next_run, scheduled_timestamp

CASES = (
    # Sunday is 0; names in any case; `?` is a star; ranges, lists and steps; `N/step` goes on to the end.
    ("0 0 * * 0", None, "2024-09-02T00:00:00Z", "2024-09-08T00:00:00Z"),
    ("0 0 ? * sun", None, "2024-09-02T00:00:00Z", "2024-09-08T00:00:00Z"),
    ("0 0 1 JAN,Mar ?", None, "2024-01-01T00:00:00Z", "2024-03-01T00:00:00Z"),
    ("5/15 * * * *", None, "2024-09-01T00:05:00Z", "2024-09-01T00:20:00Z"),
    ("30 6-16/4 * * 1-5", None, "2016-05-20T10:31:00Z", "2016-05-20T14:30:00Z"),
    ("0-59/20,7 * * * *", None, "2024-09-01T00:00:00Z", "2024-09-01T00:07:00Z"),
    # Both days restricted: either will do, and a star with a step restricts.
    ("0 0 13 * 5", None, "2024-09-01T00:00:00Z", "2024-09-06T00:00:00Z"),
    ("0 0 */2 * 1", None, "2024-09-02T00:00:00Z", "2024-09-03T00:00:00Z"),
    ("0 0 1-31 * 1", None, "2024-09-02T00:00:00Z", "2024-09-03T00:00:00Z"),
    ("0 0 */1 * 1", None, "2024-09-02T00:00:00Z", "2024-09-09T00:00:00Z"),
    ("0 0 15 * *", None, "2024-09-15T00:00:00Z", "2024-10-15T00:00:00Z"),
    # Words.
    ("@hourly", None, "2024-09-01T10:59:59Z", "2024-09-01T11:00:00Z"),
    ("@daily", None, "2024-09-01T00:00:00Z", "2024-09-02T00:00:00Z"),
    ("@midnight", "Asia/Tokyo", "2024-09-01T00:00:00Z", "2024-09-01T15:00:00Z"),
    ("@weekly", None, "2024-09-02T00:00:00Z", "2024-09-08T00:00:00Z"),
    ("@monthly", None, "2024-09-02T00:00:00Z", "2024-10-01T00:00:00Z"),
    ("@yearly", None, "2024-09-02T00:00:00Z", "2025-01-01T00:00:00Z"),
    ("@annually", None, "2024-09-02T00:00:00Z", "2025-01-01T00:00:00Z"),
    ("@every 1h30m", None, "2024-09-01T00:00:01.9Z", "2024-09-01T01:30:01Z"),
    ("@every 1.5s", "Asia/Tokyo", "2024-09-01T00:00:00Z", "2024-09-01T00:00:01Z"),
    ("@every 1ms", None, "2024-09-01T00:00:00Z", "2024-09-01T00:00:01Z"),
    # Leap days; days that no month has.
    ("0 0 29 2 *", None, "2024-03-01T00:00:00Z", "2028-02-29T00:00:00Z"),
    ("0 0 29 2 *", None, "2097-01-01T00:00:00Z", None),
    ("0 0 30 2 *", None, "2024-01-01T00:00:00Z", None),
    ("0 0 31 4 *", None, "2024-01-01T00:00:00Z", None),
    (", * * * *", None, "2024-01-01T00:00:00Z", None),
    # Spring: what is skipped does not run.
    ("30 2 11 Mar ?", "America/New_York", "2012-03-11T00:00:00-05:00", "2013-03-11T02:30:00-04:00"),
    ("0 * * * *", "America/New_York", "2012-03-11T01:00:00-05:00", "2012-03-11T03:00:00-04:00"),
    ("0 2 * * *", "America/New_York", "2012-03-11T00:00:00-05:00", "2012-03-12T02:00:00-04:00"),
    ("0 1 * * *", "America/New_York", "2012-03-11T01:00:00-05:00", "2012-03-12T01:00:00-04:00"),
    # Autumn: what comes twice runs twice.
    ("30 2 04 Nov ?", "America/New_York", "2012-11-04T00:00:00-04:00", "2012-11-04T02:30:00-05:00"),
    ("30 1 04 Nov ?", "America/New_York", "2012-11-04T01:45:00-04:00", "2012-11-04T01:30:00-05:00"),
    ("0 * * * *", "America/New_York", "2012-11-04T01:00:00-04:00", "2012-11-04T01:00:00-05:00"),
    ("0 1 * * *", "America/New_York", "2012-11-04T01:00:00-04:00", "2012-11-04T01:00:00-05:00"),
    ("0 1 * * *", "America/New_York", "2012-11-04T01:00:00-05:00", "2012-11-05T01:00:00-05:00"),
    ("0 3 3 * ?", "America/New_York", "2012-11-04T00:00:00-04:00", "2012-12-03T03:00:00-05:00"),
    # A midnight that does not exist, half hours, a day that an island skipped.
    ("0 9 10 * ?", "America/Sao_Paulo", "2018-10-17T05:00:00-04:00", "2018-11-10T06:00:00-05:00"),
    ("0 9 22 * ?", "America/Sao_Paulo", "2018-02-14T05:00:00-05:00", "2018-02-22T07:00:00-05:00"),
    ("0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00-03:00", "2018-11-05T00:00:00-02:00"),
    ("15 2 * * *", "Australia/Lord_Howe", "2024-10-05T12:00:00+10:30", "2024-10-07T02:15:00+11:00"),
    ("0 12 * * *", "Pacific/Apia", "2011-12-29T13:00:00-10:00", "2011-12-31T12:00:00+14:00"),
)


def unix(text: str) -> float:
    """Return Unix seconds."""
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(("text", "zone", "after", "wanted"), CASES)
def test_hard_cases_fall_due_as_in_kubernetes(text: str, zone: str | None, after: str, wanted: str | None) -> None:
    """Each row: a schedule, its time zone, a moment, and the next run."""
    found = next_run(parse_schedule(text), zone_named(zone) if zone else None, unix(after))
    assert found == (None if wanted is None else unix(wanted))


_FIELDS_REFUSED = ["60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *", "* * * * 7", "* * * * MON-SUN"]
_FORMS_REFUSED = ["", "* * * *", "* * * * * *", "*/0 * * * *", "*/-1 * * * *", "1-2-3 * * * *", "1/2/3 * * * *"]
_FORMS_REFUSED += ["a * * * *", "5-1 * * * *", "L * * * *", "0 0 L * *", "0 0 * * 5L", "0 0 * * 1#2", "JAN * * * *"]
_FORMS_REFUSED += ["* * * * ٣", "1_0 * * * *"]
_WORDS_REFUSED = ["@Hourly", "@never", "@every", "@every 5", "@every  5s", "@every 1d", "@every 999999999h", "@reboot"]
_WORDS_REFUSED += ["TZ=UTC 0 0 * * *", "CRON_TZ=UTC @daily", "TZ=0", "TZ="]


@pytest.mark.parametrize(
    "text",
    [*_FIELDS_REFUSED, *_FORMS_REFUSED, *_WORDS_REFUSED],
)
def test_what_kubernetes_refuses_is_refused(text: str) -> None:
    """Bounds, forms of other crons, and time zones inside the schedule."""
    with pytest.raises(ScheduleError):
        parse_schedule(text)


@pytest.mark.parametrize("name", ["", "Local", "LOCAL", "Europe/InvalidRome", "../etc/passwd", "America", "/etc/hosts"])
def test_a_time_zone_that_is_none_is_not_found(name: str) -> None:
    """Unknown names, and names that are files or folders of something else."""
    assert zone_named(name) is None


_PARTS = st.one_of(st.just("*"), st.builds("{}".format, st.integers(0, 6)), st.builds("*/{}".format, st.integers(1, 9)))
_ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca")


@settings(max_examples=150, deadline=None)
@given(
    minute=_PARTS,
    hour=_PARTS,
    days=st.tuples(st.sampled_from(["*", "1-31", "*/2", "3", "26-31"]), st.sampled_from(["*", "0", "1-5", "*/3"])),
    zone=st.sampled_from(_ZONES),
    start=st.sampled_from(["2018-02-17", "2018-11-03", "2024-03-09", "2024-03-30", "2024-04-06", "2024-10-26"]),
    offset=st.integers(0, 60 * 36),
)
def test_the_next_run_is_the_first_minute_that_matches(
    minute: str, hour: str, days: tuple[str, str], zone: str, start: str, offset: int
) -> None:
    """Around changes of the clock: no earlier minute matches on the wall, and the one found does."""
    text = f"{minute} {hour} {days[0]} * {days[1]}"
    schedule, place = parse_schedule(text), zone_named(zone)
    after = datetime.fromisoformat(f"{start}T00:00:00+00:00") + timedelta(minutes=offset)
    found = next_run(schedule, place, after.timestamp())
    wanted = None
    for step in range(1, 3 * 24 * 60):
        moment = after + timedelta(minutes=step)
        if _matches(schedule, moment.astimezone(place)):
            wanted = moment
            break
    if wanted is None:
        assert found is None or found >= (after + timedelta(days=3)).timestamp() - 60
    else:
        assert found is not None
        assert datetime.fromtimestamp(found, UTC) == wanted


def _matches(schedule: Schedule, wall: datetime) -> bool:
    minute, hour, day, month, weekday = schedule.expression.split()
    values = (minute, wall.minute), (hour, wall.hour), (month, wall.month)
    if not all(field == "*" or str(value) in field.split(",") for field, value in values):
        return False
    by_day = day == "*" or str(wall.day) in day.split(",")
    by_weekday = weekday == "*" or str(wall.isoweekday() % 7) in weekday.split(",")
    return by_day and by_weekday if "*" in (day, weekday) else by_day or by_weekday


def test_a_long_downtime_leaves_one_run_to_start() -> None:
    """The most recent one, and word that there were too many to count."""
    schedule = parse_schedule("0 * * * *")
    found = most_recent(
        lambda after: next_run(schedule, None, after), unix("2024-01-01T00:00:00Z"), unix("2024-01-08T00:30:00Z")
    )
    assert found.at == unix("2024-01-08T00:00:00Z")
    assert found.many


@pytest.mark.parametrize(("now", "expected"), [(119, 60), (120, None), (250, None)])
def test_of_runs_unevenly_apart_one_that_is_long_past_may_be_overlooked(now: float, expected: int | None) -> None:
    """As Kubernetes does: two runs a minute apart, and then none for days."""
    runs = (0, 60, 900_000)
    found = most_recent(lambda after: next((one for one in runs if one > after), None), -1, now)
    assert (found.at, found.many) == (expected, False)


@pytest.mark.parametrize(
    ("runs", "now", "expected", "many"),
    [
        ((), 10, None, False),
        ((20,), 19, None, False),
        ((20,), 20, 20, False),
        ((20, 30), 29, 20, False),
        ((20, 30), 30, 30, False),
        (range(0, 2000, 10), 991, 990, False),
        (range(0, 2000, 10), 999, 990, False),
        (range(0, 2000, 10), 1000, 1000, True),
    ],
)
def test_the_newest_run_that_is_due_is_meant(runs: Sequence[int], now: float, expected: int | None, many: bool) -> None:
    """At its very second it is due; a hundred of them are not too many."""
    found = most_recent(lambda after: next((one for one in runs if one > after), None), -1, now)
    assert (found.at, found.many) == (expected, many)


def test_the_scheduled_time_carries_the_offset_of_its_zone() -> None:
    """RFC 3339: Z for UTC, else the offset that was valid then."""
    at = int(unix("2024-07-01T10:00:00Z"))
    assert scheduled_timestamp(at, None) == "2024-07-01T10:00:00Z"
    assert scheduled_timestamp(at, zone_named("Europe/Berlin")) == "2024-07-01T12:00:00+02:00"
