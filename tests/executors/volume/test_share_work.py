"""What is done on a share: directories are made once, and trashed only when they were made for their volume (P29)."""

import subprocess
import sys
from pathlib import Path

from reconciler.executors.volume import share_work

DONE, UNCHANGED, REFUSED = share_work.DONE, share_work.UNCHANGED, share_work.REFUSED


def work(root: Path, verb: str, *arguments: str) -> tuple[int, str]:
    """Run the program as the agent does; return its status and what it says."""
    command = [sys.executable, "-I", "-S", share_work.__file__, verb, str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    return done.returncode, done.stdout.strip()


def test_a_directory_is_made_once(tmp_path: Path) -> None:
    """Below others, for any user of a container; who comes again finds it with what is in it."""
    assert work(tmp_path, "make", "team/data", "pv-1") == (DONE, "")
    made = tmp_path / "team" / "data"
    assert made.stat().st_mode & 0o7777 == 0o777
    (made / "f").write_text("x")
    assert work(tmp_path, "make", "team/data", "pv-1") == (UNCHANGED, "")
    assert [one.name for one in (tmp_path / "team").iterdir()] == ["data"]
    assert (made / "f").read_text() == "x"


def test_a_directory_that_has_vanished_is_not_made_again(tmp_path: Path) -> None:
    """P29: its data is lost or moved, and an empty one in its place would hide that."""
    work(tmp_path, "make", "data", "pv-1")
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    status, said = work(tmp_path, "make", "data", "pv-1")
    assert (status, "has vanished from the share" in said) == (REFUSED, True)
    assert not (tmp_path / "data").exists()


def test_what_was_interrupted_is_gone_on_with(tmp_path: Path) -> None:
    """Written down but not yet renamed: it is the volume's, and nothing was lost."""
    work(tmp_path, "make", "data", "pv-1")
    (tmp_path / "data").rename(tmp_path / ".data.pv-1.reconciler")
    assert work(tmp_path, "make", "data", "pv-1") == (DONE, "")
    assert (tmp_path / "data").is_dir()


def test_a_directory_goes_to_the_dated_trash(tmp_path: Path) -> None:
    """With its data, and once; a later volume of the same directory begins anew."""
    work(tmp_path, "make", "team/data", "pv-1")
    (tmp_path / "team" / "data" / "f").write_text("x")
    assert work(tmp_path, "trash", "team/data", "pv-1") == (DONE, "")
    assert work(tmp_path, "trash", "team/data", "pv-1") == (UNCHANGED, "")
    (kept,) = (tmp_path / ".reconciler-trash").iterdir()
    assert kept.name.endswith("_team_data_pv-1") and (kept / "f").read_text() == "x"
    assert work(tmp_path, "make", "team/data", "pv-2") == (DONE, "")


def test_what_was_not_made_for_a_volume_is_never_moved(tmp_path: Path) -> None:
    """A directory that was there, one of another volume, a link."""
    (tmp_path / "theirs").mkdir()
    assert work(tmp_path, "make", "theirs", "pv-1") == (UNCHANGED, "")
    assert work(tmp_path, "trash", "theirs", "pv-1")[0] == REFUSED
    work(tmp_path, "make", "data", "pv-2")
    assert work(tmp_path, "trash", "data", "pv-3")[0] == REFUSED
    (tmp_path / "data").rename(tmp_path / "real")
    (tmp_path / "data").symlink_to("real")
    assert work(tmp_path, "trash", "data", "pv-2")[0] == REFUSED
    assert work(tmp_path, "make", "data", "pv-2")[0] == REFUSED
    assert (tmp_path / "theirs").is_dir() and (tmp_path / "real").is_dir()


def test_a_share_answers_for_its_directories(tmp_path: Path) -> None:
    """What is not there is said with its path."""
    (tmp_path / "file").write_text("x")
    assert work(tmp_path, "answer", "") == (UNCHANGED, "")
    status, said = work(tmp_path, "answer", "file")
    assert (status, said) == (REFUSED, "file is not a directory")
    assert work(tmp_path, "make", "file", "pv-1")[0] == REFUSED
    assert work(tmp_path, "make", "file/below", "pv-1")[0] == 1
