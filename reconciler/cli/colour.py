"""Colour for people: by the first sign of a line, never the only carrier of a meaning."""

from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

_STYLES: Mapping[str, str] = {"+": "green", "~": "yellow", "±": "magenta", "-": "red", "!": "bold yellow"}
_WORDS: Mapping[str, str] = {
    "HEALTHY": "bold green",
    "PROGRESSING": "bold yellow",
    "HELD": "bold yellow",
    "DEGRADED": "bold red",
    "UNKNOWN": "bold red",
    "  error  ": "red",
    "  warning  ": "yellow",
    "FAIL": "bold red",
    "WARN": "yellow",
    "hint:": "cyan",
}


def print_coloured(text: str) -> None:
    """Print text with colours."""
    console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
    for line in text.rstrip("\n").split("\n"):
        console.print(painted(line))


def painted(line: str) -> Text:
    """Return a line with the style that its first sign, or a word in it, asks for."""
    sign = line.lstrip()[:2]
    text = Text(line, style=_STYLES.get(sign[:1], "") if sign[1:] == " " else "")
    if line.startswith("Plan "):
        text.stylize("bold")
    for word, style in _WORDS.items():
        position = line.find(word)
        if position >= 0:
            text.stylize(style, position, position + len(word))
    return text
