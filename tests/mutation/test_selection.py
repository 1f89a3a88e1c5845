"""Which recorded tests and stories are shown a fault."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from coverage import CoverageData

from tests.mutation.selection import Selection, story_name

FILE = Path("reconciler/planner/priority.py")


def recorded(
    folder: Path, lines: Mapping[str, Sequence[int]], seconds: Mapping[str, float], file: Path = FILE
) -> Selection:
    """Return what a recording says in which each name ran these lines."""
    data = CoverageData(str(folder / "coverage"))
    for name, ran in lines.items():
        data.set_context(name)
        data.add_lines({str(file): ran})
    data.write()
    (folder / "seconds.json").write_text(json.dumps(seconds))
    return Selection(folder / "coverage", folder / "seconds.json")


def test_the_fastest_tests_come_first_after_those_of_the_module(tmp_path: Path) -> None:
    """A test in a file named after the module comes before a faster one."""
    slow, own, fast = "tests/a.py::slow", "tests/test_priority.py::own", "tests/a.py::fast"
    selection = recorded(tmp_path, {slow: [7], own: [7], fast: [7]}, {slow: 3.0, own: 2.0, fast: 1.0})
    assert selection.tests_of(FILE, 7, 7) == ([own, fast, slow], 6.0)


def test_long_tests_do_not_keep_out_short_ones(tmp_path: Path) -> None:
    """Also those that are about the module are shown a fault only as far as there is time left."""
    long, short = "tests/test_priority.py::long", [f"tests/a.py::short{number}" for number in range(5)]
    seconds = {long: 6.0, **dict.fromkeys(short, 0.9)}
    selection = recorded(tmp_path, dict.fromkeys(seconds, (7,)), seconds)
    assert selection.tests_of(FILE, 7, 7)[0][0] == long
    assert selection.affordable(FILE, 7, 7) == (short, sum([0.9] * 5))


def test_tests_about_what_the_line_names_come_first(tmp_path: Path) -> None:
    """A pass that calls many steps is run by every test: those of the step tell whether it was left out."""
    file = Path("reconciler/planner/plan.py")
    number = next(n for n, line in enumerate(file.read_text().splitlines(), 1) if "sync_autoscalers(" in line)
    names = {"tests/planner/test_a.py::fast": 0.1, "tests/planner/test_autoscaler.py::own": 3.0}
    selection = recorded(tmp_path, dict.fromkeys(names, (number,)), names, file)
    assert selection.tests_of(file, number, number)[0][0] == "tests/planner/test_autoscaler.py::own"


def test_tests_that_differ_come_before_more_that_are_alike(tmp_path: Path) -> None:
    """Of those that run the same lines of the module one comes first, the others later."""
    lines = {"tests/a.py::one": [7], "tests/a.py::two": [7], "tests/a.py::far": [7, 8]}
    selection = recorded(tmp_path, lines, {"tests/a.py::one": 1.0, "tests/a.py::two": 2.0, "tests/a.py::far": 1.5})
    assert selection.tests_of(FILE, 7, 7)[0] == ["tests/a.py::one", "tests/a.py::far", "tests/a.py::two"]


def test_stories_are_told_that_run_the_line(tmp_path: Path) -> None:
    """They are no tests, and a line that none runs has none."""
    names = {story_name(3): [7, 8], story_name(1): [8], "tests/a.py::test": [9]}
    selection = recorded(tmp_path, names, dict.fromkeys(names, 0.5))
    assert selection.stories_of(FILE, 8, 8) == ([1, 3], 1.0)
    assert selection.stories_of(FILE, 9, 9) == ([], 0)
    assert selection.tests_of(FILE, 7, 8) == ([], 0)


def test_what_failed_without_a_fault_is_shown_none(tmp_path: Path) -> None:
    """It has no time among those that passed."""
    selection = recorded(tmp_path, {"tests/a.py::red": [7], "tests/a.py::green": [7]}, {"tests/a.py::green": 1.0})
    assert selection.tests_of(FILE, 7, 7)[0] == ["tests/a.py::green"]
