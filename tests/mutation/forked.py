"""Tries faults in forks of one process that has collected all tests: a plugin of pytest, `-p tests.mutation.forked`.

In a fork the function with the fault gets its code in place, so that whoever holds the function has it, and a constant
of a module its value; then the tests that run the line, those about its module first, then the stories of the
simulation that run it, until one fails. What is neither (a default of an argument, a constant that others import)
cannot be tried like this, and what has run when its module was imported is not sure to survive; both are left to who
asked.

`MUTATION_JOB` names a file with `{"faults": [[FILE, NUMBER, DIGEST], ...], "until": TIME, "coverage": FILE, "seconds":
FILE}`, where the digest is of the module without any fault; `MUTATION_RESULT` one that gets a line of JSON for every
fault: `[FILE, NUMBER, ANSWER, DIGEST]`, where the answer is "survived", "noticed", "late" (it took far longer than its
tests do) or "left".
"""

import functools
import gc
import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import HealthCheck, Phase, settings

from tests.mutation.giving import give
from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.selection import Selection
from tests.simulation.cluster.tale import Tale

_ANSWERS = ("survived", "noticed", "left", "late")
_SURVIVED, _NOTICED, _LEFT, _LATE = range(4)
# It takes a fault so many seconds longer than its tests to be one that does not come to an end.
_SLACK_S = 30.0

# Whether an example fails is all that counts: it is not made smaller, and it may take long.
_ONCE = settings(
    phases=[Phase.explicit, Phase.generate], deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
settings.register_profile("mutation", _ONCE)
settings.load_profile("mutation")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Try every fault of the job instead of running the tests."""
    job = json.loads(Path(os.environ["MUTATION_JOB"]).read_text())
    selection = Selection(Path(job["coverage"]), Path(job["seconds"]))
    items = {item.nodeid: item for item in session.items}
    gc.freeze()
    with Path(os.environ["MUTATION_RESULT"]).open("a", buffering=1) as results:
        for name, number, digest in job["faults"]:
            if time.time() > job["until"]:
                break
            mutant = _mutants(Path(name))[number]
            place = (Path(name), mutant.line, mutant.last)
            tests, seconds = selection.affordable(*place)
            stories, telling_s = selection.stories_of(*place)
            some = [items[test] for test in tests if test in items]
            tales = [Tale(seed) for seed in stories]
            code = _in_fork(Path(name), mutant, some, tales, seconds + telling_s)
            if code == _SURVIVED and selection.runs_at_import(*place):
                code = _LEFT
            results.write(json.dumps([name, number, _ANSWERS[code], digest]) + "\n")
    return True


@functools.cache
def _mutants(file: Path) -> list[Mutant]:
    return mutants_of(file.read_text())


def _in_fork(file: Path, mutant: Mutant, items: list[pytest.Item], tales: list[Tale], seconds: float) -> int:
    sys.stdout.flush()
    process = os.fork()
    if not process:
        try:
            os._exit(_try(file, mutant, items, tales))
        finally:
            # Whatever came up instead of an answer was the fault's doing.
            os._exit(_NOTICED)
    limit = time.monotonic() + _SLACK_S + 4 * seconds
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return code if code in (_SURVIVED, _LEFT) else _NOTICED
        if time.monotonic() > limit:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            return _LATE
        time.sleep(0.005)


def _try(file: Path, mutant: Mutant, items: list[pytest.Item], tales: list[Tale]) -> int:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    module = importlib.import_module(".".join(file.with_suffix("").parts))
    if not give(module, mutant):
        return _LEFT
    _forget()
    for item in items:
        if any(report.failed for report in runtestprotocol(item, nextitem=None, log=False)):
            return _NOTICED
    for tale in tales:
        tale.story().run()
        gc.collect()
    return _SURVIVED


def _forget() -> None:
    """What was computed while modules were imported may be otherwise with the fault."""
    for module in [one for name, one in sys.modules.items() if name.startswith("reconciler")]:
        for value in vars(module).values():
            clear = getattr(value, "cache_clear", None)
            if callable(clear) and not isinstance(value, type):
                clear()
