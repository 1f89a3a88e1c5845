"""Deciding, validating and rendering depend on their arguments only; imports are checked by import-linter."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "reconciler"
PURE = ("model", "planner", "render", "schema")
BANNED_MODULES = {"random", "secrets", "time", "socket", "subprocess", "threading"}
BANNED_CALLS = {"now", "utcnow", "today", "uuid1", "uuid4", "getenv", "urandom", "monotonic", "perf_counter"}
BANNED_BUILTINS = {"hash", "id", "input", "open", "print"}
# Generating the schemas and the reference is a contributor's command, not part of the program's decisions.
COMMANDS = {"schema/generate.py"}

FILES = sorted(
    str(path.relative_to(PACKAGE))
    for part in PURE
    for path in (PACKAGE / part).rglob("*.py")
    if str(path.relative_to(PACKAGE)) not in COMMANDS
)


@pytest.mark.parametrize("name", FILES)
def test_a_pure_module_uses_no_clock_dice_environment_or_files(name: str) -> None:
    """P09, P26: the same input gives the same answer, today, tomorrow and on another machine."""
    tree = ast.parse((PACKAGE / name).read_text())
    found = [f"{name}:{node.lineno}: {what}" for node in ast.walk(tree) if (what := impurity(node))]
    assert found == []


def impurity(node: ast.AST) -> str | None:
    """What a node uses that is not one of its function's arguments, if anything."""
    match node:
        case ast.Import(names=names):
            return next((each.name for each in names if each.name.split(".")[0] in BANNED_MODULES), None)
        case ast.ImportFrom(module=str(module), level=0):
            return module if module.split(".")[0] in BANNED_MODULES else None
        case ast.Call(func=ast.Name(id=name)) if name in BANNED_BUILTINS:
            return f"{name}()"
        case ast.Call(func=ast.Attribute(attr=attribute)) if attribute in BANNED_CALLS:
            return f".{attribute}()"
        case ast.Attribute(value=ast.Name(id="os"), attr="environ"):
            return "os.environ"
    return None


@pytest.mark.parametrize(
    "line", ["import random", "from time import sleep", "x = datetime.now()", "hash(x)", "os.environ['A']"]
)
def test_the_check_is_able_to_fail(line: str) -> None:
    """Each kind of impurity is recognised."""
    assert any(impurity(node) for node in ast.walk(ast.parse(line)))
