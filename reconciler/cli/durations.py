"""Lengths of time as people type them: `90s`, `15m`, `24h`, `30d`, `12w`, `1y`. Pure."""

import re
from typing import Any

import click

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_PART = re.compile(r"(\d+)([smhdwy])")
NEVER = "never"


class Seconds(click.ParamType[float]):
    """Reads a length of time as seconds, which a plain number is as well."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds, or say what was expected."""
        text = str(value).strip()
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return float(text)
        seconds = Duration().convert(text, param, ctx)
        if seconds is None:
            self.fail("it has to end; such as 90s, 15m or 1h", param, ctx)
        return seconds


class Duration(click.ParamType[float | None]):
    """Reads a length of time as seconds; None stands for `never`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        """Return seconds, or say what was expected."""
        text = str(value).strip().lower()
        if text == NEVER:
            return None
        parts = _PART.findall(text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            self.fail(f"{value!r} is no length of time; such as 90s, 15m, 24h, 30d, 1y or {NEVER}", param, ctx)
        return float(sum(int(number) * _UNITS[unit] for number, unit in parts))
