"""Periodic jobs go on at their pace when the clock is set."""

import threading
import time
from datetime import datetime, timedelta, tzinfo
from typing import Self

import pytest

from reconciler.service import Schedule, schedule


class Set(datetime):
    """The clock of a host that somebody sets."""

    by_s = 0.0

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        """Return its time."""
        return super().now(tz) + timedelta(seconds=cls.by_s)


class SetTime:
    """The same for who asks for seconds."""

    monotonic = staticmethod(time.monotonic)

    @staticmethod
    def time() -> float:
        """Return its time."""
        return time.time() + Set.by_s


@pytest.mark.parametrize("by_s", [-3600.0, 3600.0])
def test_jobs_run_on_when_the_clock_is_set(by_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """P08: sources are polled, leases renewed and nodes heard as before, neither an hour later nor all at once."""
    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Set)
    monkeypatch.setattr(schedule, "time", SetTime)
    monkeypatch.setattr(Set, "by_s", 0.0)
    ran = threading.Semaphore(0)
    rare: list[float] = []
    one = Schedule()
    one.add_job(ran.release, "interval", seconds=0.1)
    one.add_job(lambda: rare.append(1.0), "interval", seconds=1800)
    one.start()
    try:
        assert ran.acquire(timeout=10)
        Set.by_s = by_s
        assert all(ran.acquire(timeout=10) for _ in range(4))
        assert not rare
    finally:
        one.shutdown()
