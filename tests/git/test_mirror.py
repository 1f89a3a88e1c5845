"""The mirror over file://: tips, trees, rewritten history, missing branches, damage and kills."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from git_remote import Remote, SilentServer, git

from reconciler.git.errors import (
    BranchMissing,
    FetchRefused,
    RepositoryCorrupt,
    RepositoryMissing,
    RevisionMissing,
    StorageFailed,
)
from reconciler.git.source import Mirror
from reconciler.model.errors import Retry


@pytest.fixture
def mirror(tmp_path: Path, remote: Remote) -> Mirror:
    """The mirror of that repository."""
    return Mirror(tmp_path / "data" / "main.git", remote.url)


def test_tip_names_commit_subject_author_and_time(remote: Remote, mirror: Mirror) -> None:
    """A fetched tip says who committed what and when, in UTC."""
    commit = remote.commit("web: 1.27", web="a: 1\n")
    mirror.fetch(20)
    tip = mirror.tip("main")
    assert tip is not None
    assert (tip.commit, tip.subject, tip.author, tip.branch) == (
        commit,
        "web: 1.27",
        "Ada <ada@example.org>",
        "main",
    )
    seconds = git(remote.directory, "log", "-1", "--format=%ct")
    assert tip.committed_at.endswith("Z") and git(remote.directory, "log", "-1", "--format=%cI")[:4] in tip.committed_at
    assert seconds.isdigit()


def test_tip_is_none_before_the_first_fetch(remote: Remote, mirror: Mirror) -> None:
    """A branch that was never fetched has no tip."""
    remote.commit(web="a: 1\n")
    mirror.fetch(20)
    assert mirror.tip("other") is None


def test_reads_manifests_of_a_commit_sorted_with_git_blob_ids(remote: Remote, mirror: Mirror) -> None:
    """Only manifests are read, from the object store, with git's own blob ids."""
    commit = remote.commit(b="b: 1\n", apps__web="a: 1\n")
    remote.write("README.md", "no")
    remote.write("data.json", "{}")
    remote.write(".github/workflows/ci.yaml", "no")
    remote.write(".yamllint.yml", "no")
    commit = remote.commit()
    mirror.fetch(20)
    files, problems = mirror.read(commit)
    assert [file.path for file in files] == ["apps/web.yaml", "b.yaml", "data.json"]
    assert problems == ()
    assert files[0].content == b"a: 1\n"
    assert files[0].blob_id == git(remote.directory, "rev-parse", "HEAD:apps/web.yaml")


def test_reads_only_below_the_path_of_the_source(remote: Remote, mirror: Mirror) -> None:
    """The path of a source limits what is read, however it is written; a hidden one may be named."""
    remote.write(".deploy/x.yaml", "x: 1\n")
    commit = remote.commit(apps__web="a: 1\n", apps2__web="b: 1\n", top="c: 1\n")
    mirror.fetch(20)
    for path in ("apps", "./apps/", "apps/web.yaml"):
        assert [file.path for file in mirror.read(commit, path).files] == ["apps/web.yaml"]
    assert [file.path for file in mirror.read(commit, ".deploy").files] == [".deploy/x.yaml"]


@pytest.mark.parametrize("path", ["nowhere", "../etc", "/etc", "apps/web.yaml/x"])
def test_a_missing_path_is_an_error_not_an_empty_tree(remote: Remote, mirror: Mirror, path: str) -> None:
    """P03: a path that is not there refuses the revision instead of reading as "delete all"."""
    commit = remote.commit(apps__web="a: 1\n")
    mirror.fetch(20)
    tree = mirror.read(commit, path)
    assert tree.files == ()
    assert tree.has_errors and tree.problems[0].code == "path-missing"


def test_force_push_is_followed(remote: Remote, mirror: Mirror) -> None:
    """P11: after history was rewritten the branch's tip is what counts."""
    remote.commit("first", web="a: 1\n")
    remote.commit("second", web="a: 2\n")
    mirror.fetch(20)
    git(remote.directory, "reset", "--quiet", "--hard", "HEAD~1")
    rewritten = remote.commit("other", web="a: 3\n")
    mirror.fetch(20)
    tip = mirror.tip("main")
    assert tip is not None and tip.commit == rewritten
    assert mirror.read(rewritten).files[0].content == b"a: 3\n"


def test_unrelated_history_is_followed(remote: Remote, mirror: Mirror) -> None:
    """P11: a branch replaced by one without a common commit is followed too."""
    remote.commit(web="a: 1\n")
    mirror.fetch(20)
    git(remote.directory, "checkout", "--quiet", "--orphan", "fresh")
    commit = remote.commit("fresh", web="a: 9\n")
    git(remote.directory, "branch", "-f", "main", commit)
    mirror.fetch(20)
    tip = mirror.tip("main")
    assert tip is not None and tip.commit == commit


def test_missing_branch_names_those_that_exist_and_keeps_the_last_tip(remote: Remote, mirror: Mirror) -> None:
    """P03: a branch that vanished changes nothing that was fetched."""
    commit = remote.commit(web="a: 1\n")
    mirror.fetch(20)
    git(remote.directory, "branch", "-m", "main", "trunk")
    with pytest.raises(BranchMissing) as caught:
        mirror.fetch(20)
    assert caught.value.branches == ("trunk",)
    assert caught.value.retry is Retry.TERMINAL
    tip = mirror.tip("main")
    assert tip is not None and tip.commit == commit


def test_empty_repository_is_a_missing_branch(remote: Remote, mirror: Mirror) -> None:
    """P03: a repository without commits is a failure that says so, not an empty revision."""
    with pytest.raises(BranchMissing, match="empty"):
        mirror.fetch(20)
    assert mirror.tip("main") is None


def test_nothing_of_the_remote_is_executed(remote: Remote, mirror: Mirror, tmp_path: Path) -> None:
    """Hooks and commands in the remote's own settings run neither there nor here."""
    commit = remote.commit(web="a: 1\n")
    witness = tmp_path / "ran"
    program = remote.directory / ".git" / "program"
    program.write_text(f'#!/bin/sh\ntouch {witness}\nexec "$@"\n')
    program.chmod(0o755)
    (remote.directory / ".git" / "hooks").mkdir(exist_ok=True)
    for name in ("post-checkout", "reference-transaction", "pre-auto-gc", "post-index-change"):
        (remote.directory / ".git" / "hooks" / name).symlink_to(program)
    for name in ("core.fsmonitor", "core.pager", "uploadpack.packObjectsHook", "core.sshCommand", "core.gitProxy"):
        git(remote.directory, "config", name, str(program))
    mirror.fetch(20)
    mirror.read(commit)
    mirror.maintain((), 20)
    assert not witness.exists()


def test_a_fetch_leaves_nothing_beside_the_mirror_but_its_own(remote: Remote, mirror: Mirror) -> None:
    """A daemon that fetches for years does not fill its data directory with scraps."""
    remote.commit(web="a: 1\n")
    for _ in range(2):
        mirror.fetch(20)
    beside = sorted(path.name for path in mirror.directory.parent.iterdir())
    assert beside == ["main.git", "main.git.lock", "main.git.marks"]


def test_hostile_subjects_and_times(remote: Remote, mirror: Mirror) -> None:
    """A commit cannot steer a terminal by its subject nor stop us by its time."""
    tree = git(remote.directory, "mktree", stdin=b"")
    raw = f"tree {tree}\nauthor A <a> 1 +0000\ncommitter A <a> 99999999999999 +0000\n\nx\x1b[2J\x07y\n"
    commit = git(remote.directory, "hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=raw.encode())
    git(remote.directory, "update-ref", "refs/heads/main", commit)
    mirror.fetch(20)
    tip = mirror.tip("main")
    assert tip is not None and tip.subject.isprintable() and tip.committed_at == "9999-12-31T00:00:00Z"


def test_a_fresh_mirror_has_no_tip(mirror: Mirror) -> None:
    """P03: before the first fetch there is no revision, which is not the same as an empty one."""
    assert mirror.tip("main") is None
    with pytest.raises(RevisionMissing):
        mirror.read("0" * 40)


@pytest.mark.real
def test_a_full_disk_is_named_and_passes(remote: Remote, tmp_path: Path) -> None:
    """A full disk fails the fetch with that reason, keeps what is there, and heals once there is room."""
    first = remote.commit(web="a: 1\n")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", small], check=True, timeout=20)
    try:
        following = Mirror(small / "main.git", remote.url)
        following.fetch(20)
        remote.write("noise.bin", os.urandom(3_000_000))
        second = remote.commit()
        with pytest.raises(StorageFailed):
            following.fetch(20)
        assert following.read(first).files[0].content == b"a: 1\n"
        subprocess.run(["mount", "-o", "remount,size=20m", small], check=True, timeout=20)
        following.fetch(20)
        assert following.has(second)
    finally:
        subprocess.run(["umount", small], check=True, timeout=20)


def test_missing_repository(tmp_path: Path) -> None:
    """A local address without a repository is terminal."""
    with pytest.raises(RepositoryMissing):
        Mirror(tmp_path / "m.git", f"file://{tmp_path}/nowhere").fetch(20)


@pytest.mark.parametrize("url", ["ext::sh -c date", "-oProxyCommand=x:y", "fd::3", "ftp://host/x", "ssh://-oX/y"])
def test_addresses_that_would_run_something_are_refused(tmp_path: Path, url: str) -> None:
    """Only plain transports are fetched; an address is never an option or a command."""
    following = Mirror(tmp_path / "m.git", url)
    with pytest.raises(RepositoryMissing):
        following.fetch(20)
    assert following.tip("main") is None


def test_branch_that_turns_into_a_folder_of_branches(remote: Remote, tmp_path: Path) -> None:
    """P11: `a` renamed to `a/b` and followed does not wedge the mirror."""
    remote.commit(web="a: 1\n")
    git(remote.directory, "branch", "-m", "main", "a")
    Mirror(tmp_path / "m.git", remote.url, branch="a").fetch(20)
    git(remote.directory, "branch", "-m", "a", "a/b")
    mirror = Mirror(tmp_path / "m.git", remote.url, branch="a/b")
    mirror.fetch(20)
    assert mirror.tip("a/b") is not None


def test_unknown_commit(remote: Remote, mirror: Mirror) -> None:
    """A commit that is not there is told apart from damage."""
    remote.commit(web="a: 1\n")
    mirror.fetch(20)
    with pytest.raises(RevisionMissing):
        mirror.read("0123456789" * 4)
    with pytest.raises(RevisionMissing):
        mirror.read("--output=/tmp/x")


def test_resolve_names_commits_and_refuses_options(remote: Remote, mirror: Mirror) -> None:
    """Short hashes and branches resolve; anything else is None."""
    commit = remote.commit("one", web="a: 1\n")
    mirror.fetch(20)
    for name in (commit, commit[:8], "main"):
        resolved = mirror.resolve(name)
        assert resolved is not None and resolved.commit == commit
    assert mirror.resolve("--all") is None
    assert mirror.resolve("nothing") is None


def test_stale_locks_of_a_killed_process_are_cleared(remote: Remote, mirror: Mirror, tmp_path: Path) -> None:
    """P17: lock files that a kill -9 left do not stop the next fetch."""
    remote.commit(web="a: 1\n")
    mirror.fetch(20)
    leftovers = [
        mirror.directory / name
        for name in ("packed-refs.lock", "HEAD.lock", "config.lock", "refs/heads/main.lock", "objects/pack/tmp_pack_x")
    ]
    for leftover in leftovers:
        leftover.touch()
    commit = remote.commit(web="a: 2\n")
    after_restart = Mirror(mirror.directory, remote.url)
    after_restart.fetch(20)
    tip = after_restart.tip("main")
    assert tip is not None and tip.commit == commit
    assert not [leftover for leftover in leftovers if leftover.exists()]


def test_damaged_mirror_is_built_anew(remote: Remote, mirror: Mirror) -> None:
    """A mirror with lost objects is reported once and whole again after the next fetch."""
    commit = remote.commit(web="a: 1\n")
    mirror.fetch(20)
    blob = git(remote.directory, "rev-parse", "HEAD:web.yaml")
    objects = git(mirror.directory, "cat-file", "--batch-check", "--batch-all-objects").splitlines()
    for pack in _object_files(mirror):
        pack.rename(mirror.directory.parent / pack.name)
    for pack in mirror.directory.parent.glob("*.pack"):
        git(mirror.directory, "unpack-objects", "-q", stdin=pack.read_bytes())
    assert len(objects) == 3
    (mirror.directory / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(RepositoryCorrupt):
        mirror.read(commit)
    remote.directory.rename(remote.directory.with_name("away"))
    with pytest.raises(RepositoryMissing):
        mirror.fetch(20)
    remote.directory.with_name("away").rename(remote.directory)
    mirror.fetch(20)
    assert mirror.read(commit).files[0].content == b"a: 1\n"


@pytest.mark.parametrize("spoil", ["HEAD", "config", "objects", "refs/heads/main"])
def test_torn_mirror_is_built_anew(remote: Remote, mirror: Mirror, spoil: str) -> None:
    """P17: a mirror torn by a power cut heals by itself with the next fetch."""
    remote.commit(web="a: 1\n")
    mirror.fetch(20)
    if spoil == "objects":
        for file in _object_files(mirror):
            file.chmod(0o600)
            file.write_bytes(b"")
    else:
        (mirror.directory / spoil).write_bytes(b"\0\0\0")
    commit = remote.commit(web="a: 2\n")
    after_restart = Mirror(mirror.directory, remote.url)
    after_restart.fetch(30)
    tip = after_restart.tip("main")
    assert tip is not None and tip.commit == commit
    assert after_restart.read(commit).files[0].content == b"a: 2\n"


def test_objects_that_git_refuses_do_not_rebuild_a_whole_mirror(remote: Remote, mirror: Mirror) -> None:
    """A remote with malformed objects is refused; what was fetched before stays."""
    good = remote.commit(web="a: 1\n")
    mirror.fetch(20)
    blob = remote.blob(b"x: 1\n")
    inner = git(remote.directory, "mktree", "-z", stdin=f"100644 blob {blob}\tx.yaml\0".encode())
    # A tree that names the same entry twice, which mktree would not write.
    raw = (b"100644 x.yaml\0" + bytes.fromhex(blob)) * 2
    tree = git(remote.directory, "hash-object", "-t", "tree", "--literally", "-w", "--stdin", stdin=raw)
    commit = git(remote.directory, "commit-tree", tree, "-m", "bad")
    git(remote.directory, "update-ref", "refs/heads/main", commit)
    inode = mirror.directory.stat().st_ino
    with pytest.raises(FetchRefused):
        mirror.fetch(20)
    assert inner and mirror.directory.stat().st_ino == inode
    tip = mirror.tip("main")
    assert tip is not None and tip.commit == good


def test_maintenance_keeps_what_is_named(remote: Remote, mirror: Mirror) -> None:
    """A commit kept for a rollback survives a force-push and a clean-up; others go."""
    kept = remote.commit("kept", web="a: 1\n")
    mirror.fetch(20)
    git(remote.directory, "reset", "--quiet", "--hard")
    git(remote.directory, "commit", "--quiet", "--amend", "-m", "dropped")
    dropped = git(remote.directory, "rev-parse", "HEAD")
    mirror.fetch(20)
    git(remote.directory, "commit", "--quiet", "--amend", "-m", "newest")
    mirror.fetch(20)
    mirror.maintain((kept,), 30)
    assert mirror.has(kept) and not mirror.has(dropped)
    assert mirror.read(kept).files[0].content == b"a: 1\n"
    mirror.maintain((), 30)
    assert not mirror.has(kept)


def test_inherited_git_variables_do_not_redirect(
    remote: Remote, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon started from within a git hook reads its own mirror all the same."""
    commit = remote.commit(web="a: 1\n")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_SSH_COMMAND", "false")
    mirror.fetch(20)
    assert mirror.read(commit).files[0].content == b"a: 1\n"


def _object_files(mirror: Mirror) -> list[Path]:
    return [*mirror.directory.glob("objects/??/*"), *mirror.directory.glob("objects/pack/*")]


_FETCH_FOR_EVER = """
import sys
from pathlib import Path
from reconciler.git.source import Mirror
Mirror(Path(sys.argv[1]), sys.argv[2]).fetch(100)
"""


def test_kill_in_the_middle_of_a_fetch_then_fetch_again(remote: Remote, tmp_path: Path) -> None:
    """P17: after kill -9 in mid-fetch the next fetch ends what was left running and works."""
    commit = remote.commit(web="a: 1\n")
    directory = tmp_path / "data" / "m.git"
    with SilentServer() as server:
        daemon = subprocess.Popen(
            [sys.executable, "-c", _FETCH_FOR_EVER, str(directory), f"git://127.0.0.1:{server.port}/x"]
        )
        server.accepted.wait(20)
        daemon.kill()
        daemon.wait()
        lock = directory.with_name("m.git.lock")
        orphan = int(lock.read_text())
        os.killpg(orphan, 0)
        mirror = Mirror(directory, remote.url)
        mirror.fetch(20)
        tip = mirror.tip("main")
        assert tip is not None and tip.commit == commit
        assert not _is_running(orphan)


def _is_running(pid: int) -> bool:
    """Whether a process works; one that only waits to be reaped by a lazy init does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False
