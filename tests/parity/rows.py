"""Rows of upstream behaviour, read from a folder beside the repository, and the tally of a comparison."""

import gzip
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def parity_file(name: str) -> Any:
    """Return the content of a JSON file of the folder; skips the test when it is absent."""
    file = _folder() / name
    if not file.exists():
        pytest.skip(f"no {file}: set PARITY_DIR")
    return json.loads(file.read_text())


def _folder() -> Path:
    return Path(os.environ.get("PARITY_DIR", ROOT.parent / "shared" / "parity"))


def parity_rows(package: str) -> list[dict[str, Any]]:
    """Return the rows of one package; skips the test when the folder is absent."""
    file = _folder() / f"{package}.jsonl.gz"
    if not file.exists():
        pytest.skip(f"no parity rows at {file}: set PARITY_DIR")
    with gzip.open(file, "rt") as lines:
        return [json.loads(line) for line in lines]


Judge = Callable[[dict[str, Any]], bool]


def compare(package: str, judges: dict[str, Judge], on_purpose: Callable[[dict[str, Any]], str] = lambda _: "") -> None:
    """Judge every row that has a judge for its table; fail on those that differ without a stated reason."""
    tally: Counter[str] = Counter()
    different = list(_differences(package, judges, tally, on_purpose))
    print(
        f"\n{package}: {tally['agree']} agree, {tally['purpose']} differ on purpose, "
        f"{len(different)} differ, {tally['not applicable']} not applicable"
    )
    assert not different, different[:10]


def _differences(
    package: str, judges: dict[str, Judge], tally: Counter[str], on_purpose: Callable[[dict[str, Any]], str]
) -> Iterator[dict[str, Any]]:
    for row in parity_rows(package):
        judge = judges.get(row["test"])
        if judge is None or "case" not in row:
            tally["not applicable"] += 1
        elif judge(row["case"]):
            tally["agree"] += 1
        elif on_purpose(row):
            tally["purpose"] += 1
        else:
            yield row
