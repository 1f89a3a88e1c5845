"""Compares text with golden files; `make golden` refreshes them."""

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def assert_golden(name: str, text: str) -> None:
    """Fail when `text` differs from the golden file, or write it when asked to refresh."""
    path = FOLDER / name
    if os.environ.get("RECONCILER_UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
    too_wide = [
        line for line in text.splitlines() if len(line) > 100 and path.suffix == ".txt" and not line.startswith("Plan ")
    ]
    assert not too_wide, f"wider than 100 columns: {too_wide}"
