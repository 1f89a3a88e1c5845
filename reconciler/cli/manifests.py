"""Reads a working tree for the commands that judge or plan one. Effect: files."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from reconciler.git.tree import TreeFile
    from reconciler.model.ports import ManifestFile
    from reconciler.model.problem import Problem


@dataclass(frozen=True, slots=True)
class WorkingTree:
    """Manifests of a directory: paths are relative to it, as in the repository; `root` is as it was given."""

    root: str
    files: tuple["ManifestFile", ...]
    problems: tuple["Problem", ...]

    @property
    def has_errors(self) -> bool:
        """Whether the tree itself cannot be used."""
        return any(problem.is_error for problem in self.problems)


def read_paths(paths: Iterable[str]) -> tuple[list["TreeFile"], list["Problem"]]:
    """Return the manifests of several directories or files under the names a person can open."""
    from reconciler.git.worktree import read_directory

    files: dict[str, TreeFile] = {}
    problems: list[Problem] = []
    for path in paths:
        tree = read_directory(path)
        files |= {file.path: file for file in tree.files}
        problems += [problem for problem in tree.problems if problem not in problems]
    return list(files.values()), problems


def read_tree(path: str) -> WorkingTree:
    """Return the manifests of one directory under the names they have in the repository."""
    from reconciler.git.worktree import read_directory
    from reconciler.model.ports import ManifestFile

    tree = read_directory(path)
    files = tuple(
        ManifestFile(path=_below(file.path, path), blob_id=file.blob_id, content=file.content) for file in tree.files
    )
    return WorkingTree(root=path, files=files, problems=tree.problems)


def where_a_person_opens_them(problems: Sequence["Problem"], root: str) -> list["Problem"]:
    """Return problems of a tree with paths that begin with the directory as it was given."""
    base = PurePosixPath(root)
    if not Path(root).is_dir():
        base = base.parent
    return [msgspec.structs.replace(problem, file=(base / problem.file).as_posix()) for problem in problems]


def _below(file: str, root: str) -> str:
    base = PurePosixPath(root)
    path = PurePosixPath(file)
    if path == base or not path.is_relative_to(base):
        return path.name
    return path.relative_to(base).as_posix()
