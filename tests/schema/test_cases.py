"""Case folders: a file of manifests, and the problems it must lead to. Refreshed by RECONCILER_UPDATE_GOLDEN=1."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.model.kinds import KINDS
from reconciler.schema.reader import read_documents
from reconciler.schema.structure import faults
from reconciler.schema.validate import SourceFile, ValidationResult, validate

CASES = Path(__file__).parent / "cases"
SCHEMAS = Path(__file__).parents[2] / "reconciler" / "schema" / "files"


def case_names() -> list[str]:
    """Return the names of all case folders."""
    return sorted(folder.name for folder in CASES.iterdir() if folder.is_dir())


def case_files(name: str) -> list[SourceFile]:
    """Return the input files of a case."""
    folder = CASES / name
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "expected.txt"]
    return [SourceFile(path.relative_to(folder).as_posix(), path.read_bytes()) for path in paths]


def report(result: ValidationResult) -> str:
    """Return a result as text for people."""
    lines = [f"{len(result.objects)} objects" + ("" if result.is_valid else ", refused")]
    for problem in result.problems:
        place = f"{problem.file}:{problem.line}:{problem.column}"
        lines += ["", f"{place} {problem.severity} [{problem.code}]"]
        lines += [f"    {problem.object} {problem.pointer}"] if problem.object or problem.pointer else []
        lines += [f"    {problem.message}"] + ([f"    hint: {problem.hint}"] if problem.hint else [])
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", case_names())
def test_golden_case(name: str) -> None:
    """A case's problems are those that its folder says, in words, places and order (P23)."""
    expected = CASES / name / "expected.txt"
    text = report(validate(case_files(name)))
    if os.environ.get("RECONCILER_UPDATE_GOLDEN"):
        expected.write_text(text)
    assert text == expected.read_text()


@pytest.mark.parametrize("name", case_names())
def test_order_of_files_does_not_matter(name: str) -> None:
    """The same files in another order give the same result."""
    files = case_files(name)
    assert validate(reversed(files)) == validate(files)


def case_documents() -> list[tuple[str, dict[str, Any]]]:
    """Return every document of every case whose kind has a schema."""
    found = []
    for name in case_names():
        for file in case_files(name):
            for document in read_documents(file.path, file.content)[0]:
                kind = document.value.get("kind")
                if isinstance(kind, str) and kind in KINDS and KINDS[kind].declarable and KINDS[kind].served:
                    found.append((f"{name}/{file.path}:{document.line}", document.value))
    return found


@pytest.mark.parametrize(
    ("place", "document"), case_documents(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_the_schema_files_judge_alone(place: str, document: dict[str, Any]) -> None:
    """A stock validator with the checked-in file gives the structural verdict of our validation."""
    kind = document["kind"]
    stock = Draft202012Validator(json.loads((SCHEMAS / f"{kind}.json").read_text()))
    is_ours = document.get("apiVersion") == KINDS[kind].api_version and not faults(kind, document)
    assert stock.is_valid(document) == is_ours, place
