"""The documentation names what the code has."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
import pytest

from reconciler.cli.main import COMMANDS, cli
from reconciler.config import Settings
from reconciler.model.plan import Reason

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = (*DOCS.glob("*.md"), *DOCS.glob("decisions/*.md"), *ROOT.glob("*.md"), *ROOT.glob("examples/*/README.md"))
_COMMAND = re.compile(r"(?:^|`|\$ |\()reconciler ([a-z][^`\n|>;]*)", re.MULTILINE)
_LINK = re.compile(r"\]\((?!http)([^)#\s]*)(?:#([^)]*))?\)")


def test_every_reason_is_explained() -> None:
    """A person who meets a reason in a plan finds it in docs/PLANNING.md."""
    text = (DOCS / "PLANNING.md").read_text()
    assert [reason.value for reason in Reason if f"`{reason.value}`" not in text] == []


def test_every_setting_is_listed_with_its_default() -> None:
    """docs/OPERATIONS.md has a row for each; where it names a default, that is the code's."""
    table = (DOCS / "OPERATIONS.md").read_text().partition("### All settings")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", table, re.MULTILINE))
    fields = {one.encode_name: one.default for one in msgspec.structs.fields(Settings)}
    assert list(fields.keys() ^ rows.keys()) == []
    told = {name: text.strip("`") for name, text in rows.items() if text.startswith("`")}
    assert told == {name: shown(fields[name]) for name in told}


def shown(default: object) -> str:
    """Return a default as the documentation has it."""
    match default:
        case "":
            return '""'
        case ():
            return "[]"
        case bool():
            return str(default).lower()
        case float():
            return f"{default:g}"
    return str(default)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_links_of_a_page_exist(page: Path) -> None:
    """Who types what stands there is understood; who follows a link finds a page, and the heading on it."""
    text = page.read_text()
    wrong = [f"{line}: {fault}" for line in _COMMAND.findall(text) if (fault := fault_of(line))]
    assert [*wrong, *broken_links(page, text)] == []


def fault_of(line: str) -> str:
    """Return what the program has not of a line that calls it; what follows a comment or a sentence is not read."""
    words = re.split(r"\s#|\s&&|[,.:)](?:\s|$)", line)[0].replace("'", "").split()
    command: click.Command | None = cli
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, *words = words
        command = command.get_command(click.Context(command), name) if command is not cli or name in COMMANDS else None
        if command is None:
            return f"no command {name}"
    assert command is not None
    options = {"--help", *(option for one in command.params for option in (*one.opts, *one.secondary_opts))}
    given = words[: words.index("--")] if "--" in words else words
    unknown = [one for word in given if word.startswith("--") and (one := word.partition("=")[0]) not in options]
    return f"no option {unknown[0]}" if unknown else ""


def broken_links(page: Path, text: str) -> Iterator[str]:
    """Yield links of a page that lead nowhere in this repository."""
    for target, heading in _LINK.findall(text):
        other = page.parent / target if target else page
        if not other.exists():
            yield f"no page {target}"
        elif heading and heading not in anchors(other.read_text()):
            yield f"no heading {heading} in {target}"


def anchors(text: str) -> set[str]:
    """Return what the headings of a page are linked by."""
    plain = (re.sub(r"[^\w\- ]", "", one.lower()) for one in re.findall(r"^#+ (.*)$", text, re.MULTILINE))
    return {one.strip().replace(" ", "-") for one in plain}
