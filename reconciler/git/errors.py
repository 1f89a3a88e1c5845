"""What can go wrong with a repository. Each class answers "retry?"; nothing here is decided by matching text.

Neither kind is given up (P25): a terminal failure is only tried at the slow end of the back-off.
"""

from reconciler.model.errors import DeadlineError, ReconcilerError, Retry


class GitFailure(ReconcilerError):
    """Base of all. `detail` is what git said, for people; `hint` the one command or step that mends it."""

    reason = "GitFailed"

    def __init__(self, message: str, *, detail: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.message = message
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.message} (git said: {self.detail})" if self.detail else self.message


class SourceUnreachable(GitFailure):
    """The remote did not answer, or failed while answering."""

    reason = "SourceUnreachable"


class DeadlineExceeded(GitFailure, DeadlineError):
    """A git operation was ended because its deadline passed."""

    reason = "DeadlineExceeded"


class RepositoryCorrupt(GitFailure):
    """Objects are missing or damaged in the local copy. The next fetch builds it anew by itself."""

    reason = "RepositoryCorrupt"


class RepositoryMissing(GitFailure):
    """There is no repository at the address, or no such local directory."""

    retry = Retry.TERMINAL
    reason = "RepositoryMissing"


class BranchMissing(GitFailure):
    """The remote has no such branch. `branches` are the ones it has; none: the repository is empty."""

    retry = Retry.TERMINAL
    reason = "BranchMissing"

    def __init__(self, branch: str, branches: tuple[str, ...], url: str) -> None:
        self.branch = branch
        self.branches = branches
        super().__init__(f"{url} has no branch {branch!r}; {_listed(branches)}")


class RevisionMissing(GitFailure):
    """The commit is not in the repository (any more)."""

    retry = Retry.TERMINAL
    reason = "RevisionMissing"


class AuthFailed(GitFailure):
    """The remote wants credentials that were not given, or refused those that were."""

    retry = Retry.TERMINAL
    reason = "AuthFailed"


class TrustFailed(GitFailure):
    """The remote could not prove who it is."""

    retry = Retry.TERMINAL
    reason = "TrustFailed"


class HostKeyUnknown(TrustFailed):
    """No key of this ssh host is known yet. `fingerprint` is that of the key it offers."""

    reason = "HostKeyUnknown"

    def __init__(self, message: str, *, fingerprint: str, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.fingerprint = fingerprint


class HostKeyChanged(HostKeyUnknown):
    """The ssh host offers other keys than the known ones."""

    reason = "HostKeyChanged"


class StorageFailed(GitFailure):
    """The disk that holds our copy is full or cannot be written."""

    reason = "StorageFailed"


class FetchRefused(GitFailure):
    """The remote answers and our copy is whole, yet git's own checks refuse the objects."""

    retry = Retry.TERMINAL
    reason = "FetchRefused"


class SignatureUnverifiable(GitFailure):
    """Whether a commit is signed cannot be told: the file of allowed signers or a tool is missing."""

    retry = Retry.TERMINAL
    reason = "SignatureUnverifiable"


def _listed(branches: tuple[str, ...]) -> str:
    if not branches:
        return "the repository is empty"
    more = ", ..." if len(branches) > 5 else ""
    return "it has " + ", ".join(branches[:5]) + more
