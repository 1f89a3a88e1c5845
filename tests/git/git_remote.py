"""What the tests of git share: a remote made with the real git, and a server that never answers."""

import contextlib
import os
import socket
import subprocess
import threading
from pathlib import Path

COMMITTER = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
}


def git(directory: Path, *arguments: str, stdin: bytes = b"", env: dict[str, str] | None = None) -> str:
    """Run git as a person would, in `directory`; fails the test when it fails."""
    ended = attempt(directory, *arguments, stdin=stdin, env=env)
    assert ended.returncode == 0, ended.stderr.decode()
    return ended.stdout.decode().strip()


def attempt(
    directory: Path, *arguments: str, stdin: bytes = b"", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run git and return how it ended."""
    return subprocess.run(
        ["git", *arguments],
        cwd=directory,
        input=stdin,
        capture_output=True,
        timeout=60,
        env={**os.environ, **COMMITTER, **(env or {})},
        check=False,
    )


class Remote:
    """A work tree with one branch, and what people do in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()
        git(directory, "init", "--quiet", "--initial-branch=main")

    @property
    def url(self) -> str:
        return f"file://{self.directory}"

    def write(self, path: str, content: str | bytes) -> None:
        file = self.directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, message: str = "change", **files: str) -> str:
        for name, content in files.items():
            self.write(name.replace("__", "/") + ".yaml", content)
        git(self.directory, "add", "--all")
        git(self.directory, "commit", "--quiet", "--allow-empty", "-m", message)
        return git(self.directory, "rev-parse", "HEAD")

    def commit_tree(self, listing: bytes, message: str = "crafted") -> str:
        """Commit a tree that git's porcelain would not make; `listing` is as of `git ls-tree -z`."""
        tree = git(self.directory, "mktree", "-z", "--missing", stdin=listing)
        commit = git(self.directory, "commit-tree", tree, "-m", message)
        git(self.directory, "update-ref", "refs/heads/main", commit)
        return commit

    def blob(self, content: bytes) -> str:
        return git(self.directory, "hash-object", "-w", "--stdin", stdin=content)


class SilentServer:
    """Accepts connections and never answers."""

    def __init__(self) -> None:
        self.accepted = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "SilentServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in self._connections:
            connection.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._connections.append(connection)
            self.accepted.set()
