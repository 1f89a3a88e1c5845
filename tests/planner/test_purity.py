"""The planner is a function of its arguments: no clock, dice, environment or set order."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PURE = ("model", "planner", "render", "schema")
BANNED_MODULES = frozenset({"os", "random", "secrets", "socket", "subprocess", "threading", "time"})
BANNED_CALLS = frozenset({"now", "today", "utcnow", "uuid1", "uuid4", "getrandbits", "urandom", "open", "input"})


def pure_files() -> list[Path]:
    """Every file of the pure packages."""
    return sorted(path for package in PURE for path in (ROOT / "reconciler" / package).rglob("*.py"))


@pytest.mark.parametrize("path", pure_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_pure_reads_a_clock_dice_or_the_environment(path: Path) -> None:
    """Neither the modules nor the calls by which the same input could give another plan."""
    tree = ast.parse(path.read_text())
    imported = {
        name.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    imported |= {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not imported & BANNED_MODULES
    calls = {_called(node) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not calls & BANNED_CALLS


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        # `look.now` is a value; only calls on modules and classes count as reading a clock.
        return call.func.attr if isinstance(call.func.value, ast.Name) else ""
    return call.func.id if isinstance(call.func, ast.Name) else ""


PLAN = """
from pathlib import Path
from reconciler.controller.offline import plan_offline
from reconciler.git.worktree import read_directory
from reconciler.model.ports import ManifestFile
files = tuple(
    ManifestFile(path=one.path, blob_id=one.blob_id, content=one.content)
    for one in read_directory(Path("examples/repo")).files
)
print(plan_offline(files).plan)
"""


def test_the_hash_seed_does_not_matter() -> None:
    """The same plan, to the letter, whatever order sets happen to have."""
    answers = {
        subprocess.run(
            [sys.executable, "-c", PLAN],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("0", "1", "4711")
    }
    assert len(answers) == 1
    assert len(answers.pop()) > 1000
