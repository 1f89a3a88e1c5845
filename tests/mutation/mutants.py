"""The mutants of a module: its text with one small fault each. Pure."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """One fault: the lines it is in, what stood there, what stands there now, and the whole text with it."""

    line: int
    last: int
    was: str
    now: str
    text: str


def mutants_of(text: str) -> list[Mutant]:
    """Return every mutant of a module, in the order of its lines."""
    tree = ast.parse(text)
    found = [
        Mutant(
            node.lineno,
            node.end_lineno or node.lineno,
            ast.get_source_segment(text, node) or "",
            now,
            _replaced(text, node, now),
        )
        for node in _places(tree)
        for now in _faults(node)
    ]
    return sorted(found, key=lambda one: (one.line, one.was, one.now))


def _places(node: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """Go through what runs: no annotation, no docstring, no assertion, no decorator, no import."""
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.Assert)):
        return
    if isinstance(node, (ast.expr, ast.stmt)):
        yield node
    skipped = {"annotation", "returns", "decorator_list", "bases", "type_comment", "type_params"}
    for name, value in ast.iter_fields(node):
        if name in skipped:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _places(child)


def _faults(node: ast.expr | ast.stmt) -> Iterator[str]:
    match node:
        case ast.Compare(ops=[op]) if type(op) in _COMPARE:
            yield f"({ast.unparse(ast.Compare(node.left, [_COMPARE[type(op)]()], node.comparators))})"
        case ast.BoolOp(op=op):
            other = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield f"({ast.unparse(ast.BoolOp(other, node.values))})"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield f"({ast.unparse(operand)})"
        case ast.BinOp(op=op) if type(op) in _ARITHMETIC and not _is_text(node):
            yield f"({ast.unparse(ast.BinOp(node.left, _ARITHMETIC[type(op)](), node.right))})"
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield f"({ast.unparse(ast.IfExp(test, orelse, body))})"
        case ast.Constant(value=bool() as value):
            yield str(not value)
        case ast.Constant(value=int() | float() as number):
            yield str(number + 1)
        case ast.Call(func=ast.Name(id=name)) if name in _CALLS:
            yield f"{ast.unparse(ast.Call(ast.Name(_CALLS[name]), node.args, node.keywords))}"
        case ast.Expr(value=ast.Call()) | ast.AugAssign():
            yield "pass"
        case ast.Continue():
            yield "break"


def _is_text(node: ast.BinOp) -> bool:
    sides = (node.left, node.right)
    return any(isinstance(one, ast.JoinedStr) or isinstance(getattr(one, "value", None), str) for one in sides)


def _replaced(text: str, node: ast.expr | ast.stmt, now: str) -> str:
    lines = text.encode().splitlines(keepends=True)
    assert node.end_lineno is not None and node.end_col_offset is not None
    before = b"".join(lines[: node.lineno - 1]) + lines[node.lineno - 1][: node.col_offset]
    after = lines[node.end_lineno - 1][node.end_col_offset :] + b"".join(lines[node.end_lineno :])
    return (before + now.encode() + after).decode()
