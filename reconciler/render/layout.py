"""Text in columns that never gets wider than a terminal of 100 columns. Pure."""

import textwrap
from collections.abc import Sequence

WIDTH = 100
_GAP = "  "
# Control characters, and those that turn the direction of writing: names and messages come from strangers' commits.
_HOSTILE = (*range(0x00, 0x0A), *range(0x0B, 0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_ESCAPES = {code: f"\\u{code:04x}" for code in _HOSTILE}


def printable(text: str) -> str:
    """Return text that does nothing to a terminal but show itself."""
    return text.translate(_ESCAPES)


def beside(left: str, right: str, at: int, *, indent: int = 8) -> list[str]:
    """Put `right` beside `left` at column `at`; what does not fit goes on lines of its own below."""
    if not right:
        return wrapped(left, indent)
    start = max(at, len(left) + len(_GAP))
    if start + len(right) <= WIDTH:
        return [left.ljust(start) + right]
    return [*wrapped(left, indent), *_paragraph(right, indent)]


def wrapped(line: str, indent: int = 8) -> list[str]:
    """Break a line that is too wide; its continuation is indented."""
    if len(line) <= WIDTH:
        return [line.rstrip()]
    lead = len(line) - len(line.lstrip())
    return textwrap.wrap(
        line.strip(),
        WIDTH,
        initial_indent=" " * lead,
        subsequent_indent=" " * max(indent, lead + 2),
        break_on_hyphens=False,
    )


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align rows of cells under each other; the last cell of a row may be as long as it likes."""
    if not rows:
        return []
    widths = [max(len(row[i]) if i < len(row) else 0 for row in rows) for i in range(max(map(len, rows)))]
    return [_GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]


def _paragraph(text: str, indent: int) -> list[str]:
    pad = " " * indent
    return textwrap.wrap(
        text, WIDTH, initial_indent=pad, subsequent_indent=pad, break_on_hyphens=False, break_long_words=True
    )
