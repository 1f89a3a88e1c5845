"""Which tests can notice a fault in a line: those that run it, the fastest first."""

import json
from collections.abc import Mapping
from pathlib import Path

from coverage import CoverageData


class Selection:
    """What a recorded run knows (see `recorder`)."""

    def __init__(self, coverage: Path, seconds: Path) -> None:
        self._data = CoverageData(str(coverage))
        self._data.read()
        self._seconds: Mapping[str, float] = json.loads(seconds.read_text())
        names = self._data.measured_files()
        self._lines = {name: self._data.contexts_by_lineno(name) for name in names}

    def tests_of(self, file: Path, first: int, last: int) -> tuple[list[str], float]:
        """Return the tests that run one of these lines, and how long they take together, in seconds.

        A line that runs when its module is imported belongs to all tests of the module.
        """
        lines = self._lines.get(str(file), {})
        hit = {test for line in range(first, last + 1) for test in lines.get(line, ())}
        if "" in hit:
            hit = {test for tests in lines.values() for test in tests}
        found = sorted(hit & self._seconds.keys(), key=lambda test: (self._seconds[test], test))
        return found, sum(self._seconds[test] for test in found)

    def seconds_of(self, test: str) -> float:
        """Return how long a test took."""
        return self._seconds[test]
