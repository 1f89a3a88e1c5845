"""Rows of upstream behaviour, read from a folder beside the repository, and the account of what became of each.

A row is judged by an adapter of its table. It agrees, differs on purpose for a reason of `differences.PURPOSES`, is not
applicable (see `differences`), or differs; a row that nobody judges differs.
"""

import gzip
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.parity.differences import PURPOSES, is_without_input, refused_kind

ROOT = Path(__file__).resolve().parents[2]
_ENDINGS = (".jsonl.gz", ".jsonl")
_CODE = '"<func>"'

Judge = Callable[[Any], bool]
# What the adapters of this process said about rows: package and number of the row -> outcome.
ACCOUNT: dict[tuple[str, int], str] = {}


class NotTranslated(Exception):
    """An adapter cannot spell this row for us: it counts as differing, and fails no test."""


def parity_file(name: str) -> Any:
    """Return the content of a JSON file of the folder; skips the test when it is absent."""
    file = folder() / name
    if not file.exists():
        pytest.skip(f"no {file}: set PARITY_DIR")
    return json.loads(file.read_text())


def folder() -> Path:
    """Return the folder of the rows."""
    return Path(os.environ.get("PARITY_DIR", ROOT.parent / "shared" / "parity"))


def packages() -> list[str]:
    """Return every package that has rows."""
    files = folder().iterdir() if folder().is_dir() else ()
    return sorted({file.name.removesuffix(end) for file in files for end in _ENDINGS if file.name.endswith(end)})


def parity_rows(package: str) -> list[dict[str, Any]]:
    """Return the rows of one package; skips the test when they are absent."""
    for file in (folder() / f"{package}{ending}" for ending in _ENDINGS):
        if file.exists():
            with gzip.open(file, "rt") if file.suffix == ".gz" else file.open() as lines:
                return [json.loads(line) for line in lines if line.strip()]
    pytest.skip(f"no parity rows of {package} in {folder()}: set PARITY_DIR")


def note(package: str, number: int, *, agrees: bool, reason: str = "") -> None:
    """Put down what was found about a row; a reason counts where it is one of the listed ones."""
    outcome = "agree" if agrees else "purpose" if reason in PURPOSES else "differ"
    ACCOUNT[package, number] = outcome


def compare(package: str, judges: dict[str, Judge], on_purpose: Callable[[dict[str, Any]], str] = lambda _: "") -> None:
    """Judge every row that has a judge for its table; fail on those that differ without a stated reason."""
    rows = [(number, row) for number, row in enumerate(parity_rows(package)) if row["test"] in judges and "case" in row]
    different = list(_differences(package, rows, judges, on_purpose))
    outcomes = [ACCOUNT[package, number] for number, _ in rows]
    counts = ", ".join(f"{outcomes.count(one)} {one}" for one in ("agree", "purpose", "differ"))
    print(f"\n{package}: {len(rows)} rows read, {counts}")
    assert not different, different[:10]


def _differences(
    package: str,
    rows: list[tuple[int, dict[str, Any]]],
    judges: dict[str, Judge],
    on_purpose: Callable[[dict[str, Any]], str],
) -> Iterator[dict[str, Any]]:
    for number, row in rows:
        note(package, number, agrees=False)
        try:
            agrees = judges[row["test"]](row["case"])
            reason = "" if agrees else on_purpose(row)
        except NotTranslated:
            continue
        except Exception as error:  # noqa: BLE001 - the rows after it are judged, and the test fails with what it was
            yield {**row, "error": repr(error)}
            continue
        note(package, number, agrees=agrees, reason=reason)
        if not agrees and not reason:
            yield row


def outcome_of(package: str, number: int, row: dict[str, Any]) -> str:
    """Return what a row counts as in the account: agree, purpose, inapplicable or differ."""
    found = ACCOUNT.get((package, number), "differ")
    if found == "differ" and (
        refused_kind(package, row["test"], row.get("case"))
        or is_without_input(package, row)
        or _CODE in json.dumps(row.get("case"))
    ):
        return "inapplicable"
    return found
