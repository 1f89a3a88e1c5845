"""Faults that change nothing anybody could see, each with the reason: the lines of `equivalent.txt`.

A line is `FILE | WHAT STOOD THERE | WHAT STANDS THERE NOW | WHY`, so that it holds while lines move.
"""

from collections.abc import Mapping
from pathlib import Path

from tests.mutation.mutants import Mutant

_FILE = Path(__file__).with_name("equivalent.txt")
Key = tuple[str, str, str]


def explanations() -> dict[Key, str]:
    """Return why each listed fault changes nothing."""
    lines = [line for line in _FILE.read_text().splitlines() if line.strip() and not line.startswith("#")]
    parts = [[part.strip() for part in line.split(" | ")] for line in lines]
    return {(file, was, now): why for file, was, now, why in parts}


def explanation(known: Mapping[Key, str], file: Path, mutant: Mutant) -> str:
    """Return why a fault changes nothing; empty when it is not listed."""
    return known.get((str(file), " ".join(mutant.was.split()), mutant.now), "")
