"""The documentation names what the code has."""

from pathlib import Path

from reconciler.model.plan import Reason

DOCS = Path(__file__).parents[1] / "docs"


def test_every_reason_is_explained() -> None:
    """A person who meets a reason in a plan finds it in docs/PLANNING.md."""
    text = (DOCS / "PLANNING.md").read_text()
    assert [reason.value for reason in Reason if f"`{reason.value}`" not in text] == []
