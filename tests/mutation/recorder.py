"""Records which lines each test runs and how long it takes: a plugin of pytest, `-p tests.mutation.recorder`.

The environment names the files: `MUTATION_COVERAGE` for what coverage measured, `MUTATION_SECONDS` for the durations.
"""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from coverage import Coverage

_COVERAGE = Coverage(
    data_file=os.environ["MUTATION_COVERAGE"], source_pkgs=["reconciler.planner"], messages=False, config_file=False
)
_COVERAGE.set_option("run:relative_files", True)
_SECONDS: dict[str, float] = {}
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


def pytest_sessionfinish() -> None:
    """Write both files."""
    _COVERAGE.stop()
    _COVERAGE.save()
    Path(os.environ["MUTATION_SECONDS"]).write_text(json.dumps(_SECONDS))
