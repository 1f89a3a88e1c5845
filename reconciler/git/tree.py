"""The files of one revision or directory, and the rules on what is read. Pure.

Read are regular files with a manifest suffix (`.yaml`, `.yml`, `.json`). Hidden files and directories
(`.git`, `.github`, `.yamllint.yml`) are not manifests by convention. Links are never followed: one that could
carry manifests is a warning, and an error when it leads out of the tree. The same rules hold for commits and
for directories, so that `validate` and `git push` judge alike.
"""

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.model.problem import Problem, Severity

MANIFEST_SUFFIXES = (".yaml", ".yml", ".json")
MANIFEST_NAMES = ("Kustomization",)  # a directory with one must not be taken for plain manifests
FILE_BYTES_MAX = 10 * 1024 * 1024
TREE_BYTES_MAX = 256 * 1024 * 1024
FILES_MAX = 50_000
LINK_BYTES_MAX = 4096

_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_LFS_POINTER_BYTES_MAX = 1024


@dataclass(frozen=True, slots=True)
class TreeFile:
    """One manifest file.

    `blob_id` is git's name for the content, the same for a commit and for a directory.
    """

    path: str
    blob_id: str
    content: bytes


class Tree(NamedTuple):
    """What was read.

    With an error among the problems the files are not the whole tree and must not be applied.
    """

    files: tuple[TreeFile, ...]
    problems: tuple[Problem, ...]

    @property
    def has_errors(self) -> bool:
        """Whether this tree must be refused."""
        return any(problem.is_error for problem in self.problems)


def is_manifest(name: str) -> bool:
    """Whether a file of this name is read."""
    return name.endswith(MANIFEST_SUFFIXES) or name in MANIFEST_NAMES


def is_hidden(name: str) -> bool:
    """Whether a file or directory of this name is passed over."""
    return name.startswith(".")


def may_carry_manifests(name: str) -> bool:
    """Whether a link of this name could stand for a manifest or a directory of them."""
    return is_manifest(name) or "." not in name


def normal_path(path: str) -> str | None:
    """Return a path without decoration (`./apps/` is `apps`, the root is empty); None if it leads outside."""
    normal = posixpath.normpath(path.strip() or ".")
    if normal.startswith(("/", "../")) or normal == "..":
        return None
    return "" if normal == "." else normal


def path_text(path: bytes) -> tuple[str, bool]:
    """Return a path as text, and whether it is printable UTF-8; what is not is escaped."""
    try:
        text = path.decode()
    except UnicodeDecodeError:
        return path.decode("utf-8", "backslashreplace"), False
    if text.isprintable():
        return text, True
    return text.encode("unicode_escape").decode("ascii"), False


def link_problem(path: str, target: str, is_directory: Callable[[str], bool]) -> Problem | None:
    """Judge a symbolic link by where it points, both as paths from the root of the tree."""
    name = posixpath.basename(path)
    if not may_carry_manifests(name):
        return None
    resolved = normal_path(posixpath.join(posixpath.dirname(path), target))
    if resolved is None:
        return problem(
            "link-outside-tree",
            path,
            "symbolic link leads out of the repository",
            "commit the file itself instead",
        )
    if is_manifest(name) or is_directory(resolved):
        return problem(
            "link-skipped",
            path,
            "symbolic links are not followed; this one is skipped",
            "commit the file itself, if it is meant to be applied",
            Severity.WARNING,
        )
    return None


def content_problem(path: str, content: bytes) -> Problem | None:
    """Find content that stands for something else."""
    if len(content) <= _LFS_POINTER_BYTES_MAX and content.startswith(_LFS_POINTER):
        return problem(
            "lfs-pointer",
            path,
            "the file is a Git LFS pointer; its content is not in the repository",
            "keep manifests out of LFS (`git lfs untrack`)",
        )
    return None


def size_problem(path: str, size: int) -> Problem | None:
    """Refuse files that no manifest needs."""
    if size <= FILE_BYTES_MAX:
        return None
    limit = FILE_BYTES_MAX // (1024 * 1024)
    return problem(
        "file-too-large",
        path,
        f"the file has {size} bytes; at most {limit} MiB are read",
        "split it into several files",
    )


def tree_problem(root: str, files: int, size: int) -> Problem | None:
    """Refuse trees beyond what is read at once."""
    hint = "point the source's path at the directory of the manifests"
    if files > FILES_MAX:
        return problem("too-many-files", root or ".", f"more than {FILES_MAX} manifest files", hint)
    if size > TREE_BYTES_MAX:
        limit = TREE_BYTES_MAX // (1024 * 1024)
        return problem("tree-too-large", root or ".", f"more than {limit} MiB of manifests", hint)
    return None


def name_problem(escaped: str) -> Problem:
    """Refuse a file name that cannot be shown or written in JSON as it is."""
    return problem(
        "file-name-invalid",
        escaped,
        "the file name is not printable UTF-8",
        "rename the file",
    )


def submodule_problem(path: str) -> Problem:
    """Warn of a submodule: its content belongs to another repository."""
    return problem(
        "submodule-skipped",
        path,
        "submodules are not read; this one is skipped",
        "declare its repository as a source of its own",
        Severity.WARNING,
    )


def path_problem(path: str) -> Problem:
    """Say that a source's path is not in the tree: an error, never an empty revision (P03)."""
    return problem("path-missing", path, "the path is not in the repository", "correct the path of the source")


def problem(code: str, path: str, message: str, hint: str, severity: Severity = Severity.ERROR) -> Problem:
    """Build a Problem that concerns a whole file."""
    return Problem(severity=severity, file=path, message=message, hint=hint, code=code)
