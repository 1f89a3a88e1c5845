"""Gives a module that is imported already the code of a fault, in place.

A function keeps its identity and gets another code. A private constant of the module is bound anew, with those that
follow from it; a public one is not, as others hold what it was.
"""

import ast
import functools
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from tests.mutation.mutants import Mutant


def give(module: ModuleType, mutant: Mutant) -> bool:
    """Give the function around the fault its code with the fault, or a constant its value; False when it is neither."""
    path = _function_around(Path(str(module.__file__)).read_text(), mutant)
    if not path:
        return _give_constant(module, mutant)
    function = _find(module, path)
    code = _code_of(compile(mutant.text, str(module.__file__), "exec"), path)
    if function is None or code is None or code.co_firstlineno != function.__code__.co_firstlineno:
        return False
    function.__code__ = code
    return True


def _function_around(text: str, mutant: Mutant) -> list[str]:
    """Return the names of the classes and of the outermost function whose body has the fault; empty without one."""
    body, path = ast.parse(text).body, list[str]()
    while True:
        around = [one for one in body if one.lineno <= mutant.line and mutant.last <= (one.end_lineno or one.lineno)]
        if not around or not isinstance(around[0], ast.ClassDef | ast.FunctionDef):
            return []
        path.append(around[0].name)
        if isinstance(around[0], ast.FunctionDef):
            return path if around[0].body[0].lineno <= mutant.line else []
        body = around[0].body


def _find(module: ModuleType, path: list[str]) -> FunctionType | None:
    found: Any = module
    for name in path:
        found = vars(found).get(name)
        if found is None:
            return None
    found = getattr(found, "__func__", found)
    if isinstance(found, property):
        found = found.fget
    if isinstance(found, functools.cached_property):
        found = found.func
    while hasattr(found, "__wrapped__"):
        found = found.__wrapped__
    return found if isinstance(found, FunctionType) and path else None


def _code_of(code: CodeType, path: list[str]) -> CodeType | None:
    for name in path:
        inner = [one for one in code.co_consts if isinstance(one, CodeType) and one.co_name == name]
        if len(inner) != 1:
            return None
        code = inner[0]
    return code


def _give_constant(module: ModuleType, mutant: Mutant) -> bool:
    body = ast.parse(mutant.text).body
    values = [one for one in body if isinstance(one, ast.Assign | ast.AnnAssign) and one.value is not None]
    hit = [one for one in values if one.lineno <= mutant.line and mutant.last <= (one.end_lineno or one.lineno)]
    if not hit:
        return False
    given = set[str]()
    for one in values:
        read = {name.id for name in ast.walk(one) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Load)}
        if one is not hit[0] and not read & given:
            continue
        bound = {name.id for name in ast.walk(one) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)}
        if not all(name.startswith("_") for name in bound):
            return False
        exec(compile(ast.Module([one], []), str(module.__file__), "exec"), vars(module))
        given |= bound
    return True
