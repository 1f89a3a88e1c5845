"""Label selectors: those of manifests, and the text form of queries (`a=b,c in (d,e),!f`).

Pure.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import TypeAlias

from reconciler.model.base import Value
from reconciler.model.integers import whole_number
from reconciler.model.kinds.meta import LabelSelector, LabelSelectorRequirement
from reconciler.model.kinds.scalars import LABEL_KEY_PATTERN, LABEL_VALUE_PATTERN

Labels: TypeAlias = Mapping[str, str]

_KEY = re.compile(LABEL_KEY_PATTERN)
_VALUE = re.compile(LABEL_VALUE_PATTERN)
_TOKEN = re.compile(r"[ \t\r\n]*(?:(?P<symbol>==|!=|[=!<>(),])|(?P<word>[^ \t\r\n=!<>(),]+))")
END = ""


class SelectorError(ValueError):
    """The selector cannot be read; the message says what was expected."""


class Operator(StrEnum):
    """How a requirement judges a label."""

    IN = "in"
    NOT_IN = "notin"
    EQUALS = "="
    DOUBLE_EQUALS = "=="
    NOT_EQUALS = "!="
    EXISTS = "exists"
    DOES_NOT_EXIST = "!"
    GREATER = "gt"
    LESS = "lt"


class Requirement(Value):
    """One part of a selector; `values` are sorted and without repeats."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def matches(self, labels: Labels) -> bool:
        """Whether the labels satisfy this requirement."""
        return _JUDGES[self.operator](labels.get(self.key), self.values)

    def __str__(self) -> str:
        """Return the requirement as it stands in a query."""
        match self.operator:
            case Operator.EXISTS:
                return self.key
            case Operator.DOES_NOT_EXIST:
                return f"!{self.key}"
            case Operator.IN | Operator.NOT_IN:
                return f"{self.key} {self.operator} ({','.join(self.values)})"
        return f"{self.key}{_SIGNS.get(self.operator, self.operator)}{','.join(self.values)}"


def matches(selector: LabelSelector | None, labels: Labels) -> bool:
    """Whether a selector chooses these labels: an absent one chooses nothing, an empty one everything."""
    if selector is None:
        return False
    equal = all(labels.get(key) == value for key, value in selector.match_labels.items())
    return equal and all(_expression_matches(part, labels) for part in selector.match_expressions)


def disagree(some: Labels, others: Labels) -> bool:
    """Whether two sets of labels have different values for one key."""
    return any(key in others and others[key] != value for key, value in some.items())


def matches_all(requirements: tuple[Requirement, ...], labels: Labels) -> bool:
    """Whether the labels satisfy every requirement."""
    return all(requirement.matches(labels) for requirement in requirements)


def query_text(requirements: Iterable[Requirement]) -> str:
    """Return requirements as a query's selector, from which `parse_selector` reads the same."""
    return ",".join(str(part) for part in requirements)


def requirements_of(selector: LabelSelector) -> tuple[Requirement, ...]:
    """Return a manifest's selector as the requirements of a query, sorted by key; it is not checked again."""
    parts = [
        Requirement(key=key, operator=Operator.EQUALS, values=(value,)) for key, value in selector.match_labels.items()
    ]
    for part in selector.match_expressions:
        values = tuple(sorted(part.values))
        parts.append(Requirement(key=part.key, operator=_EXPRESSION_OPERATORS[part.operator], values=values))
    return tuple(sorted(parts, key=lambda part: part.key))


def exact_labels(requirements: Iterable[Requirement]) -> dict[str, str]:
    """Return the labels that whatever is chosen has with exactly these values: by them it can be looked up."""
    exact = (Operator.EQUALS, Operator.DOUBLE_EQUALS, Operator.IN)
    return {part.key: part.values[0] for part in requirements if part.operator in exact and len(part.values) == 1}


def parse_pairs(text: str) -> dict[str, str]:
    """Read `key=value` with commas between; empty text has none. Raises `SelectorError`."""
    parts = parse_selector(text)
    if any(part.operator not in (Operator.EQUALS, Operator.DOUBLE_EQUALS) for part in parts):
        raise SelectorError("only key=value, with commas between them")
    return {part.key: part.values[0] for part in parts}


def make_requirement(key: str, operator: Operator, values: tuple[str, ...] = ()) -> Requirement:
    """Build a requirement; raises `SelectorError` for a wrong key, value or number of values."""
    if not _is_key(key):
        raise SelectorError(f"{key!r} is not a label key")
    values = tuple(sorted(set(values)))
    low, high = _VALUE_COUNTS[operator]
    if not low <= len(values) <= high:
        raise SelectorError(f"operator {operator} takes {_count_words(low, high)}, not {len(values)}")
    if operator in (Operator.GREATER, Operator.LESS):
        if whole_number(values[0]) is None:
            raise SelectorError(f"operator {operator} compares whole numbers, not {values[0]!r}")
        return Requirement(key=key, operator=operator, values=values)
    for value in values:
        if len(value) > 63 or not _VALUE.search(value):
            raise SelectorError(f"{value!r} is not a label value")
    return Requirement(key=key, operator=operator, values=values)


def parse_selector(text: str) -> tuple[Requirement, ...]:
    """Read a query's selector, sorted by key; empty text chooses everything. Raises `SelectorError`."""
    tokens = selector_tokens(text)
    if tokens == [END]:
        return ()
    reader = _Reader(tokens)
    requirements = [reader.requirement()]
    while reader.peek() == ",":
        reader.take()
        requirements.append(reader.requirement())
    if reader.peek() != END:
        raise SelectorError(f"found {reader.peek()!r}, expected ',' or the end")
    return tuple(sorted(requirements, key=lambda part: part.key))


def _expression_matches(part: LabelSelectorRequirement, labels: Labels) -> bool:
    value = labels.get(part.key)
    match part.operator:
        case "In":
            return value is not None and value in part.values
        case "NotIn":
            return value is None or value not in part.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None


def _compare(judge: Callable[[int, int], bool]) -> Callable[[str | None, tuple[str, ...]], bool]:
    def judged(value: str | None, values: tuple[str, ...]) -> bool:
        have, bound = whole_number(value or ""), whole_number(values[0])
        return have is not None and bound is not None and judge(have, bound)

    return judged


_JUDGES: Mapping[Operator, Callable[[str | None, tuple[str, ...]], bool]] = {
    Operator.IN: lambda value, values: value is not None and value in values,
    Operator.EQUALS: lambda value, values: value is not None and value in values,
    Operator.DOUBLE_EQUALS: lambda value, values: value is not None and value in values,
    Operator.NOT_IN: lambda value, values: value is None or value not in values,
    Operator.NOT_EQUALS: lambda value, values: value is None or value not in values,
    Operator.EXISTS: lambda value, _: value is not None,
    Operator.DOES_NOT_EXIST: lambda value, _: value is None,
    Operator.GREATER: _compare(lambda value, bound: value > bound),
    Operator.LESS: _compare(lambda value, bound: value < bound),
}

_MANY = 10_000
_VALUE_COUNTS: Mapping[Operator, tuple[int, int]] = {
    Operator.IN: (1, _MANY),
    Operator.NOT_IN: (1, _MANY),
    Operator.EQUALS: (1, 1),
    Operator.DOUBLE_EQUALS: (1, 1),
    Operator.NOT_EQUALS: (1, 1),
    Operator.EXISTS: (0, 0),
    Operator.DOES_NOT_EXIST: (0, 0),
    Operator.GREATER: (1, 1),
    Operator.LESS: (1, 1),
}

_SIGNS: Mapping[Operator, str] = {Operator.GREATER: ">", Operator.LESS: "<"}

_EXPRESSION_OPERATORS: Mapping[str, Operator] = {
    "In": Operator.IN,
    "NotIn": Operator.NOT_IN,
    "Exists": Operator.EXISTS,
    "DoesNotExist": Operator.DOES_NOT_EXIST,
}

_SYMBOL_OPERATORS: Mapping[str, Operator] = {
    "=": Operator.EQUALS,
    "==": Operator.DOUBLE_EQUALS,
    "!=": Operator.NOT_EQUALS,
    ">": Operator.GREATER,
    "<": Operator.LESS,
}


def _is_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    return bool(_KEY.search(key)) and len(name) <= 63 and (not slash or len(prefix) <= 253)


def _count_words(low: int, high: int) -> str:
    if high == 0:
        return "no value"
    return "one value" if low == high else "at least one value"


def selector_tokens(text: str) -> list[str]:
    """Return the words and signs of a query's selector, with `END` behind them."""
    tokens, position, stripped = [], 0, text.rstrip(" \t\r\n")
    while position < len(stripped):
        found = _TOKEN.match(stripped, position)
        assert found is not None, "every character is a symbol, a space or part of a word"
        tokens.append(found["symbol"] or found["word"])
        position = found.end()
    return [*tokens, END]


class _Reader:
    """Walks the tokens of one selector; private to `parse_selector`."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._position = 0

    def peek(self) -> str:
        return self._tokens[self._position]

    def take(self) -> str:
        token = self._tokens[self._position]
        self._position = min(self._position + 1, len(self._tokens) - 1)
        return token

    def requirement(self) -> Requirement:
        if self.peek() == "!":
            self.take()
            return make_requirement(self._key(), Operator.DOES_NOT_EXIST)
        key = self._key()
        if self.peek() in (END, ","):
            return make_requirement(key, Operator.EXISTS)
        return self._compared(key, self.take())

    def _key(self) -> str:
        token = self.take()
        if token in _SYMBOL_OPERATORS or token in ("!", "(", ")", ",", END):
            raise SelectorError(f"found {token or 'the end'!r}, expected a label key")
        return token

    def _compared(self, key: str, word: str) -> Requirement:
        if word in _SYMBOL_OPERATORS:
            return make_requirement(key, _SYMBOL_OPERATORS[word], (self._value(),))
        if word in ("in", "notin"):
            return make_requirement(key, Operator(word), self._value_list())
        raise SelectorError(f"found {word!r}, expected in, notin, =, ==, !=, < or >")

    def _value(self) -> str:
        return "" if self.peek() in (END, ",") else self._key()

    def _value_list(self) -> tuple[str, ...]:
        if self.take() != "(":
            raise SelectorError("expected '(' before the values")
        values, current = [], ""
        while self.peek() != ")":
            if self.peek() == ",":
                self.take()
                values.append(current)
                current = ""
            elif current:
                raise SelectorError(f"found {self.peek()!r}, expected ',' or ')'")
            else:
                current = self._key()
        self.take()
        return (*values, current)
