"""What `doctor` looks at: each check answers with findings, which say the fix for what is missing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.config import Settings


class Grade(StrEnum):
    """How a check ended: FAIL keeps Pods from running well, WARN may matter."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, and what to do about it."""

    name: str
    grade: Grade
    message: str
    fix: str = ""


Check = Callable[["Settings"], Sequence[Finding]]


def ok(name: str, message: str) -> Finding:
    """Return a finding that needs nothing."""
    return Finding(name, Grade.OK, message)


def warn(name: str, message: str, fix: str) -> Finding:
    """Return a finding that may matter."""
    return Finding(name, Grade.WARN, message, fix)


def fail(name: str, message: str, fix: str) -> Finding:
    """Return a finding that keeps Pods from running well."""
    return Finding(name, Grade.FAIL, message, fix)
