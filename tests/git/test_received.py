"""The received repository: real pushes through the hooks, with the daemon there and away."""

import os
import socket
import stat
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from fake_daemon import FakeDaemon
from git_remote import Remote, attempt, git

from reconciler.git import hook_client
from reconciler.git.errors import RevisionMissing
from reconciler.git.prereceive import QuarantineRefused, Update, open_pushed, parse_updates, read_pushed
from reconciler.git.received import create_received
from reconciler.git.repository import Repository


class Host:
    """A host with a received repository and the socket its hooks speak to."""

    def __init__(self, directory: Path) -> None:
        self.socket = directory / "run" / "d.sock"
        self.socket.parent.mkdir(parents=True)
        self.repository = directory / "receive" / "with space" / "manifests.git"
        create_received(self.repository, socket=self.socket, python=sys.executable)

    def push(self, remote: Remote, *arguments: str, env: dict[str, str] | None = None) -> tuple[int, str]:
        """Push and return the exit code and what the pusher sees of the remote."""
        ended = attempt(remote.directory, "push", str(self.repository), *(arguments or ("main",)), env=env)
        lines = [line for line in ended.stderr.decode().splitlines() if line.startswith("remote:")]
        return ended.returncode, "\n".join(line.removeprefix("remote:").strip() for line in lines)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host that can be pushed to."""
    return Host(tmp_path / "host")


@pytest.fixture
def daemon(host: Host) -> Iterator[FakeDaemon]:
    """The daemon of that host."""
    with FakeDaemon(host.socket) as running:
        yield running


def test_push_prints_the_answers_and_hides_the_verdict(host: Host, daemon: FakeDaemon, remote: Remote) -> None:
    """What the daemon streams reaches the pusher as remote lines; `exit: 0` accepts and is not shown."""
    commit = remote.commit(web="a: 1\n")
    daemon.answers["pre-receive"] = lambda _: iter(["checked 1 ", "file\n", "exit: 7\n", "exit: 0\n"])
    daemon.answers["post-receive"] = lambda _: iter(["+ deployment/shop/web\n", "healthy\n", "exit: 0\n"])
    code, shown = host.push(remote)
    assert code == 0
    assert shown.splitlines() == ["checked 1 file", "exit: 7", "+ deployment/shop/web", "healthy"]
    tip = Repository(host.repository).tip("main")
    assert tip is not None and tip.commit == commit


def test_push_is_refused_by_the_verdict(host: Host, daemon: FakeDaemon, remote: Remote) -> None:
    """P03: a revision that pre-receive refuses never becomes the tip."""
    remote.commit(web="a: 1\n")
    daemon.answers["pre-receive"] = lambda _: iter(["web.yaml:1:1 unknown field\n", "exit: 3\n"])
    code, shown = host.push(remote)
    assert code != 0 and "web.yaml:1:1 unknown field" in shown
    assert Repository(host.repository).tip("main") is None
    assert [stage for stage, _ in daemon.requests] == ["pre-receive"]


def test_the_daemon_reads_the_push_in_quarantine(host: Host, daemon: FakeDaemon, remote: Remote) -> None:
    """The pushed objects are only visible with Git's quarantine environment, which the hook hands on."""
    first = remote.commit(web="a: 1\n")
    host.push(remote)
    second = remote.commit(web="a: 2\n", apps__new="b: 1\n")
    seen: list[Any] = []

    def read(body: Mapping[str, Any]) -> Iterator[str]:
        (update,) = (Update(**entry) for entry in body["updates"])
        repository = Path(body["repository"])
        seen.append(update)
        seen.append(read_pushed(repository, update.new, "", body["environment"]).files)
        seen.append(open_pushed(repository, body["environment"]).resolve(update.new))
        with pytest.raises(RevisionMissing):
            read_pushed(repository, update.new, "", {})
        seen.append(body["pusher"])
        yield "exit: 0\n"

    daemon.answers["pre-receive"] = read
    code, shown = host.push(remote, env={"LOGNAME": "ada"})
    assert code == 0, shown
    update, files, revision, pusher = seen
    assert update == Update(first, second, "refs/heads/main")
    assert [(file.path, file.content) for file in files] == [("apps/new.yaml", b"b: 1\n"), ("web.yaml", b"a: 2\n")]
    assert revision.subject == "change"
    assert pusher == "ada"


def test_force_push_is_accepted(host: Host, daemon: FakeDaemon, remote: Remote) -> None:
    """P11: rewritten history is received like any other."""
    remote.commit(web="a: 1\n")
    host.push(remote)
    git(remote.directory, "commit", "--quiet", "--amend", "-m", "rewritten")
    assert host.push(remote, "--force", "main")[0] == 0
    tip = Repository(host.repository).tip("main")
    assert tip is not None and tip.subject == "rewritten"


def test_deleting_the_tracked_branch_is_refused(host: Host, daemon: FakeDaemon, remote: Remote) -> None:
    """P02: a deleted branch never reads as "delete all"."""
    remote.commit(web="a: 1\n")
    host.push(remote)
    daemon.requests.clear()
    code, shown = host.push(remote, ":main")
    assert code != 0 and "tracked branch" in shown
    assert Repository(host.repository).tip("main") is not None
    assert daemon.requests == []


def test_other_branches_and_tags_pass_with_a_note(host: Host, daemon: FakeDaemon, remote: Remote) -> None:
    """Only the tracked branch is checked; the pusher is told."""
    remote.commit(web="a: 1\n")
    git(remote.directory, "tag", "v1")
    code, shown = host.push(remote, "main:feature/x", "v1")
    assert code == 0
    assert "feature/x is not the tracked branch (main); received unchecked" in shown
    assert "tags/v1" in shown
    assert daemon.requests == []


def test_a_hooks_path_of_the_pusher_does_not_skip_the_hooks(
    host: Host, daemon: FakeDaemon, remote: Remote, tmp_path: Path
) -> None:
    """A setting of the user who pushes must not turn validation off."""
    remote.commit(web="a: 1\n")
    settings = tmp_path / "gitconfig"
    settings.write_text("[core]\n\thooksPath = /nonexistent\n")
    daemon.answers["pre-receive"] = lambda _: iter(["exit: 3\n"])
    assert host.push(remote, env={"GIT_CONFIG_GLOBAL": str(settings)})[0] != 0


_VALIDATOR = """
import os, sys
from pathlib import Path
from reconciler.git.prereceive import parse_updates, read_pushed
assert sys.argv[1:] == ["hook", "pre-receive"], sys.argv
for update in parse_updates(sys.stdin):
    for file in read_pushed(Path.cwd(), update.new, "", os.environ).files:
        print("read", file.path, os.environ.get("RECONCILER_DATA_DIR"), flush=True)
        if b"bad" in file.content:
            sys.exit(3)
"""


@pytest.fixture
def lonely(host: Host, tmp_path: Path) -> Host:
    """A host without a daemon, whose command line is a small validator over the same reader."""
    validator = tmp_path / "validator.py"
    validator.write_text(_VALIDATOR)
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\n[ "$2" = -c ] || exec {sys.executable} "$@"\nshift 3\nexec {sys.executable} {validator} "$@"\n'
    )
    python.chmod(0o755)
    create_received(host.repository, socket=host.socket, python=str(python), data_dir=tmp_path / "data")
    return host


def test_without_a_daemon_the_push_is_validated_in_process(lonely: Host, remote: Remote, tmp_path: Path) -> None:
    """P03: the daemon being away lets no broken revision in, and keeps no good one out."""
    remote.commit(web="a: 1\n")
    code, shown = lonely.push(remote)
    assert code == 0
    assert f"read web.yaml {tmp_path / 'data'}" in shown
    assert "main will be read when it is back" in shown
    remote.commit(web="bad\n")
    code, shown = lonely.push(remote)
    assert code != 0 and "the daemon does not answer" in shown


@pytest.mark.parametrize("answer", [[], ["one line\n"], ["exit: zero\n"]])
def test_an_answer_without_a_verdict_is_not_an_acceptance(
    lonely: Host, daemon: FakeDaemon, remote: Remote, answer: list[str]
) -> None:
    """P17: a daemon killed while it answers leads to validation in-process, not to an accepted push."""
    remote.commit(web="bad\n")
    daemon.answers["pre-receive"] = lambda _: iter(answer)
    code, shown = lonely.push(remote)
    assert code != 0 and "read web.yaml" in shown


def test_an_error_of_the_daemon_is_not_an_acceptance(lonely: Host, daemon: FakeDaemon, remote: Remote) -> None:
    """An answer other than 200 leads to validation in-process."""
    daemon.status = 500
    remote.commit(web="bad\n")
    assert lonely.push(remote)[0] != 0
    remote.commit(web="a: 1\n")
    assert lonely.push(remote)[0] == 0


def test_a_daemon_that_breaks_off_is_not_an_acceptance(lonely: Host, daemon: FakeDaemon, remote: Remote) -> None:
    """P17: an answer that ends in the middle counts for nothing, whatever stood in it."""

    def break_off(_: Mapping[str, Any]) -> Iterator[str]:
        yield "exit: 0\n"
        raise ConnectionResetError

    daemon.answers["pre-receive"] = break_off
    remote.commit(web="bad\n")
    assert lonely.push(remote)[0] != 0


def test_a_silent_daemon_delays_a_push_only_so_long(lonely: Host, remote: Remote) -> None:
    """P07: a daemon that accepts and never answers is given up after a bound."""
    client = lonely.repository / "hooks" / "reconciler_hook.py"
    client.write_text(client.read_text().replace('"pre-receive": 30.0', '"pre-receive": 0.2'))
    client.write_text(client.read_text().replace('"post-receive": 120.0', '"post-receive": 0.2'))
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(lonely.socket))
    listening.listen()
    remote.commit(web="a: 1\n")
    code, shown = lonely.push(remote)
    assert code == 0 and "no news for 0.2 s" in shown and "read web.yaml" in shown
    assert "it goes on by itself" in shown
    listening.close()


def test_progress_ends_when_the_pusher_goes(host: Host, daemon: FakeDaemon, tmp_path: Path) -> None:
    """Ctrl-C at the pusher stops only the progress: the hook ends, the revision is received already."""
    waiting = threading.Event()
    ended = threading.Event()

    def wait(_: Mapping[str, Any]) -> Iterator[str]:
        yield "rolling out\n"
        waiting.set()
        ended.wait(20)
        yield "exit: 0\n"

    daemon.answers["post-receive"] = wait
    reading, writing = os.pipe()
    lines_read, lines_written = os.pipe()
    os.write(lines_written, f"{'0' * 40} {'1' * 40} refs/heads/main\n".encode())
    os.close(lines_written)
    pid = os.posix_spawn(
        str(host.repository / "hooks" / "post-receive"),
        ["hooks/post-receive"],
        {"GIT_DIR": str(host.repository), "PATH": os.environ["PATH"]},
        file_actions=[(os.POSIX_SPAWN_DUP2, lines_read, 0), (os.POSIX_SPAWN_DUP2, writing, 1)],
    )
    for descriptor in (lines_read, writing):
        os.close(descriptor)
    assert os.read(reading, 100) == b"rolling out\n"
    assert waiting.wait(20)
    os.close(reading)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    ended.set()


def test_creating_again_keeps_what_was_pushed(host: Host, daemon: FakeDaemon, remote: Remote) -> None:
    """`init` and every start may write hooks and settings anew; nothing pushed is touched."""
    commit = remote.commit(web="a: 1\n")
    host.push(remote)
    create_received(host.repository, socket=host.socket, python=sys.executable, branch="main")
    tip = Repository(host.repository).tip("main")
    assert tip is not None and tip.commit == commit
    for stage in ("pre-receive", "post-receive"):
        mode = (host.repository / "hooks" / stage).stat().st_mode
        assert stat.S_IMODE(mode) == 0o755


def test_the_client_needs_no_package(host: Host) -> None:
    """The hook starts without site packages: its imports are a few of the standard library."""
    source = Path(hook_client.__file__).read_text()
    imported = {line.split()[1] for line in source.splitlines() if line.lstrip().startswith(("import ", "from "))}
    assert imported <= {"json", "os", "select", "socket", "sys", "time", "collections.abc", "subprocess", "pwd"}
    assert (host.repository / "hooks" / "reconciler_hook.py").read_text() == source


@pytest.mark.parametrize(
    "given",
    [
        {"GIT_OBJECT_DIRECTORY": "/etc"},
        {"GIT_QUARANTINE_PATH": "{objects}/../../elsewhere"},
        {"GIT_ALTERNATE_OBJECT_DIRECTORIES": "{objects}:/root"},
        {"GIT_ALTERNATE_OBJECT_DIRECTORIES": '"{objects}'},
    ],
)
def test_object_directories_elsewhere_are_refused(host: Host, given: dict[str, str]) -> None:
    """The socket cannot be used to read repositories other than the one pushed to."""
    filled = {name: value.format(objects=host.repository / "objects") for name, value in given.items()}
    with pytest.raises(QuarantineRefused):
        open_pushed(host.repository, filled)


def test_lines_of_a_hook() -> None:
    """Updates are read as git writes them, and nothing else is taken for one."""
    zero = "0" * 40
    one = "1" * 40
    deleted, made = parse_updates([f"{one} {zero} refs/heads/a\n", f"{zero} {one} refs/tags/b"])
    assert deleted.is_deletion and not made.is_deletion
    with pytest.raises(QuarantineRefused):
        parse_updates(["--upload-pack=x"])
