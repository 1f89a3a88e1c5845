"""Which tests can notice a fault in a line: those that run it.

First those about its module, and about what the line names of other modules. Then some of each file and some that run
other lines of the module, the fastest first: a fault is found by tests that differ, not by many that are alike.

Stories of the simulation are recorded beside the tests, by names that no test has.
"""

import ast
import functools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from coverage import CoverageData

# No fault is shown to tests that take longer than this together, in seconds.
_MOST_S = 10.0
_STORY = "story "


def story_name(seed: int) -> str:
    """Return what the story of a seed is recorded as."""
    return f"{_STORY}{seed}"


def seed_of(name: str) -> int | None:
    """Return the seed of what is recorded as a story, and nothing for a test."""
    return int(name.removeprefix(_STORY)) if name.startswith(_STORY) else None


def named_modules(file: Path, first: int, last: int) -> tuple[Path, ...]:
    """Return the modules from which a file has what is named in some of its lines."""
    modules, names = _names_of(file)
    found = {modules[name] for line, name in names if first <= line <= last and name in modules}
    return tuple(Path(*module.split(".")).with_suffix(".py") for module in sorted(found))


@functools.cache
def _names_of(file: Path) -> tuple[Mapping[str, str], Sequence[tuple[int, str]]]:
    """Return the module of each name that a file imports, and in which lines names stand."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    imports = [one for one in nodes if isinstance(one, ast.ImportFrom) and one.module]
    modules = {alias.asname or alias.name: str(one.module) for one in imports for alias in one.names}
    return modules, [(one.lineno, one.id) for one in nodes if isinstance(one, ast.Name)]


class Selection:
    """What a recorded run knows (see `recorder`)."""

    def __init__(self, coverage: Path, seconds: Path) -> None:
        self._data = CoverageData(str(coverage))
        self._data.read()
        self._seconds: Mapping[str, float] = json.loads(seconds.read_text())
        self._about: dict[tuple[str, Path], bool] = {}
        self._lines_of: dict[Path, Mapping[str, frozenset[int]]] = {}
        names = self._data.measured_files()
        self._lines = {name: self._data.contexts_by_lineno(name) for name in names}

    def tests_of(self, file: Path, first: int, last: int) -> tuple[list[str], float]:
        """Return the tests that run one of these lines, and how long they take together, in seconds.

        A line that runs only when its module is imported belongs to all tests of the module.
        """
        hit = [name for name in self._hit(file, first, last) if seed_of(name) is None]
        modules = (file, *named_modules(file, first, last))
        ways, alike = self._ways(file), Counter[object]()
        order = dict[str, tuple[bool, int, float, str]]()
        for test in sorted(hit, key=lambda test: (self._seconds[test], test)):
            about = any(self._is_about(test, module) for module in modules)
            kinds = (ways[test], test.partition("::")[0])
            alike.update(kinds)
            order[test] = (not about, sum(alike[kind] for kind in kinds), self._seconds[test], test)
        found = sorted(order, key=order.__getitem__)
        return found, sum(self._seconds[test] for test in found)

    def stories_of(self, file: Path, first: int, last: int) -> tuple[list[int], float]:
        """Return the seeds of the stories that run one of these lines, and how long they take together, in seconds."""
        hit = [name for name in self._hit(file, first, last) if seed_of(name) is not None]
        seeds = sorted(seed for seed in map(seed_of, hit) if seed is not None)
        return seeds, sum(self._seconds[name] for name in hit)

    def _ways(self, file: Path) -> Mapping[str, frozenset[int]]:
        """Return which lines of a module each test runs."""
        if file not in self._lines_of:
            found = dict[str, set[int]]()
            for line, names in self._lines.get(str(file), {}).items():
                for name in names:
                    found.setdefault(name, set()).add(line)
            self._lines_of[file] = {name: frozenset(lines) for name, lines in found.items()}
        return self._lines_of[file]

    def _hit(self, file: Path, first: int, last: int) -> set[str]:
        lines = self._lines.get(str(file), {})
        hit = {name for line in range(first, last + 1) for name in lines.get(line, ())}
        if hit == {""}:
            hit = {name for names in lines.values() for name in names}
        return hit & self._seconds.keys()

    def runs_at_import(self, file: Path, first: int, last: int) -> bool:
        """Whether one of these lines runs when its module is imported."""
        lines = self._lines.get(str(file), {})
        return any("" in lines.get(line, ()) for line in range(first, last + 1))

    def _is_about(self, test: str, module: Path) -> bool:
        """Whether the file of a test is named after a module, or imports it."""
        key = (test.partition("::")[0], module)
        if key not in self._about:
            path = Path(key[0])
            name = ".".join(module.with_suffix("").parts)
            is_named = path.stem == f"test_{module.stem}"
            self._about[key] = is_named or (path.exists() and f"from {name} import " in path.read_text())
        return self._about[key]

    def affordable(self, file: Path, first: int, last: int) -> tuple[list[str], float]:
        """Return those of these tests that one fault is worth, and how long they take together.

        One that takes long does not keep out many that do not.
        """
        found, total = list[str](), 0.0
        for test in sorted(self.tests_of(file, first, last)[0], key=lambda test: self._seconds[test] > _MOST_S / 10):
            if total + self._seconds[test] <= _MOST_S:
                total += self._seconds[test]
                found.append(test)
        return found, total
