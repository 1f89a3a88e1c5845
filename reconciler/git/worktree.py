"""Read the manifests of a directory on disk, as a commit of it would be read. Effect: reads files.

Links are not followed, and only regular files are opened: a pipe or a device in the tree blocks nothing.
"""

import errno
import hashlib
import os
import stat
from pathlib import Path, PurePosixPath

import msgspec

from reconciler.git import tree
from reconciler.git.tree import Tree, TreeFile
from reconciler.model.problem import Problem, Severity


def read_directory(path: Path | str) -> Tree:
    """Return the manifests of a directory, or the one file `path` names, with what is wrong with the tree.

    Paths in the result begin with `path` as it was given, so that a person can open them.
    """
    given = Path(path)
    try:
        facts = given.stat()
    except OSError as error:
        return Tree((), (_unreadable(str(given), error),))
    if not stat.S_ISDIR(facts.st_mode):
        return _read_all(given.parent, [given.name], follow=True)
    names, problems = _walk(given)
    files, more = _read_all(given, sorted(names))
    return Tree(files, (*problems, *more))


def _walk(root: Path) -> tuple[list[str], list[Problem]]:
    """Return the names below `root` that are not hidden, and the directories that are not entered."""
    names: list[str] = []
    problems: list[Problem] = []
    pending = [""]
    while pending:
        directory = pending.pop()
        try:
            entries = list(os.scandir(root / directory))
        except OSError as error:
            problems.append(_unreadable(tree.path_text(os.fsencode(root / directory))[0], error))
            continue
        for entry in entries:
            below = f"{directory}/{entry.name}" if directory else entry.name
            if tree.is_hidden(entry.name):
                continue
            if not entry.is_dir(follow_symlinks=False):
                names.append(below)
            elif (root / below / ".git").exists():
                problems.append(tree.submodule_problem(tree.path_text(os.fsencode(root / below))[0]))
            else:
                pending.append(below)
    return names, problems


def _read_all(root: Path, names: list[str], *, follow: bool = False) -> Tree:
    files: list[TreeFile] = []
    problems: list[Problem] = []
    size = 0
    top = _top(root)
    for name in names:
        if not follow and not tree.may_carry_manifests(name.rpartition("/")[2]):
            continue
        found = _read_one(root, name, top, follow=follow)
        if isinstance(found, Problem):
            problems.append(found)
        elif found is not None:
            files.append(found)
            size += len(found.content)
            beyond = tree.tree_problem(str(root), len(files), size)
            if beyond is not None:
                return Tree((), (*problems, beyond))
            fault = tree.content_problem(found.path, found.content)
            problems += [] if fault is None else [fault]
    return Tree(tuple(files), tuple(problems))


def _read_one(root: Path, name: str, top: Path, *, follow: bool) -> TreeFile | Problem | None:
    """Read one entry; None for what is neither a manifest nor worth a word."""
    file = root / name
    shown, usable = tree.path_text(os.fsencode(file))
    try:
        mode = (file.stat() if follow else file.lstat()).st_mode
        if stat.S_ISLNK(mode):
            return _judge_link(root, name, top)
        if not follow and not tree.is_manifest(file.name):
            return None
        if not stat.S_ISREG(mode):
            return tree.problem(
                "not-a-file", shown, "not a regular file; skipped", "use a regular file", Severity.WARNING
            )
        if not usable:
            return tree.name_problem(shown)
        return _read_file(file, shown, follow=follow)
    except OSError as error:
        return _unreadable(shown, error)


def _read_file(file: Path, shown: str, *, follow: bool) -> TreeFile | Problem:
    no_link = 0 if follow else os.O_NOFOLLOW
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | no_link)
    with os.fdopen(descriptor, "rb") as opened:
        content = opened.read(tree.FILE_BYTES_MAX + 1)
        size = os.fstat(descriptor).st_size
    too_large = tree.size_problem(shown, max(size, len(content)))
    if too_large is not None:
        return too_large
    return TreeFile(PurePosixPath(shown).as_posix(), blob_id(content), content)


def _judge_link(root: Path, name: str, top: Path) -> Problem | None:
    """Judge a link as in a commit: by its place and target relative to the top of the repository."""
    file = root / name
    place = (root.resolve() / name).relative_to(top).as_posix()
    fault = tree.link_problem(place, str(file.readlink()), lambda target: (top / target).is_dir())
    shown = tree.path_text(os.fsencode(file))[0]
    return None if fault is None else msgspec.structs.replace(fault, file=shown)


def _top(root: Path) -> Path:
    """Return the top of the repository that a directory belongs to; without one, the directory itself."""
    start = root.resolve()
    return next((above for above in (start, *start.parents) if (above / ".git").exists()), start)


def blob_id(content: bytes) -> str:
    """Return git's name for a content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _unreadable(shown: str, error: OSError) -> Problem:
    if error.errno == errno.ENOENT:
        return tree.problem("path-missing", shown, "there is no such file or directory", "correct the path")
    reason = (error.strerror or "unknown error").lower()
    return tree.problem("file-unreadable", shown, f"cannot be read: {reason}", "check the file and its permissions")
