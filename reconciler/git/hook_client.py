"""What the hooks of the received repository run: a client of the daemon's socket. Effect: socket, stdout.

Copied into the repository and started with `python -I -S`, so it uses the standard library alone and as
little of it as it can: a push should not wait for an interpreter. It sends the updates of the tracked branch
and prints the text that comes back, line by line; a last line `exit: N` is the exit code and is not shown.
Every wait is bounded. With the daemon away pre-receive validates by the command line of the same
installation, and post-receive says so.
"""

import json
import os
import select
import socket
import sys
import time
from collections.abc import Iterator

CONNECT_S = 2.0
IDLE_S = {"pre-receive": 30.0, "post-receive": 120.0}
TOTAL_S = {"pre-receive": 120.0, "post-receive": 900.0}
FALLBACK_S = 120.0

_QUARANTINE = ("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH")
_STDOUT = 1
_BODY_BYTES_MAX = 64 * 1024 * 1024
_COMMAND = "import sys; from reconciler.cli.main import main; sys.exit(main())"


class Away(Exception):
    """The daemon gave no complete answer; the text says why."""


class Unanswered(Away):
    """The daemon took the request, and then its answer did not come or broke off."""


class PusherGone(Exception):
    """Nobody reads what is printed any more."""


def main(arguments: list[str]) -> int:
    """Run one hook: stage, tracked branch, socket, interpreter and data directory (may be empty)."""
    stage, branch, socket_path, python, data_dir = arguments
    lines = sys.stdin.buffer.read().decode("utf-8", "surrogateescape").split("\n")
    updates = [line.split(" ", 2) for line in lines if line]
    tracked = [update for update in updates if update[2] == f"refs/heads/{branch}"]
    try:
        if stage == "pre-receive":
            return _pre_receive(updates, tracked, branch, socket_path, python, data_dir)
        return _post_receive(tracked, branch, socket_path)
    except (PusherGone, KeyboardInterrupt):
        return 1 if stage == "pre-receive" else 0


def _pre_receive(
    updates: list[list[str]],
    tracked: list[list[str]],
    branch: str,
    socket_path: str,
    python: str,
    data_dir: str,
) -> int:
    for _, _, ref in (update for update in updates if update not in tracked):
        _print(f"{_short(ref)} is not the tracked branch ({branch}); received unchecked")
    if not tracked:
        return 0
    if not tracked[0][1].strip("0"):
        _print(f"refused: {branch} is the tracked branch; deleting it would leave nothing to apply")
        return 1
    try:
        return _ask(socket_path, "pre-receive", tracked)
    except Away as reason:
        _print(f"the daemon does not answer ({reason}); validating here")
        return _validate_here(tracked, python, data_dir)


def _post_receive(tracked: list[list[str]], branch: str, socket_path: str) -> int:
    if not tracked:
        return 0
    try:
        return _ask(socket_path, "post-receive", tracked)
    except Unanswered as reason:
        _print(f"no more news of {branch} ({reason}); it goes on by itself, see: reconciler status")
    except Away as reason:
        _print(f"the daemon is away ({reason}); {branch} will be read when it is back")
    return 0


def _validate_here(tracked: list[list[str]], python: str, data_dir: str) -> int:
    import subprocess  # only needed here, and a fifth of the start-up time

    environment = {**os.environ, "RECONCILER_DATA_DIR": data_dir} if data_dir else dict(os.environ)
    lines = "".join(" ".join(update) + "\n" for update in tracked)
    try:
        ended = subprocess.run(
            [python, "-I", "-c", _COMMAND, "hook", "pre-receive"],
            input=lines.encode(),
            timeout=FALLBACK_S,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        _print(f"refused: the validation did not end within {FALLBACK_S:g} s")
        return 1
    except OSError as error:
        _print(f"refused: {python} cannot be run ({error.strerror}); run `reconciler init` again")
        return 1
    return ended.returncode


def _ask(socket_path: str, stage: str, tracked: list[list[str]]) -> int:
    """Send the updates, print the answer as it comes, return the exit code it ends with."""
    body = json.dumps(
        {
            "repository": os.path.abspath(os.environ.get("GIT_DIR", ".")),  # noqa: PTH100 (pathlib is slow to start)
            "updates": [{"old": old, "new": new, "ref": ref} for old, new, ref in tracked],
            "environment": {name: os.environ[name] for name in _QUARANTINE if name in os.environ},
            "pusher": _pusher(),
        }
    ).encode()
    head = (
        f"POST /hooks/{stage} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(CONNECT_S)
        try:
            connection.connect(socket_path)
            connection.sendall(head.encode() + body)
        except OSError as error:
            raise Away(error.strerror or "no answer") from error
        code = _relay(_lines(Response(connection, IDLE_S[stage], TOTAL_S[stage]).body()))
    if code is None:
        raise Unanswered("the answer has no verdict")
    return code


class Response:
    """Reads one HTTP response from a socket, within an idle and a total limit."""

    def __init__(self, connection: socket.socket, idle_s: float, total_s: float) -> None:
        self._connection = connection
        self._idle_s = idle_s
        self._end = time.monotonic() + total_s
        self._buffer = b""
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        self._poll.register(_STDOUT, 0)  # tells when the pusher has gone

    def body(self) -> Iterator[bytes]:
        """Yield the body in the pieces in which it arrives."""
        words = self._line().split()
        if len(words) < 2 or words[1] != b"200":
            raise Unanswered(f"it answers {b' '.join(words[1:]).decode('ascii', 'replace') or 'nothing'}")
        headers = {}
        while line := self._line():
            name, _, value = line.partition(b":")
            headers[name.strip().lower()] = value.strip().lower()
        if headers.get(b"transfer-encoding") != b"chunked":
            yield self._take(_number(headers.get(b"content-length", b""), 10))
            return
        while size := _number(self._line().partition(b";")[0], 16):
            yield self._take(size)
            self._line()

    def _line(self) -> bytes:
        while b"\n" not in self._buffer:
            self._receive()
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.rstrip(b"\r")

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._receive()
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _receive(self) -> None:
        wait_s = min(self._idle_s, self._end - time.monotonic())
        ready = dict(self._poll.poll(max(0.0, wait_s) * 1000))
        if ready.pop(_STDOUT, 0):
            raise PusherGone
        if not ready:
            raise Unanswered(f"no news for {self._idle_s:g} s" if wait_s == self._idle_s else "it takes too long")
        try:
            received = self._connection.recv(1 << 16)
        except OSError as error:
            raise Unanswered(error.strerror or "the connection broke") from error
        if not received:
            raise Unanswered("the connection ended in the middle")
        self._buffer += received


def _number(text: bytes, base: int) -> int:
    try:
        number = int(text, base)
    except ValueError:
        raise Unanswered("the answer is not understood") from None
    if not 0 <= number <= _BODY_BYTES_MAX:
        raise Unanswered("the answer is too long")
    return number


def _lines(pieces: Iterator[bytes]) -> Iterator[str]:
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace")
    if rest:
        yield rest.decode("utf-8", "replace")


def _relay(lines: Iterator[str]) -> int | None:
    """Print every line; a last one of the form `exit: N` is the result and is not printed."""
    held: str | None = None
    for line in lines:
        if held is not None:
            _print(held)
            held = None
        if line.startswith("exit: ") and line[6:].strip().isdigit():
            held = line
        else:
            _print(line)
    return None if held is None else min(int(held[6:]), 255)


def _print(line: str) -> None:
    try:
        sys.stdout.buffer.write(line.encode("utf-8", "replace") + b"\n")
        sys.stdout.buffer.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)  # what is still buffered has nowhere to go
        raise PusherGone from error


def _short(ref: str) -> str:
    return ref.removeprefix("refs/heads/").removeprefix("refs/")


def _pusher() -> str:
    """Name who pushes: as the web server or ssh authenticated them, else the user of this process."""
    named = os.environ.get("REMOTE_USER") or os.environ.get("LOGNAME") or os.environ.get("USER")
    if named:
        return named
    import pwd  # rarely needed

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
