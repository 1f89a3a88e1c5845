"""Faults are put in one at a time, where something runs, and what they make is a program."""

import ast
from pathlib import Path

import pytest

from tests.mutation.equivalent import explanations
from tests.mutation.mutants import mutants_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("a < b", ["(a <= b)"]),
        ("x = a and not b", ["(a or not b)", "(b)"]),
        ("return_ = n + 1", ["(n - 1)", "2"]),
        ("f(x=True)", ["pass", "False"]),
        ("y = min(a, b)", ["max(a, b)"]),
        ("z = a if c else b", ["(b if c else a)"]),
        ("def f(a: int | None) -> int | None:\n    '''Say 1.'''\n    assert a == 1", []),
        ("from a import b", []),
    ],
)
def test_every_place_that_runs_has_its_faults(text: str, faults: list[str]) -> None:
    """Comparisons, connections, numbers, calls; no annotation, docstring or assertion."""
    assert sorted(one.now for one in mutants_of(text)) == sorted(faults)


def test_a_mutant_differs_in_one_place_and_can_be_read() -> None:
    """Lines stay where they are, also beside letters of several bytes."""
    text = "ä = 1\nif (a == 2 and\n        b):\n    c = 'ü' if a > 3 else 4\n"
    for one in mutants_of(text):
        ast.parse(one.text)
        assert one.text != text
        assert one.was in text


def test_every_explained_fault_can_still_be_made() -> None:
    """What is listed as changing nothing is a fault of a line that is there."""
    possible = {
        (file, " ".join(one.was.split()), one.now)
        for file in {file for file, _, _ in explanations()}
        for one in mutants_of((ROOT / file).read_text())
    }
    assert explanations().keys() <= possible
    assert all(len(why) > 10 for why in explanations().values())
