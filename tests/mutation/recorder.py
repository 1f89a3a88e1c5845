"""Records which lines each test and each story runs and how long it takes: a plugin, `-p tests.mutation.recorder`.

The environment names the files: `MUTATION_COVERAGE` for what coverage measured, `MUTATION_SECONDS` for the durations of
what passed; a test that fails without any fault cannot tell one. `MUTATION_STORIES` says how many stories of the
simulation are told after the tests.
"""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from coverage import Coverage

from tests.mutation.selection import story_name

_COVERAGE = Coverage(
    data_file=os.environ["MUTATION_COVERAGE"], source_pkgs=["reconciler.planner"], messages=False, config_file=False
)
_COVERAGE.set_option("run:relative_files", True)
_SECONDS: dict[str, float] = {}
_FAILED: set[str] = set()
_COVERAGE.start()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Count the lines that a test runs, with its fixtures, as its own."""
    _COVERAGE.switch_context(item.nodeid)
    began = time.perf_counter()
    result = yield
    _SECONDS[item.nodeid] = time.perf_counter() - began
    _COVERAGE.switch_context("")
    return result


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember what fails."""
    if report.failed:
        _FAILED.add(report.nodeid)


def pytest_sessionfinish() -> None:
    """Tell the stories, and write both files."""
    for seed in range(int(os.environ.get("MUTATION_STORIES", "0"))):
        _tell(seed)
    _COVERAGE.stop()
    _COVERAGE.save()
    passed = {name: seconds for name, seconds in _SECONDS.items() if name not in _FAILED}
    Path(os.environ["MUTATION_SECONDS"]).write_text(json.dumps(passed))


def _tell(seed: int) -> None:
    # Not before coverage has begun: what runs when a module is imported is told by that.
    from tests.simulation.cluster.story import StoryFailed
    from tests.simulation.cluster.tale import Tale

    name = story_name(seed)
    _COVERAGE.switch_context(name)
    began = time.perf_counter()
    try:
        Tale(seed).story().run()
    except StoryFailed:
        _FAILED.add(name)
    _SECONDS[name] = time.perf_counter() - began
    _COVERAGE.switch_context("")
