"""Periodic jobs that keep their pace when the host's clock is set. Effect: threads.

The library keeps by the clock when a job is due next: set back by an hour, none would run for an hour (P08).
"""

import time
from datetime import timedelta
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler

_STEP_S = 1.0


class Schedule(BackgroundScheduler):  # type: ignore[misc]  # the library tells no types
    """Runs jobs; what was missed is made up for once, however late."""

    def __init__(self) -> None:
        super().__init__(timezone="UTC", job_defaults={"coalesce": True, "misfire_grace_time": None})
        self._ahead_s = _ahead_s()

    def _process_jobs(self) -> Any:
        """Move what is planned along with the clock; the library sleeps by steady time, so this comes in time."""
        ahead_s = _ahead_s()
        by_s = ahead_s - self._ahead_s
        if abs(by_s) > _STEP_S:
            self._ahead_s = ahead_s
            for job in self.get_jobs():
                if job.next_run_time is not None:
                    job.modify(next_run_time=job.next_run_time + timedelta(seconds=by_s))
        return super()._process_jobs()


def _ahead_s() -> float:
    """How far the clock is ahead of the time that nobody sets."""
    return time.time() - time.monotonic()
