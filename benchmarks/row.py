"""One line of the benchmarks' table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured for one kind of work, in seconds, ours beside others in the same run.

    `ours_s` is None where our side was not measured, and `note` then says why. `others_s` names what it is
    compared with; `budget` is what we want to reach, as text.
    """

    work: str
    ours_s: float | None
    others_s: tuple[tuple[str, float], ...] = ()
    budget: str = ""
    note: str = ""
