"""Files of variables that containers leave for others, `NAME='value'` line by line. Pure.

The format is that of Kubernetes' env files: values stand in single quotes, as they are and over several lines; there
may be blank lines, comments of whole lines, and comments after a value.
"""

import re
from collections.abc import Iterable, Mapping

# A blank line, a comment, or a variable; where a space follows the equals sign, the value is empty.
_LINE = re.compile(
    r"""[ \t]*
    (?: \#[^\n]*
      | (?P<name>[^\s=]+)= (?: '(?P<value>[^']*)' (?:[ \t]+\#[^\n]*|[ \t]*) | [ \t]+[^\n]* | )
      |
    )
    \r?(?:\n|\Z)""",
    re.VERBOSE,
)

# What files of a Pod's volumes hold, by name of the volume and path; None: there is no such file.
EnvFiles = Mapping[tuple[str, str], bytes | None]


class EnvFileError(ValueError):
    """A line of a file is no variable."""


def value_of(text: str, key: str) -> str | None:
    """Return the value of a variable, of the first line that has it; None where no line has."""
    for name, value in _variables(text):
        if name == key:
            return value
    return None


def _variables(text: str) -> Iterable[tuple[str, str]]:
    at = 0
    while at < len(text):
        found = _LINE.match(text, at)
        if found is None:
            line = text.count("\n", 0, at) + 1
            raise EnvFileError(f"line {line} is not NAME='value'")
        if found["name"] is not None:
            yield found["name"], found["value"] or ""
        at = found.end()
