"""Signed commits: judged by git's exit code against the file of allowed signers."""

import subprocess
from pathlib import Path

import pytest
from git_remote import Remote, git

from reconciler.git.errors import SignatureUnverifiable
from reconciler.git.repository import Repository


def key(path: Path) -> Path:
    """Make a key pair."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True, timeout=30)
    return path


def signed(remote: Remote, private: Path) -> str:
    """Commit with a signature by this key."""
    git(
        remote.directory,
        *("-c", "gpg.format=ssh", "-c", f"user.signingKey={private}.pub"),
        *("commit", "--quiet", "--allow-empty", "-S", "-m", "signed"),
    )
    return git(remote.directory, "rev-parse", "HEAD")


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    """The file of allowed signers, with one key."""
    public = Path(f"{key(tmp_path / 'ada')}.pub").read_text()
    file = tmp_path / "allowed signers"
    file.write_text(f"ada@example.org {public}")
    return file


def test_only_an_allowed_key_verifies(remote: Remote, allowed: Path, tmp_path: Path) -> None:
    """Unsigned, signed by a stranger, and tampered commits do not verify."""
    repository = Repository(remote.directory / ".git")
    unsigned = remote.commit()
    good = signed(remote, tmp_path / "ada")
    foreign = signed(remote, key(tmp_path / "eve"))
    raw = git(remote.directory, "cat-file", "commit", good).replace("\nsigned", "\ntampered") + "\n"
    tampered = git(remote.directory, "hash-object", "-t", "commit", "-w", "--stdin", stdin=raw.encode())
    assert repository.verify(good, allowed)
    for commit in (unsigned, foreign, tampered):
        assert not repository.verify(commit, allowed)


def test_a_missing_file_of_signers_is_not_a_bad_signature(remote: Remote, tmp_path: Path) -> None:
    """A wrong setting is told apart from an unsigned commit."""
    with pytest.raises(SignatureUnverifiable):
        Repository(remote.directory / ".git").verify(remote.commit(), tmp_path / "none")
