"""What is read of a tree and what is refused: the same for a commit and for a directory."""

import hashlib
import os
from pathlib import Path

import pytest
from git_remote import Remote, git

from reconciler.git import objects, tree
from reconciler.git.repository import Repository
from reconciler.git.worktree import read_directory
from reconciler.model.problem import Severity


def committed(remote: Remote, path: str = "") -> tree.Tree:
    """Read the remote's newest commit straight from its object store."""
    repository = Repository(remote.directory / ".git")
    tip = repository.tip("main")
    assert tip is not None
    return repository.read(tip.commit, path)


def codes(found: tree.Tree) -> list[tuple[str, str]]:
    """Return file and code of every problem."""
    return sorted((problem.file, problem.code) for problem in found.problems)


def on_disk(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> tree.Tree:
    """Read the work tree as someone who stands in it."""
    monkeypatch.chdir(remote.directory)
    return read_directory(".")


def test_commit_and_directory_read_alike(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    """`validate` and `git push` see the same files, blob ids and problems."""
    remote.write("apps/web.yaml", "a: 1\n")
    remote.write("apps/b.yml", "b: 1\n")
    remote.write("c.json", "{}")
    remote.write("base/Kustomization", "k: 1\n")
    remote.write("README.md", "text")
    remote.write(".github/x.yaml", "no")
    remote.write("lfs.yaml", "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n")
    (remote.directory / "inside.yaml").symlink_to("apps/web.yaml")
    (remote.directory / "folder").symlink_to("apps")
    (remote.directory / "LICENSE").symlink_to("README.md")
    (remote.directory / "apps" / "up.yaml").symlink_to("../c.json")
    (remote.directory / "outside.yaml").symlink_to("/etc/passwd")
    (remote.directory / "apps" / "escape").symlink_to("../../elsewhere")
    remote.commit()
    in_commit, in_directory = committed(remote), on_disk(remote, monkeypatch)
    assert in_commit.files == in_directory.files
    assert codes(in_commit) == codes(in_directory)
    assert [file.path for file in in_commit.files] == [
        *("apps/b.yml", "apps/web.yaml", "base/Kustomization", "c.json", "lfs.yaml")
    ]
    assert codes(in_commit) == [
        ("apps/escape", "link-outside-tree"),
        ("apps/up.yaml", "link-skipped"),
        ("folder", "link-skipped"),
        ("inside.yaml", "link-skipped"),
        ("lfs.yaml", "lfs-pointer"),
        ("outside.yaml", "link-outside-tree"),
    ]
    warnings = {problem.file for problem in in_commit.problems if problem.severity is Severity.WARNING}
    assert warnings == {"apps/up.yaml", "folder", "inside.yaml"}


def test_links_below_the_path_of_a_source_are_judged_by_the_whole_repository(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link to a sibling directory stays inside the repository, also when only a part of it is read."""
    remote.write("shared/x.yaml", "x: 1\n")
    remote.write("apps/web.yaml", "a: 1\n")
    (remote.directory / "apps" / "x.yaml").symlink_to("../shared/x.yaml")
    remote.commit()
    assert codes(committed(remote, "apps")) == [("apps/x.yaml", "link-skipped")]
    monkeypatch.chdir(remote.directory)
    assert codes(read_directory("apps")) == [("apps/x.yaml", "link-skipped")]


def test_a_link_as_the_path_of_a_source_is_not_followed(remote: Remote) -> None:
    """P03: a path that is only reachable through a link reads as missing, not as empty."""
    remote.write("v1/web.yaml", "a: 1\n")
    remote.write("v1/NOTES", "")
    (remote.directory / "current").symlink_to("v1")
    remote.commit()
    for path in ("current", "current/web.yaml", "v1/NOTES"):
        assert codes(committed(remote, path)) == [(path, "path-missing")]
        assert committed(remote, path).has_errors


def test_large_files_are_refused_without_being_read(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    """A manifest over 10 MiB is an error with its place; the others are still read."""
    remote.write("large.yaml", b"#" * (tree.FILE_BYTES_MAX + 1))
    remote.write("limit.yaml", b"#" * tree.FILE_BYTES_MAX)
    remote.write("image.bin", b"#" * (tree.FILE_BYTES_MAX + 1))
    remote.commit()
    for found in (committed(remote), on_disk(remote, monkeypatch)):
        assert codes(found) == [("large.yaml", "file-too-large")]
        assert [file.path for file in found.files] == ["limit.yaml"]
    monkeypatch.setattr(objects, "_BATCH_BYTES_MAX", 1000)
    remote.write("small.yaml", "s: 1\n")
    remote.commit()
    assert [len(file.content) for file in committed(remote).files] == [tree.FILE_BYTES_MAX, 5]


def test_too_many_or_too_much_is_refused(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree beyond the limits is one error, and nothing of it is read."""
    remote.commit(a="a: 1\n", b="b: 1\n", c="c: 1\n")
    monkeypatch.setattr(tree, "FILES_MAX", 2)
    for found in (committed(remote), on_disk(remote, monkeypatch)):
        assert codes(found) == [(".", "too-many-files")] and found.files == ()
    monkeypatch.setattr(tree, "FILES_MAX", 10)
    monkeypatch.setattr(tree, "TREE_BYTES_MAX", 10)
    for found in (committed(remote), on_disk(remote, monkeypatch)):
        assert codes(found) == [(".", "tree-too-large")] and found.files == ()


def test_file_names_that_cannot_be_shown_are_refused(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with a newline or bytes that are not UTF-8 is an error, shown escaped: it cannot fake a line."""
    for name in (b"bad\nname.yaml", b"bad\xff.yaml", b"esc\x1b[2J.yaml", b"odd\xff.txt", "grün.yaml".encode()):
        Path(os.fsdecode(os.fsencode(remote.directory) + b"/" + name)).write_text("a: 1\n")
    remote.commit()
    for found in (committed(remote), on_disk(remote, monkeypatch)):
        assert [file.path for file in found.files] == ["grün.yaml"]
        assert codes(found) == [
            ("bad\\nname.yaml", "file-name-invalid"),
            ("bad\\xff.yaml", "file-name-invalid"),
            ("esc\\x1b[2J.yaml", "file-name-invalid"),
        ]


def test_submodules_are_skipped_with_a_warning(remote: Remote, tmp_path: Path) -> None:
    """A submodule's content is another repository's; nothing of it is fetched or read."""
    other = Remote(tmp_path / "other")
    commit = other.commit(web="a: 1\n")
    remote.commit(web="a: 1\n")
    git(remote.directory, "update-index", "--add", "--cacheinfo", f"160000,{commit},lib.git")
    git(remote.directory, "commit", "-q", "-m", "submodule")
    found = committed(remote)
    assert codes(found) == [("lib.git", "submodule-skipped")] and not found.has_errors
    git(other.directory, "clone", "-q", ".", str(remote.directory / "lib.git"))
    assert codes(read_directory(remote.directory)) == [(str(remote.directory / "lib.git"), "submodule-skipped")]


def test_filters_and_attributes_are_not_applied(remote: Remote, tmp_path: Path) -> None:
    """Content is what was committed: no filter runs, no line ending changes, no export rule hides a file."""
    witness = tmp_path / "ran"
    git(remote.directory, "config", "filter.evil.smudge", f"touch {witness}; cat")
    remote.write(".gitattributes", "*.yaml filter=evil text eol=crlf ident export-ignore\n")
    remote.write("web.yaml", "a: $Id$\n")
    remote.commit()
    found = committed(remote)
    assert found.files[0].content == b"a: $Id$\n"
    assert not witness.exists()


def test_entries_that_no_checkout_would_allow(remote: Remote) -> None:
    """A tree with `..` or `.git` as names is only data: nothing is written anywhere."""
    blob = remote.blob(b"x: 1\n")
    raw = b"".join(
        b"%s %s\0%s" % (mode, name, bytes.fromhex(blob))
        for mode, name in ((b"100644", b".."), (b"100644", b".git"), (b"100644", b"a.yaml"), (b"100755", b"b.yaml"))
    )
    crafted = git(remote.directory, "hash-object", "-t", "tree", "--literally", "-w", "--stdin", stdin=raw)
    commit = git(remote.directory, "commit-tree", crafted, "-m", "crafted")
    git(remote.directory, "update-ref", "refs/heads/main", commit)
    assert [file.path for file in committed(remote).files] == ["a.yaml", "b.yaml"]


def test_unchanged_blobs_are_not_read_again(remote: Remote) -> None:
    """After one file changed only that one is read from the object store."""
    first = remote.commit(a="a: 1\n", b="b: 1\n")
    repository = Repository(remote.directory / ".git")
    repository.read(first)
    second = remote.commit(b="b: 2\n")
    unchanged = git(remote.directory, "rev-parse", "HEAD:a.yaml")
    (remote.directory / ".git" / "objects" / unchanged[:2] / unchanged[2:]).chmod(0o600)
    files = {file.path: file for file in repository.read(second).files}
    assert files["a.yaml"].content == b"a: 1\n" and files["b.yaml"].content == b"b: 2\n"


def test_the_cache_drops_what_was_used_longest_ago() -> None:
    """The memory of contents has a bound."""
    cache = objects.BlobCache(bytes_max=10)
    cache.put("a", b"12345")
    cache.put("b", b"12345")
    assert cache.get("a") == b"12345"
    cache.put("c", b"1")
    cache.put("d", b"12345678901")
    assert cache.get("b") is None and cache.get("d") is None
    assert cache.get("a") == b"12345" and cache.get("c") == b"1"


def test_the_cache_holds_empty_files() -> None:
    """An empty file is remembered as empty, not taken for unknown."""
    cache = objects.BlobCache()
    cache.put("a", b"")
    assert cache.get("a") == b""


def test_a_pipe_in_a_directory_blocks_nothing(tmp_path: Path) -> None:
    """P07: only regular files are opened."""
    os.mkfifo(tmp_path / "pipe.yaml")
    found = read_directory(tmp_path)
    assert codes(found) == [(str(tmp_path / "pipe.yaml"), "not-a-file")]
    found = read_directory(tmp_path / "pipe.yaml")
    assert codes(found) == [(str(tmp_path / "pipe.yaml"), "not-a-file")]


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    """A mistyped path is an error that names it."""
    assert codes(read_directory(tmp_path / "x")) == [(str(tmp_path / "x"), "path-missing")]


def test_one_file_may_have_any_name_and_be_a_link(tmp_path: Path) -> None:
    """A file that is named is read, whatever its suffix; blob ids are git's."""
    (tmp_path / "web.txt").write_text("a: 1\n")
    (tmp_path / "link").symlink_to("web.txt")
    (file,) = read_directory(tmp_path / "link").files
    assert file.path == str(tmp_path / "link")
    assert file.blob_id == hashlib.sha1(b"blob 5\0a: 1\n").hexdigest()


def test_reading_agrees_with_gitpython(remote: Remote) -> None:
    """The fast reader returns what GitPython's own tree walk returns."""
    from git import Repo

    remote.commit(a="a: 1\n", apps__web="b: 1\n", apps__deep__x="")
    blobs = [item for item in Repo(remote.directory).commit("main").tree.traverse() if item.type == "blob"]
    expected = {blob.path: (blob.hexsha, blob.data_stream.read()) for blob in blobs}
    assert {file.path: (file.blob_id, file.content) for file in committed(remote).files} == expected
