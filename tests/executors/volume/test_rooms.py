"""The room of class directories is told in coarse steps, and none where a directory is not there."""

import os
from pathlib import Path

import pytest

from reconciler.executors.volume.paths import VolumePaths
from reconciler.executors.volume.rooms import Rooms
from reconciler.model.storage import RoomFact

MI, GI = 1 << 20, 1 << 30


@pytest.fixture
def rooms(tmp_path: Path) -> Rooms:
    """The rooms of a data directory."""
    (tmp_path / "data").mkdir()
    return Rooms(VolumePaths(tmp_path / "data", tmp_path / "run"))


def free(monkeypatch: pytest.MonkeyPatch, size: int, total: int = 16 * GI) -> None:
    """Have every file system tell this."""
    told = os.statvfs_result((1, 1, total, size, size, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: told)


def test_the_own_directory_is_told_of_before_it_is_made(rooms: Rooms, tmp_path: Path) -> None:
    """It comes with the first volume; the disk it will be on is known."""
    (own,) = rooms.facts()
    assert own.path == str(tmp_path / "data" / "volumes")
    assert 0 < own.free <= own.total


def test_directories_of_classes_are_told_of_on_request(rooms: Rooms, tmp_path: Path) -> None:
    """One that is not there has no room, nor has a file; the list survives the agent."""
    there, file = tmp_path / "disk", tmp_path / "file"
    there.mkdir()
    file.write_text("x")
    asked = [str(there), str(file), str(tmp_path / "missing")]
    assert rooms.watch(asked) and not rooms.watch(reversed(asked))
    again = Rooms(VolumePaths(tmp_path / "data", tmp_path / "run"))
    told = {one.path: one for one in again.facts()}
    assert told[str(there)].free > 0
    assert told[str(file)] == RoomFact(path=str(file))
    assert told[str(tmp_path / "missing")] == RoomFact(path=str(tmp_path / "missing"))
    assert rooms.watch([]) and len(rooms.facts()) == 1


def test_a_little_more_or_less_tells_nothing_new(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of 1/128 of the disk, rounded down: a report changes when it matters, not with every byte."""
    step = 128 * MI
    told = []
    for size in (10 * step + 5, 10 * step, 12 * step - 1, 12 * step, 12 * step - 1, 11 * step, 10 * step):
        free(monkeypatch, size)
        told.append(rooms.facts()[0].free // step)
    assert told == [10, 10, 10, 12, 11, 11, 10]
