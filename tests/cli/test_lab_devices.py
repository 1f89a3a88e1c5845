"""Loop devices of a lab: found by the files behind them, and left alone where these are somebody else's."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from reconciler.lab import loops

# What stands for losetup: says what is attached, and notes what it is to detach.
PROGRAM = """#!/bin/sh
case $1 in
    --list) [ ! -e {folder}/listed ] || cat {folder}/listed ;;
    --detach) shift; echo "$@" >> {folder}/detached; exit 1 ;;
esac
"""


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with three devices: one of a file below `lab`, one of a file beside it, one whose file is gone."""
    (tmp_path / "lab" / "node-1").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "losetup"
    program.write_text(PROGRAM.format(folder=tmp_path))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    files = {"/dev/loop0": tmp_path / "lab" / "node-1" / "disk", "/dev/loop1": tmp_path / "other"}
    rows: list[dict[str, str | int | None]] = [{"name": "/dev/loop2", "back-ino": 0, "back-maj:min": None}]
    for name, file in files.items():
        file.touch()
        state = file.stat()
        # As it comes: the column is as wide as in the table.
        number = f"{os.major(state.st_dev):8}:{os.minor(state.st_dev)}  "
        rows.append({"name": name, "back-ino": state.st_ino, "back-maj:min": number})
    (tmp_path / "listed").write_text(json.dumps({"loopdevices": rows}))
    return tmp_path


def test_devices_of_a_folder_are_detached_and_no_others(machine: Path) -> None:
    """One that was detached meanwhile is no failure."""
    assert loops.detach_below(machine / "lab") == ("/dev/loop0",)
    assert (machine / "detached").read_text() == "/dev/loop0\n"


@pytest.mark.parametrize("said", ["", '{"loopdevices": []}'])
def test_nothing_is_looked_for_where_nothing_is_attached(
    monkeypatch: pytest.MonkeyPatch, machine: Path, said: str
) -> None:
    """The folder of a lab holds whole Engines."""
    (machine / "listed").write_text(said)
    monkeypatch.setattr(os, "walk", lambda _: pytest.fail("the folder was gone through"))
    assert loops.detach_below(machine / "lab") == ()
    assert not (machine / "detached").exists()
