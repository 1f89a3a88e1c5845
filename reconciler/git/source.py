"""The mirror of one source: a bare repository that follows one branch of a remote. Effect: network, disk.

Rewritten history is normal: the branch's tip is what counts (P11). A fetch that fails changes nothing that
was fetched before (P03). What a killed process left behind is cleared, and a damaged mirror is built anew,
both by the next fetch.
"""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from reconciler.git.access import Access, Remote, parse_remote, remote_config, remote_environment
from reconciler.git.command import Deadline, Exit, GitCommand
from reconciler.git.diagnosis import explain
from reconciler.git.errors import (
    BranchMissing,
    DeadlineExceeded,
    FetchRefused,
    GitFailure,
    RepositoryCorrupt,
    StorageFailed,
)
from reconciler.git.ownership import Ownership
from reconciler.git.repository import READ_DEADLINE_S, Repository
from reconciler.git.tree import Tree
from reconciler.model.desired import RevisionInfo

# Old histories carry these, and they are harmless to a reader.
_FSCK_TOLERATED = ("badTimezone", "missingSpaceBeforeDate", "zeroPaddedFilemode", "gitmodulesSymlink")

_FETCH_CONFIG = (
    "fetch.fsckObjects=true",
    "transfer.fsckObjects=true",
    "fetch.writeCommitGraph=false",
    "fetch.recurseSubmodules=false",
    *(f"fetch.fsck.{name}=ignore" for name in _FSCK_TOLERATED),
)

_REFS_BYTES_MAX = 64 * 1024 * 1024
_FREE_BYTES_MIN = 1024 * 1024

_FETCH = (
    "fetch",
    "--quiet",
    "--force",
    "--no-tags",
    "--no-recurse-submodules",
    "--no-write-fetch-head",
    "--no-auto-maintenance",
    "--no-show-forced-updates",
    "--refmap=",
    "--update-head-ok",
)


class Mirror(Repository):
    """Follows `branch` of the repository at `url` in the bare `directory` (`<data>/git/<source>.git`)."""

    def __init__(self, directory: Path, url: str, *, branch: str = "main", access: Access | None = None) -> None:
        super().__init__(directory)
        self.branch = branch
        self._url = url
        self._access = access or Access()
        self._ownership = Ownership(self._beside(".lock"))
        self._is_left_clean = False
        self._is_suspect = False

    def fetch(self, deadline_s: float) -> None:
        """Bring the branch's newest commit here, or raise why it could not be.

        Ends within the deadline (P07).
        """
        with self._writing(deadline := Deadline(deadline_s)) as lock_fd:
            marks = _emptied(self._beside(".marks"))
            git = self._reaching(marks, lock_fd)
            self._prepare(git, deadline)
            if self._is_suspect:
                self._rebuild(git, marks, deadline)
            else:
                self._fetch_or_mend(git, marks, deadline)

    def read(self, commit: str, path: str = "", deadline_s: float = READ_DEADLINE_S) -> Tree:
        """Return the manifests at a commit; the next fetch builds a mirror anew that was found damaged."""
        with self._noticing_damage():
            return super().read(commit, path, deadline_s)

    def tip(self, branch: str, deadline_s: float = READ_DEADLINE_S) -> RevisionInfo | None:
        """Return the newest commit as last fetched; damage is noticed as in `read`."""
        with self._noticing_damage():
            return super().tip(branch, deadline_s)

    def maintain(self, keep: tuple[str, ...], deadline_s: float) -> None:
        """Pack the mirror and drop what neither the branch nor a commit in `keep` reaches."""
        with self._writing(deadline := Deadline(deadline_s)) as lock_fd:
            git = replace(self._git, kept_fds=(lock_fd,), started=self._ownership.started)
            self._prepare(git, deadline)
            kept = {commit for commit in keep if self.has(commit, deadline.left())}
            listed = git.read("for-each-ref", "--format=%(refname)", "refs/reconciler/", deadline=deadline)
            orders = [f"delete {name}\n" for name in listed.decode().split() if name.rpartition("/")[2] not in kept]
            orders += [f"update refs/reconciler/{commit} {commit}\n" for commit in sorted(kept)]
            git.read("update-ref", "--stdin", deadline=deadline, stdin="".join(orders).encode())
            git.read("-c", "gc.autoDetach=false", "gc", "--quiet", "--prune=now", deadline=deadline)

    @property
    def _remote(self) -> Remote:
        """The address in parts; a wrong one fails the fetch of this source, not the start of everything."""
        return parse_remote(self._url)

    @contextlib.contextmanager
    def _writing(self, deadline: Deadline) -> Iterator[int]:
        """Own the mirror; a run that does not come to its end leaves it to be tidied up by the next."""
        try:
            self.directory.parent.mkdir(parents=True, exist_ok=True)
            with self._ownership.held(deadline) as lock_fd:
                yield lock_fd
                self._is_left_clean = True
        except OSError as error:
            raise StorageFailed(f"{self.directory} cannot be written: {error.strerror}") from error

    @contextlib.contextmanager
    def _noticing_damage(self) -> Iterator[None]:
        try:
            yield
        except RepositoryCorrupt:
            self._is_suspect = True
            raise

    def _reaching(self, marks: Path, lock_fd: int) -> GitCommand:
        return GitCommand(
            self.directory,
            environment=remote_environment(self._remote, self._access, marks),
            config=(*self._git.config, *_FETCH_CONFIG, *remote_config(self._remote, self._access)),
            kept_fds=(lock_fd,),
            started=self._ownership.started,
        )

    def _prepare(self, git: GitCommand, deadline: Deadline) -> None:
        """Have a repository that nobody else is working in."""
        if not (self.directory / "HEAD").exists():
            shutil.rmtree(self.directory, ignore_errors=True)
            _create(git, deadline)
        elif not self._is_left_clean:
            _clear_leftovers(self.directory)
        self._is_left_clean = False

    def _fetch_or_mend(self, git: GitCommand, marks: Path, deadline: Deadline) -> None:
        ended = self._fetch_branch(git, deadline)
        if ended.is_success:
            return
        self._check_remote(git, marks, deadline)
        # The remote is well, so the fault was passing or is on our side.
        self._drop_other_branches(git, deadline)
        ended = self._fetch_branch(git, deadline)
        if ended.is_success:
            return
        if self._is_whole(git, deadline):
            raise self._refusal(ended)
        self._rebuild(git, marks, deadline)

    def _fetch_branch(self, git: GitCommand, deadline: Deadline) -> Exit:
        refspec = f"+refs/heads/{self.branch}:refs/heads/{self.branch}"
        return git.run(*_FETCH, "--", self._remote.url, refspec, deadline=deadline)

    def _check_remote(self, git: GitCommand, marks: Path, deadline: Deadline) -> None:
        """Raise why the remote cannot be read or lacks the branch; return when all is well there."""
        anywhere = replace(git, directory=marks / "none")  # a damaged mirror is not to blame the remote
        ended = anywhere.run(
            "ls-remote", "--quiet", "--heads", "--", self._remote.url, deadline=deadline, stdout_max=_REFS_BYTES_MAX
        )
        if not ended.is_success:
            raise explain(self._remote, self._access, marks, ended.stderr, deadline)
        names = [line.partition("\t")[2] for line in ended.stdout.decode("utf-8", "replace").splitlines()]
        branches = tuple(sorted(name.removeprefix("refs/heads/") for name in names))
        if self.branch not in branches:
            raise BranchMissing(self.branch, branches, self._remote.url)

    def _drop_other_branches(self, git: GitCommand, deadline: Deadline) -> None:
        """Remove branches followed earlier: `a` and `a/b` cannot both exist."""
        listed = git.run("for-each-ref", "--format=%(refname)", "refs/heads/", deadline=deadline).stdout.decode()
        others = [name for name in listed.splitlines() if name != f"refs/heads/{self.branch}"]
        orders = "".join(f"delete {name}\n" for name in others)
        git.run("update-ref", "--stdin", deadline=deadline, stdin=orders.encode())

    def _is_whole(self, git: GitCommand, deadline: Deadline) -> bool:
        try:
            return git.run("fsck", "--no-dangling", "--no-progress", deadline=deadline).is_success
        except DeadlineExceeded:
            self._is_suspect = True  # too large to look through: the next fetch builds it anew instead
            raise

    def _rebuild(self, git: GitCommand, marks: Path, deadline: Deadline) -> None:
        """Fetch into a new repository and put it in the old one's place; until then the old one stays."""
        self._is_suspect = True
        fresh = _emptied(self._beside(".new"))
        into_fresh = replace(git, directory=fresh)
        _create(into_fresh, deadline)
        ended = self._fetch_branch(into_fresh, deadline)
        if not ended.is_success:
            self._check_remote(git, marks, deadline)
            raise self._refusal(ended)
        shutil.rmtree(self.directory)
        fresh.rename(self.directory)
        self._is_suspect = False

    def _refusal(self, ended: Exit) -> GitFailure:
        if shutil.disk_usage(self.directory).free < _FREE_BYTES_MIN:
            return StorageFailed(f"the disk that holds {self.directory} is full", detail=ended.stderr)
        return FetchRefused(f"the objects of {self._remote.url} are not accepted", detail=ended.stderr)

    def _beside(self, suffix: str) -> Path:
        return self.directory.with_name(self.directory.name + suffix)


def _emptied(directory: Path) -> Path:
    """Return a directory that exists and is empty."""
    if directory.exists():
        shutil.rmtree(directory)
    directory.mkdir(mode=0o700)
    return directory


def _create(git: GitCommand, deadline: Deadline) -> None:
    """Make an empty bare repository; one that was not finished has no HEAD and is made again."""
    git.read("init", "--quiet", "--bare", "--template=", "--initial-branch=main", deadline=deadline)


def _clear_leftovers(directory: Path) -> None:
    """Remove locks and unfinished objects of killed processes: we alone write here, and hold the lock."""
    for pattern in (
        "*.lock",
        "refs/**/*.lock",
        "objects/info/*.lock",
        "objects/pack/tmp_*",
        "objects/??/tmp_obj_*",
    ):
        for leftover in directory.glob(pattern):
            leftover.unlink(missing_ok=True)
