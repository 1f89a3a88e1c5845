"""What is done on a mounted share, as a program of its own: `share_work.py VERB ROOT DIRECTORY [ARGUMENT...]`.

Effect. A server that hangs holds whoever touches its share, in the kernel. So that it never holds the agent, this runs
as a process that can be killed and left behind; it uses nothing but the standard library, and starts quickly. It says
one line, and exits with 0 (something was done), 3 (there was nothing to do) or 4 (refused, the line says why).

What was made for a volume is written down on the share itself, since every node may find it: `.reconciler/VOLUME`.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

DONE, UNCHANGED, REFUSED = 0, 3, 4
NOTES, TRASH = ".reconciler", ".reconciler-trash"
_MADE, _FOUND = "made", "found"


def answer(root: Path, directory: str) -> int:
    """Touch the root of a share, or a directory on it, so that the server has to answer."""
    if not (root / directory).is_dir():
        return _refuse(f"{directory or root} is not a directory")
    return UNCHANGED


def make(root: Path, directory: str, volume: str) -> int:
    """Make the directory of a volume where it never was; one that was and is gone is lost data, and stays so (P29).

    It is made under another name, written down, and renamed: whatever is interrupted is gone on with.
    """
    note, target = root / NOTES / volume, root / directory
    unfinished = target.parent / f".{target.name}.{volume}.reconciler"
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        return _refuse(f"{directory} is on the share already, and is not a directory")
    if target.is_dir():
        _write(note, f"{_FOUND} {directory}")
        return UNCHANGED
    if note.exists() and not unfinished.is_dir():
        return _refuse(
            f"directory {directory} of volume {volume} has vanished from the share: its data is lost or moved"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished.mkdir(exist_ok=True)
    # Any user of a container may use it, as with local volumes.
    unfinished.chmod(0o777)
    _write(note, f"{_MADE} {directory}")
    unfinished.rename(target)
    return DONE


def trash(root: Path, directory: str, volume: str) -> int:
    """Move the directory that was made for a volume to the share's dated trash."""
    note, target = root / NOTES / volume, root / directory
    if not os.path.lexists(target):
        note.unlink(missing_ok=True)
        return UNCHANGED
    if not note.exists() or note.read_text() != f"{_MADE} {directory}":
        return _refuse(f"{directory} was not made for volume {volume}: it stays where it is")
    if target.is_symlink() or not target.is_dir():
        return _refuse(f"{directory} is not a directory any more: it stays where it is")
    (root / TRASH).mkdir(mode=0o700, exist_ok=True)
    stamp = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())
    target.rename(root / TRASH / f"{stamp}_{directory.replace('/', '_')}_{volume}")
    note.unlink()
    return DONE


def _write(note: Path, text: str) -> None:
    """Write down whose a directory is; who was there first stays."""
    if note.exists():
        return
    note.parent.mkdir(mode=0o700, exist_ok=True)
    unfinished = note.with_name(f".{note.name}.{os.getpid()}")
    unfinished.write_text(text)
    unfinished.rename(note)


def _refuse(message: str) -> int:
    print(message)
    return REFUSED


def main() -> int:
    """Do what the arguments say."""
    verb, root, directory, *more = sys.argv[1:]
    verbs: dict[str, Callable[..., int]] = {"answer": answer, "make": make, "trash": trash}
    try:
        return verbs[verb](Path(root), directory, *more)
    except OSError as error:
        print(f"{error.strerror}: {error.filename or directory}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
