"""A fault takes hold in a module that is imported already, or is not tried there."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutation.giving import give
from tests.mutation.mutants import mutants_of

TEXT = """
_STEP = 2
_FAR = _STEP * 10
MOST = 50


def far(times=3):
    return min(_FAR * times, MOST) + 1


class Way:
    long = 7

    @property
    def twice(self):
        return far() * 2
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Give a module of this text."""
    (tmp_path / "given_for_a_test.py").write_text(TEXT)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("given_for_a_test")
    del sys.modules["given_for_a_test"]


@pytest.mark.parametrize(
    ("was", "line", "far", "result", "twice"),
    [("1", 8, 20, 52, 104), ("2", 2, 30, 51, 102), ("10", 3, 22, 51, 102), ("2", 16, 20, 51, 153)],
)
def test_functions_and_private_constants_are_otherwise_at_once(
    module: ModuleType, was: str, line: int, far: int, result: int, twice: int
) -> None:
    """Also for who holds the function; and what follows from a constant follows."""
    held = module.far
    (mutant,) = (one for one in mutants_of(TEXT) if (one.was, one.line) == (was, line))
    assert give(module, mutant)
    assert (vars(module)["_FAR"], held(), module.Way().twice) == (far, result, twice)


@pytest.mark.parametrize(("was", "line"), [("50", 4), ("3", 7), ("7", 12)])
def test_what_others_may_hold_is_not_tried(module: ModuleType, was: str, line: int) -> None:
    """A public constant, a default, a part of a class."""
    (mutant,) = (one for one in mutants_of(TEXT) if (one.was, one.line) == (was, line))
    assert not give(module, mutant)
