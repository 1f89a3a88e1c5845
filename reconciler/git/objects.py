"""Read the manifests of a commit from the object store. Effect: runs git; writes nothing.

One `ls-tree` names every blob with its size, one `cat-file --batch` reads those whose content is not
remembered. Filters and attributes are not applied: content is what was committed.
"""

import posixpath
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reconciler.git import tree
from reconciler.git.command import Deadline, GitCommand
from reconciler.git.errors import RepositoryCorrupt
from reconciler.git.tree import Tree, TreeFile
from reconciler.model.problem import Problem

CACHE_BYTES_MAX = 32 * 1024 * 1024
_BATCH_BYTES_MAX = 32 * 1024 * 1024

_LINK = b"120000"
_SUBMODULE = b"160000"


class BlobCache:
    """Contents of the blobs read last, up to a number of bytes: an unchanged file is not read again.

    Several threads may use it.
    """

    def __init__(self, bytes_max: int = CACHE_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._size = 0
        self._contents: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, blob_id: str) -> bytes | None:
        """Return a blob's content, or None."""
        with self._lock:
            content = self._contents.get(blob_id)
            if content is not None:
                self._contents.move_to_end(blob_id)
            return content

    def put(self, blob_id: str, content: bytes) -> None:
        """Remember a blob; the ones not used for longest make room."""
        with self._lock:
            if blob_id in self._contents or len(content) > self._bytes_max:
                return
            self._contents[blob_id] = content
            self._size += len(content)
            while self._size > self._bytes_max:
                _, dropped = self._contents.popitem(last=False)
                self._size -= len(dropped)


@dataclass(frozen=True, slots=True)
class _Entry:
    mode: bytes
    blob_id: str
    size: int
    path: bytes

    @property
    def name(self) -> str:
        return posixpath.basename(self.path).decode("utf-8", "backslashreplace")


def read_tree(git: GitCommand, commit: str, path: str, cache: BlobCache, deadline: Deadline) -> Tree:
    """Return the manifests under `path` at a commit, sorted by path, and what is wrong with the tree."""
    root = tree.normal_path(path)
    if root is None:
        return Tree((), (tree.path_problem(path),))
    entries = list(_list(git, commit, root, deadline))
    if root and not _is_readable(entries, root):
        return Tree((), (tree.path_problem(path),))
    files, problems = _select([entry for entry in entries if not _hidden(entry.path, root)])
    problems += _judge_links(git, entries, root, deadline)
    beyond = tree.tree_problem(root, len(files), sum(entry.size for entry in files))
    if beyond is not None:
        return Tree((), (*problems, beyond))
    contents = _contents(git, files, cache, deadline)
    read = []
    for entry in files:
        file = TreeFile(entry.path.decode(), entry.blob_id, contents[entry.blob_id])
        read.append(file)
        problems += _present(tree.content_problem(file.path, file.content))
    return Tree(
        tuple(sorted(read, key=lambda file: file.path)),
        tuple(sorted(problems, key=lambda problem: problem.file)),
    )


def _list(git: GitCommand, commit: str, root: str, deadline: Deadline) -> Iterator[_Entry]:
    arguments = ["ls-tree", "-r", "-z", "-l", "--full-tree", commit, *([root] if root else [])]
    for line in git.read(*arguments, deadline=deadline).split(b"\0"):
        if line:
            facts, _, path = line.partition(b"\t")
            mode, _, blob_id, size = facts.split()
            yield _Entry(mode, blob_id.decode(), _size(git, blob_id, size), path)


def _size(git: GitCommand, blob_id: bytes, size: bytes) -> int:
    """Return a size as listed: submodules have none, and git cannot tell that of a lost object."""
    if size == b"-":
        return 0
    if not size.isdigit():
        raise RepositoryCorrupt(f"{git.directory} lacks the object {blob_id.decode()}")
    return int(size)


def _is_readable(entries: Sequence[_Entry], root: str) -> bool:
    """Whether a source's path is a directory or a manifest; a link or submodule in its place is neither."""
    if not entries or entries[0].path != root.encode():
        return bool(entries)
    return entries[0].mode not in (_LINK, _SUBMODULE) and tree.is_manifest(entries[0].name)


def _hidden(path: bytes, root: str) -> bool:
    """Whether anything below the source's path is hidden; the path itself was asked for by name."""
    below = path[len(root.encode()) :]
    if not below:
        return False
    return b"/." in (below if below.startswith(b"/") else b"/" + below)


def _select(entries: Sequence[_Entry]) -> tuple[list[_Entry], list[Problem]]:
    """Choose the files to read and judge those that cannot be."""
    files: list[_Entry] = []
    problems: list[Problem] = []
    for entry in entries:
        if entry.mode == _SUBMODULE:
            problems.append(tree.submodule_problem(tree.path_text(entry.path)[0]))
        elif entry.mode != _LINK and tree.is_manifest(entry.name):
            text, usable = tree.path_text(entry.path)
            fault = tree.size_problem(text, entry.size) if usable else tree.name_problem(text)
            if fault is None:
                files.append(entry)
            else:
                problems.append(fault)
    return files, problems


def _judge_links(git: GitCommand, entries: Sequence[_Entry], root: str, deadline: Deadline) -> list[Problem]:
    links = [
        entry
        for entry in entries
        if entry.mode == _LINK and tree.may_carry_manifests(entry.name) and not _hidden(entry.path, root)
    ]
    if not links:
        return []
    directories = _directories(entries)
    targets = _read_blobs(git, [link for link in links if link.size <= tree.LINK_BYTES_MAX], deadline)
    problems: list[Problem] = []
    for link in links:
        target = targets.get(link.blob_id, b"/").decode("utf-8", "backslashreplace")
        problems += _present(tree.link_problem(tree.path_text(link.path)[0], target, directories.__contains__))
    return problems


def _directories(entries: Sequence[_Entry]) -> set[str]:
    found = {""}
    for entry in entries:
        parent = posixpath.dirname(entry.path.decode("utf-8", "backslashreplace"))
        while parent not in found:
            found.add(parent)
            parent = posixpath.dirname(parent)
    return found


def _contents(git: GitCommand, files: Sequence[_Entry], cache: BlobCache, deadline: Deadline) -> dict[str, bytes]:
    """Return every blob's content: remembered ones at once, the others in batches of a bounded size."""
    contents: dict[str, bytes] = {}
    missing: dict[str, _Entry] = {}
    for entry in files:
        remembered = cache.get(entry.blob_id)
        if remembered is None:
            missing[entry.blob_id] = entry
        else:
            contents[entry.blob_id] = remembered
    for batch in _batches(list(missing.values())):
        contents.update(_read_blobs(git, batch, deadline))
    for blob_id in missing:
        cache.put(blob_id, contents[blob_id])
    return contents


def _batches(entries: Sequence[_Entry]) -> Iterator[list[_Entry]]:
    batch: list[_Entry] = []
    size = 0
    for entry in entries:
        if batch and size + entry.size > _BATCH_BYTES_MAX:
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size
    if batch:
        yield batch


def _read_blobs(git: GitCommand, entries: Sequence[_Entry], deadline: Deadline) -> dict[str, bytes]:
    if not entries:
        return {}
    names = "".join(f"{entry.blob_id}\n" for entry in entries).encode()
    output = git.read("cat-file", "--batch", "--buffer", deadline=deadline, stdin=names)
    contents: dict[str, bytes] = {}
    start = 0
    for entry in entries:
        end = output.find(b"\n", start)
        header = output[start:end].split() if end >= 0 else []
        if len(header) != 3 or header[1] != b"blob" or int(header[2]) != entry.size:
            raise RepositoryCorrupt(f"{git.directory} lacks the object {entry.blob_id}")
        contents[entry.blob_id] = output[end + 1 : end + 1 + entry.size]
        start = end + 1 + entry.size + 1
    return contents


def _present(fault: Problem | None) -> list[Problem]:
    return [] if fault is None else [fault]
