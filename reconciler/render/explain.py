"""Why an object is as it is, as indented text. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.render.layout import printable, wrapped
from reconciler.render.words import duration

_INDENT = 2


def explain_text(explanation: Mapping[str, Any], *, now: float) -> str:
    """Return an explanation, as the API gives it, one fact per line in the order given."""
    hidden = ("apiVersion", "kind")
    facts = {name: value for name, value in explanation.items() if name not in hidden}
    return printable("".join(f"{line}\n" for line in _mapping(facts, 0, now)))


def _mapping(facts: Mapping[str, Any], depth: int, now: float) -> Iterator[str]:
    shown = {words(name): (name, value) for name, value in facts.items() if value not in (None, "", [], {}, ())}
    width = max((len(name) for name, (_, value) in shown.items() if _is_scalar(value)), default=0)
    for label, (name, value) in shown.items():
        pad = " " * (depth * _INDENT)
        if _is_scalar(value):
            yield from wrapped(f"{pad}{label.ljust(width)}  {_scalar(name, value, now)}", len(pad) + width + 2)
            continue
        yield f"{pad}{label}"
        yield from _nested(value, depth + 1, now)


def _nested(value: Any, depth: int, now: float) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from _mapping(value, depth, now)
        return
    for entry in filter(None, value):
        pad = " " * (depth * _INDENT)
        if _is_scalar(entry):
            yield from wrapped(f"{pad}{_scalar('', entry, now)}", len(pad) + 2)
        else:
            first, *rest = _nested(entry, depth + 1, now)
            yield f"{pad}- {first[len(pad) + 2 :]}"
            yield from rest


def words(name: str) -> str:
    """Return a camelCase name as words: `waitingFor` is `waiting for`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, Mapping | list | tuple)


def _scalar(name: str, value: Any, now: float) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float) and (name in ("at", "since") or name.endswith("At")):
        return f"{duration(now - value)} ago" if value <= now else f"in {duration(value - now)}"
    return str(value)
