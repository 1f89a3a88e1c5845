"""Commands over SPDY/3.1, with a client that speaks frames on a real socket and a command that the test plays."""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from api_double import Api, served
from exec_double import MemoryExec, running_pod, until

from reconciler.server.limits import Limits
from reconciler.server.spdy.frames import (
    Data,
    Frame,
    FrameReader,
    FrameWriter,
    GoAway,
    Headers,
    Leaving,
    Ping,
    Refusal,
    RstStream,
    Settings,
    SynReply,
    SynStream,
    WindowUpdate,
)

EXEC = "/api/v1/namespaces/shop/pods/web/exec"


class Client:
    """A client's end of a connection."""

    def __init__(self, connection: socket.socket, rest: bytes) -> None:
        self.connection = connection
        self._writer = FrameWriter()
        self._reader = FrameReader()
        self._came = list(self._reader.feed(rest))
        self.streams: dict[str, int] = {}

    def send(self, *frames: Frame) -> None:
        """Send frames."""
        self.connection.sendall(b"".join(self._writer.encode(frame) for frame in frames))

    def send_bytes(self, data: bytes) -> None:
        """Send what may be none of SPDY."""
        self.connection.sendall(data)

    def open(self, *names: str) -> None:
        """Open the streams of a command, as kubectl does: each is replied to."""
        for name in names:
            self.streams[name] = 2 * len(self.streams) + 1
            self.send(SynStream(self.streams[name], {"streamtype": name}))
            assert self.next(SynReply) == SynReply(self.streams[name])

    def next(self, *kinds: type[Frame]) -> Frame:
        """Return the next frame of these kinds; windows are passed over."""
        for frame in self.frames():
            if isinstance(frame, kinds or Frame):
                return frame
        raise AssertionError("the server hung up")

    def frames(self) -> Iterator[Frame]:
        """Yield what comes until the server hangs up."""
        while True:
            while self._came:
                yield self._came.pop(0)
            try:
                data = self.connection.recv(65536)
            except ConnectionResetError:
                return
            if not data:
                return
            self._came += self._reader.feed(data)

    def rest(self) -> dict[str, bytes]:
        """Return what comes on each stream until all that the server sends on have ended."""
        names = {number: name for name, number in self.streams.items()}
        told = {name: bytearray() for name in self.streams if name in ("stdout", "stderr", "error")}
        open_ = set(told)
        while open_:
            frame = self.next(Data)
            assert isinstance(frame, Data)
            told[names[frame.stream]] += frame.data
            if frame.fin:
                open_.remove(names[frame.stream])
        return {name: bytes(data) for name, data in told.items()}


@contextmanager
def upgraded(api: Api, *command: str, version: str = "v4.channel.k8s.io", **query: str) -> Iterator[Client]:
    """Switch to SPDY for a command in the Pod `web`."""
    head, rest, connection = proposed(api, *command, version=version, **query)
    assert head.startswith("HTTP/1.1 101 "), head
    assert "upgrade: spdy/3.1" in head.lower()
    assert f"x-stream-protocol-version: {version.partition(',')[0]}" in head.lower()
    with connection:
        yield Client(connection, rest)


def proposed(
    api: Api,
    *command: str,
    version: str = "v4.channel.k8s.io",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    **query: str,
) -> tuple[str, bytes, socket.socket]:
    """Propose SPDY; return the head of the answer, what follows it, and the connection."""
    pairs = [*(("command", word) for word in command), *(query or {"stdout": "true", "stderr": "true"}).items()]
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(str(api.path))
    head = f"POST {EXEC}?{urlencode(pairs)} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
    head += f"X-Stream-Protocol-Version: {version}\r\nContent-Length: {len(body)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    connection.sendall(head.encode() + b"\r\n" + body)
    came = b""
    while b"\r\n\r\n" not in came:
        piece = connection.recv(65536)
        assert piece, came
        came += piece
    answer, _, rest = came.partition(b"\r\n\r\n")
    return answer.decode(), rest, connection


def plays(api: Api, command: MemoryExec, **pod: Any) -> MemoryExec:
    """Have a command played in a Pod that runs."""
    api.objects.put(running_pod("web", **pod))
    api.operations.commands = lambda _: command
    return command


def test_output_comes_on_its_streams_and_the_end_on_error(api: Api) -> None:
    """Each stream is ended, and then the connection."""
    plays(api, MemoryExec((1, b"out"), (2, b"wrong"), 3))
    with upgraded(api, "sh") as client:
        client.open("error", "stdout", "stderr")
        told = client.rest()
        assert client.next(GoAway) == GoAway(5, Leaving.OK)
    assert (told["stdout"], told["stderr"]) == (b"out", b"wrong")
    assert json.loads(told["error"])["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]


def test_success_is_told(api: Api) -> None:
    """By a Status, and before version 4 by saying nothing."""
    plays(api, MemoryExec(0))
    with upgraded(api, "true", version="v4.channel.k8s.io,v3.channel.k8s.io") as client:
        client.open("error", "stdout", "stderr")
        assert json.loads(client.rest()["error"]) == {"metadata": {}, "status": "Success"}
    plays(api, MemoryExec(0))
    with upgraded(api, "true", version="v2.channel.k8s.io") as client:
        client.open("error", "stdout", "stderr")
        assert client.rest()["error"] == b""


def test_input_and_its_end_reach_the_command(api: Api) -> None:
    """In order, and windows are given back as it is taken."""
    command = plays(api, MemoryExec(echoes=True))
    with upgraded(api, "cat", stdin="true", stdout="true") as client:
        client.open("error", "stdin", "stdout")
        client.send(Data(3, b"one "), Data(3, b"two"), Data(3, b"", fin=True))
        assert client.rest()["stdout"] == b"one two"
    assert command.input_ended.is_set()


def test_sizes_reach_the_command(api: Api) -> None:
    """One document after the other, in pieces of any size."""
    command = plays(api, MemoryExec())
    with upgraded(api, "sh", stdin="true", stdout="true", tty="true") as client:
        client.open("error", "stdin", "stdout", "resize")
        client.send(Data(7, b'{"Width":80,"Height":24}\n{"Wid'), Data(7, b'th":90,"Height":30}\n'))
        assert command.sizes.get(timeout=5) == (80, 24)
        assert command.sizes.get(timeout=5) == (90, 30)
        command.says.put(0)
        client.rest()


@pytest.mark.parametrize("goodbye", ["hang-up", "reset"])
def test_a_client_that_goes_lets_go_of_its_command(api: Api, goodbye: str) -> None:
    """Its place is free then."""
    command = plays(api, MemoryExec())
    with upgraded(api, "sleep") as client:
        client.open("error", "stdout", "stderr")
        if goodbye == "reset":
            client.connection.shutdown(socket.SHUT_RDWR)
    assert command.closed.wait(5)
    until(lambda: api.app.state.context.commands.borrowed_tokens == 0)


def test_a_client_that_goes_while_its_input_waits_is_noticed(api: Api) -> None:
    """The command does not read, so the connection is not read either."""
    command = plays(api, MemoryExec())
    command.reads.clear()
    with upgraded(api, "sleep", stdin="true", stdout="true") as client:
        client.open("error", "stdin", "stdout")
        client.connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            while True:
                client.send(Data(3, b"x" * 60000))
    assert command.closed.wait(5)


def test_a_client_that_opens_no_streams_gets_no_command_for_long(api: Api) -> None:
    """Hanging up ends it."""
    command = plays(api, MemoryExec())
    with upgraded(api, "sleep"):
        pass
    assert command.closed.wait(5)


def test_windows_are_kept_once_the_client_speaks_of_them(api: Api) -> None:
    """No byte more than it allows, on the stream and on the connection."""
    plays(api, MemoryExec((1, b"x" * 50_000), 0))
    with upgraded(api, "cat", stdout="true") as client:
        client.send(Settings({7: 1000}))
        client.open("error", "stdout")
        came = 0
        while came < 1000:
            frame = client.next(Data)
            assert isinstance(frame, Data)
            came += len(frame.data)
        assert came == 1000
        client.send(Ping(1))
        assert client.next(Data, Ping) == Ping(1)
        client.send(WindowUpdate(3, 49_000), WindowUpdate(1, 49_000))
        assert len(client.rest()["stdout"]) == 49_000


def test_a_client_without_windows_gets_everything(api: Api) -> None:
    """As kubectl's library, which knows none."""
    plays(api, MemoryExec(*[(1, b"x" * 32768)] * 64, 0))
    with upgraded(api, "cat", stdout="true") as client:
        client.open("error", "stdout")
        assert len(client.rest()["stdout"]) == 64 * 32768


def test_a_slow_reader_slows_its_command_down(api: Api) -> None:
    """What waits for it is bounded, and all of it arrives in the end."""
    command = plays(api, MemoryExec(*[(1, b"x" * 32768)] * 400, 0))
    with upgraded(api, "cat", stdout="true") as client:
        client.open("error", "stdout")
        until(lambda: command.says.qsize() < 390)
        before = -1
        while before != command.says.qsize():
            before = command.says.qsize()
            command.closed.wait(0.3)
        assert before > 100
        assert len(client.rest()["stdout"]) == 400 * 32768


def test_pings_are_answered_and_what_is_not_for_us_is_passed_over(api: Api) -> None:
    """In the middle of a command."""
    command = plays(api, MemoryExec())
    with upgraded(api, "x") as client:
        client.open("error", "stdout", "stderr")
        client.send(Ping(2), SynReply(9), Headers(3, {"a": "b"}), GoAway(0), RstStream(99, 1), Ping(41))
        assert client.next(Ping) == Ping(41)
        client.send(Data(77, b"nobody"))
        assert client.next(RstStream) == RstStream(77, Refusal.INVALID_STREAM)
        client.send(Data(3, b"", fin=True), Data(3, b"more"))
        assert client.next(RstStream) == RstStream(3, Refusal.STREAM_ALREADY_CLOSED)
        command.says.put(0)
        client.rest()


def test_streams_are_bounded(api: Api) -> None:
    """The ninth is refused, the others go on."""
    plays(api, MemoryExec())
    with upgraded(api, "x") as client:
        client.open("error", "stdout", "stderr", "a", "b", "c", "d", "e")
        client.send(SynStream(17, {"streamtype": "f"}))
        assert client.next(RstStream) == RstStream(17, Refusal.REFUSED_STREAM)


@pytest.mark.parametrize(
    "nonsense",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        bytes.fromhex("80020001 00000000"),
        bytes.fromhex("80030001 0000000c 00000001 00000000 0000 0000"),
        bytes.fromhex("80030001 00ffffff"),
        FrameWriter().encode(SynStream(2)),
    ],
)
def test_what_is_none_of_spdy_ends_the_connection(api: Api, nonsense: bytes) -> None:
    """And lets go of the command."""
    command = plays(api, MemoryExec())
    with upgraded(api, "x") as client:
        client.send_bytes(nonsense)
        client.connection.shutdown(socket.SHUT_WR)
        assert not [frame for frame in client.frames() if isinstance(frame, SynReply)]
    assert command.closed.wait(5)


def test_frames_that_came_with_the_proposal_are_not_lost(api: Api) -> None:
    """A client may be in a hurry."""
    plays(api, MemoryExec(0))
    hurried = FrameWriter().encode(SynStream(1, {"streamtype": "error"}))
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(str(api.path))
    with connection:
        head = f"POST {EXEC}?command=x&stderr=true HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
        head += "Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(head.encode() + hurried)
        came = b""
        while b"\r\n\r\n" not in came:
            came += connection.recv(65536)
        client = Client(connection, came.partition(b"\r\n\r\n")[2])
        assert client.next(SynReply) == SynReply(1)


def test_refusals_are_ordinary_answers(api: Api) -> None:
    """Before the connection changes hands; it goes on as HTTP where that is possible."""
    plays(api, MemoryExec(), phase="Failed")
    head, _, connection = proposed(api, "true")
    connection.close()
    assert head.startswith("HTTP/1.1 400 ")
    plays(api, MemoryExec())
    for refusal, code in (({"version": "v9.channel.k8s.io"}, 403), ({"body": b"x"}, 400)):
        head, _, connection = proposed(api, "true", **refusal)  # type: ignore[arg-type]
        connection.close()
        assert head.startswith(f"HTTP/1.1 {code} "), head


def test_a_stopping_server_ends_its_commands(socket_path: Any) -> None:
    """Without waiting for their clients."""
    command = MemoryExec()
    with served(socket_path, Limits()) as api:
        plays(api, command)
        with_client = upgraded(api, "sleep")
        client = with_client.__enter__()
        client.open("error", "stdout", "stderr")
    assert command.closed.wait(5)
    client.connection.close()
