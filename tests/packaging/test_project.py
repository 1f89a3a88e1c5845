"""What the documents, the build files and the program say about each other is true."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "docs/ARCHITECTURE.md", "docs/OPERATIONS.md", "docs/SECURITY.md"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_make_target_in_a_document_exists(name: str) -> None:
    """A command that a document tells people to type is one that they can type."""
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = (ROOT / name).read_text()
    named = set(re.findall(r"^make ([a-z-]+)", text, re.MULTILINE)) | set(re.findall(r"`make ([a-z-]+)`", text))
    assert named <= targets


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_in_a_document_exists(name: str) -> None:
    """Links and names of files lead somewhere."""
    text = (ROOT / name).read_text()
    linked = {((ROOT / name).parent / link).resolve() for link in re.findall(r"\]\(([^)#:]+)\)", text)}
    code = re.findall(r"`((?:scripts|systemd|docs|examples|tests|reconciler|benchmarks)/[\w./-]+)`", text)
    named = {ROOT / path for path in code}
    missing = sorted(str(path.relative_to(ROOT)) for path in linked | named if not path.exists())
    assert missing == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-run.lock"])
def test_a_lock_names_versions_and_no_place(name: str) -> None:
    """The locked requirements can be installed from any index, and each is pinned with its digests."""
    text = (ROOT / name).read_text()
    assert "://" not in text
    entries = re.findall(r"^([a-z0-9][\w.-]*)==\S+(.*?)(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    assert entries
    assert [entry for entry, rest in entries if "--hash=sha256:" not in rest] == []


def test_every_dependency_is_locked() -> None:
    """Nothing that the package needs is left to the day it is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {canonical(re.split(r"[\[<>=~!; ]", each)[0]) for each in project["dependencies"]}
    for lock in ("requirements.lock", "requirements-run.lock"):
        locked = {canonical(each) for each in re.findall(r"^([\w.-]+)==", (ROOT / lock).read_text(), re.MULTILINE)}
        assert wanted <= locked


def canonical(name: str) -> str:
    """A distribution's name as an index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_scripts_can_be_run() -> None:
    """Every script says who runs it and may be run; data beside them may not."""
    for path in sorted((ROOT / "scripts").iterdir()):
        if path.is_file():
            is_script = path.read_bytes().startswith(b"#!")
            assert is_script == bool(path.stat().st_mode & 0o100), path.name
