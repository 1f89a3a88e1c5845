"""Folders of the machine that a lab makes where there are none, and that go with it. Effect: those folders."""

import contextlib
import subprocess
from collections.abc import Iterable
from pathlib import Path

# A Docker Engine's settings, of which each node gets its own, and where `ip netns` keeps its names.
ENGINE_SETTINGS = Path("/etc/docker")
PLACES = (ENGINE_SETTINGS, Path("/run/netns"))


def absent_places() -> tuple[str, ...]:
    """Return those that are not there."""
    return tuple(str(one) for one in PLACES if not one.exists())


def remove_places(made: Iterable[str]) -> None:
    """Remove those that were made, unless somebody else uses them by now."""
    for place in (Path(one) for one in made):
        if place.is_dir() and not any(place.iterdir()):
            if _is_mounted(place):
                subprocess.run(["umount", place], check=True, capture_output=True)
            with contextlib.suppress(OSError):
                place.rmdir()


def _is_mounted(place: Path) -> bool:
    """Whether something is mounted there, and be it the folder itself, which from its parent looks like nothing."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return any(line.split()[4] == str(place.resolve()) for line in lines)
