"""A local repository that revisions are read from: a mirror or the received repository. Effect: runs git."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from reconciler.git.command import Deadline, GitCommand, printable
from reconciler.git.errors import RepositoryCorrupt, RepositoryMissing, RevisionMissing, SignatureUnverifiable
from reconciler.git.objects import BlobCache, read_tree
from reconciler.git.tree import Tree
from reconciler.model.desired import RevisionInfo

READ_DEADLINE_S = 30.0

_TIME_MAX = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())  # a commit may claim any time
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_FACTS = "%H%x00%s%x00%an <%ae>%x00%ct"
_REF_FACTS = "%(objectname)%00%(contents:subject)%00%(authorname) %(authoremail)%00%(committerdate:unix)"


class Repository:
    """Reads tips, revisions and trees of one bare repository. Never writes to it.

    `environment` names extra object directories (a push in quarantine).
    """

    def __init__(self, directory: Path, *, environment: Mapping[str, str] | None = None) -> None:
        self.directory = directory = directory.absolute()
        self._cache = BlobCache()
        self._git = GitCommand(directory, environment=environment or {}, config=(f"safe.directory={directory}",))

    def fetch(self, deadline_s: float) -> None:
        """Nothing is to be fetched into a repository that receives pushes; it only has to be there."""
        if not (self.directory / "objects").is_dir():
            raise RepositoryMissing(f"{self.directory} is not a repository", hint="reconciler init --receive")

    def tip(self, branch: str, deadline_s: float = READ_DEADLINE_S) -> RevisionInfo | None:
        """Return the newest commit of a branch as last fetched, or None when there is none."""
        if not (self.directory / "HEAD").exists():
            return None
        output = self._git.read(
            "for-each-ref", f"--format={_REF_FACTS}", f"refs/heads/{branch}", deadline=Deadline(deadline_s)
        )
        return _revision(output, branch) if output else None

    def resolve(self, revision: str, branch: str = "", deadline_s: float = READ_DEADLINE_S) -> RevisionInfo | None:
        """Return the commit that a full or short hash, branch or tag names, or None."""
        deadline = Deadline(deadline_s)
        named = self._git.run(
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            f"{revision}^{{commit}}",
            deadline=deadline,
        )
        commit = named.stdout.decode("ascii", "replace").strip()
        if not named.is_success or not _COMMIT.fullmatch(commit):
            return None
        output = self._git.read("log", "-1", "--no-show-signature", f"--format={_FACTS}", commit, deadline=deadline)
        return _revision(output, branch)

    def read(self, commit: str, path: str = "", deadline_s: float = READ_DEADLINE_S) -> Tree:
        """Return the manifests under `path` at a commit, as committed, with the tree's problems.

        A path that is not in the tree is an error among the problems, never an empty tree (P03).
        """
        deadline = Deadline(deadline_s)
        try:
            return read_tree(self._git, _full(commit), path, self._cache, deadline)
        except RepositoryCorrupt:
            if not self.has(commit, deadline.left()):
                raise RevisionMissing(f"commit {commit} is not in {self.directory}") from None
            raise

    def has(self, commit: str, deadline_s: float = READ_DEADLINE_S) -> bool:
        """Whether the commit is in the repository."""
        deadline = Deadline(deadline_s)
        return self._git.run("cat-file", "-e", f"{_full(commit)}^{{commit}}", deadline=deadline).is_success

    def verify(self, commit: str, allowed_signers: Path, deadline_s: float = READ_DEADLINE_S) -> bool:
        """Whether an allowed key signed the commit (ssh signatures).

        Decided by git's exit code: its text says "good" of an unknown key too.
        """
        try:
            allowed_signers.read_bytes()
        except OSError as error:
            raise SignatureUnverifiable(
                f"the file of allowed signers {allowed_signers} cannot be read: {error.strerror}"
            ) from error
        return self._git.run(
            "-c",
            f"gpg.ssh.allowedSignersFile={allowed_signers.absolute()}",
            "-c",
            "gpg.minTrustLevel=fully",
            "verify-commit",
            "--raw",
            _full(commit),
            deadline=Deadline(deadline_s),
        ).is_success


def _full(commit: str) -> str:
    if not _COMMIT.fullmatch(commit):
        raise RevisionMissing(f"{commit!r} is not a full commit hash")
    return commit


def _revision(output: bytes, branch: str) -> RevisionInfo:
    commit, subject, author, seconds = output.decode("utf-8", "replace").rstrip("\n").split("\0")
    committed_at = datetime.fromtimestamp(min(max(int(seconds), 0), _TIME_MAX), UTC)
    return RevisionInfo(
        commit=commit,
        subject=printable(subject),
        author=printable(author),
        committed_at=committed_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        branch=branch,
    )
