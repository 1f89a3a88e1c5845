"""Loop devices of a lab: found by the files behind them, and left alone where these are somebody else's."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from reconciler.lab import loops

_CLR_FD = 0x4C01


@pytest.fixture
def detached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """A machine with three devices: one of a file below `lab`, one of a file beside it, one that is just detached."""
    (tmp_path / "lab" / "node-1").mkdir(parents=True)
    files = {"loop0": tmp_path / "lab" / "node-1" / "disk", "loop1": tmp_path / "other", "loop2": tmp_path / "gone"}
    for name, file in files.items():
        file.touch()
        (tmp_path / "block" / name / "loop").mkdir(parents=True)
        (tmp_path / "block" / name / "loop" / "backing_file").write_text("/of another mount namespace")
    (tmp_path / "block" / "loop3").mkdir()
    asked: list[str] = []

    def ask(device: str, command: int) -> bytes | None:
        name = Path(device).name
        if command == _CLR_FD:
            asked.append(name)
        state = files[name].stat()
        return None if name == "loop2" else struct.pack("=QQ", state.st_dev, state.st_ino) + bytes(216)

    monkeypatch.setattr(loops, "_BLOCKS", tmp_path / "block")
    monkeypatch.setattr(loops, "_ask", ask)
    return asked


def test_devices_of_a_folder_are_detached_and_no_others(detached: list[str], tmp_path: Path) -> None:
    """The path that the kernel shows for a file does not matter."""
    assert loops.detach_below(tmp_path / "lab") == ("/dev/loop0",)
    assert detached == ["loop0"]


def test_nothing_is_looked_for_where_nothing_is_attached(
    monkeypatch: pytest.MonkeyPatch, detached: list[str], tmp_path: Path
) -> None:
    """The folder of a lab holds whole Engines."""
    monkeypatch.setattr(loops, "_BLOCKS", tmp_path / "none")
    monkeypatch.setattr(os, "walk", lambda _: pytest.fail("the folder was gone through"))
    assert loops.detach_below(tmp_path / "lab") == ()
    assert detached == []
