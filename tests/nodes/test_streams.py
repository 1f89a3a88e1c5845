"""Logs and commands of containers on other hosts: the agent dials in, and each end notices when the other is done."""

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from reconciler.agent.link import DaemonLink
from reconciler.agent.streams import AgentStreams
from reconciler.client.agents import AgentClient
from reconciler.controller.streams import RemoteHost, RemoteStream, RemoteStreams
from reconciler.model.agents import ERROR, OUTPUT, StreamOrder, StreamStatus
from reconciler.model.errors import TransientError
from reconciler.model.ports import ExecRequest, ExecSession, LogRequest
from tests.nodes.cluster import CLUSTER, Agent, Daemon, eventually

LOG = LogRequest(namespace="shop", pod="web", follow=True)
COMMAND = ExecRequest(namespace="shop", pod="web", command=("cat",), stdin=True, stdout=True)


class Echo:
    """A command that says what it is told, and ends with 7 when its input ends."""

    def __init__(self) -> None:
        self.said: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.sizes: list[tuple[int, int]] = []
        self.closed = threading.Event()

    def write(self, data: bytes) -> int:
        self.said.put(data[:5])
        return len(data[:5])

    def end_input(self) -> None:
        self.said.put(None)

    def resize(self, width: int, height: int) -> None:
        self.sizes.append((width, height))

    def output(self) -> Iterator[tuple[int, bytes]]:
        while not self.closed.is_set():
            try:
                said = self.said.get(timeout=0.05)
            except queue.Empty:
                yield 1, b""
                continue
            if said is None:
                return
            yield 1, said

    def exit_code(self) -> int:
        return 7

    def close(self) -> None:
        self.closed.set()


class FakeHost:
    """An Engine with one container, `c1`."""

    def __init__(self) -> None:
        self.command = Echo()
        self.goes_on = threading.Event()
        self.log_ended = threading.Event()

    def logs(self, container_id: str, request: LogRequest) -> Iterator[bytes]:
        if container_id != "c1":
            raise LookupError(f"no container {container_id}")
        return self._lines()

    def _lines(self) -> Iterator[bytes]:
        try:
            yield b"one\n"
            while not self.goes_on.wait(0.05):
                yield b""
            yield b"two\n"
        finally:
            self.log_ended.set()

    def exec(self, container_id: str, request: ExecRequest) -> ExecSession:
        if container_id != "c1":
            raise LookupError(f"no container {container_id}")
        return self.command


@pytest.fixture
def engine() -> FakeHost:
    """The Engine of the other host."""
    return FakeHost()


@pytest.fixture
def remote(daemon: Daemon, tmp_path: Path, engine: FakeHost) -> Iterator[RemoteHost]:
    """What the daemon asks of that host."""
    daemon.join("node-2", tmp_path / "pki")
    agent = Agent(daemon, "node-2", tmp_path)
    streams = AgentStreams("node-2", daemon.server, agent.certificate.context, engine)
    link = DaemonLink(
        "node-2", CLUSTER.id, lambda: AgentClient(daemon.server, agent.certificate.context), lambda: "", streams
    )
    link.start(lambda _: None)
    yield RemoteHost("node-2", daemon.streams)
    link.stop()


def test_a_log_comes_as_it_is_written(remote: RemoteHost, engine: FakeHost) -> None:
    """And ends with the container's."""
    log = remote.logs("c1", LOG)
    assert next(piece for piece in log if piece) == b"one\n"
    engine.goes_on.set()
    assert b"".join(log) == b"two\n"


def test_a_log_that_nobody_reads_any_more_is_ended(remote: RemoteHost, engine: FakeHost) -> None:
    """On the other host too: it would be followed for ever."""
    log = remote.logs("c1", LOG)
    next(log)
    log.close()  # type: ignore[attr-defined]
    assert engine.log_ended.wait(10)


def test_a_container_that_is_not_there_is_said(remote: RemoteHost) -> None:
    """As by the Engine of this host."""
    with pytest.raises(LookupError, match="no container gone"):
        remote.logs("gone", LOG)
    with pytest.raises(LookupError, match="no container gone"):
        remote.exec("gone", COMMAND)


def test_a_command_is_told_and_tells(remote: RemoteHost, engine: FakeHost) -> None:
    """Input in pieces as it takes them, sizes, the end of input, its exit code."""
    session = remote.exec("c1", COMMAND)
    session.resize(80, 25)
    assert session.write(b"hello world") == 11
    session.end_input()
    assert b"".join(data for channel, data in session.output() if channel == 1) == b"hello world"
    assert session.exit_code() == 7
    assert engine.command.sizes == [(80, 25)]


def test_input_that_cannot_be_given_keeps_none_from_the_command(remote: RemoteHost, engine: FakeHost) -> None:
    """The Engine did not take a size; what is typed then does arrive."""

    def busy(width: int, height: int) -> None:
        raise TransientError("the Engine is busy")

    engine.command.resize = busy  # type: ignore[method-assign]
    session = remote.exec("c1", COMMAND)
    session.resize(80, 25)
    assert session.write(b"hello") == 5
    session.end_input()
    assert b"".join(data for channel, data in session.output() if channel == 1) == b"hello"
    assert session.exit_code() == 7


def test_a_command_whose_reader_has_gone_is_ended(remote: RemoteHost, engine: FakeHost) -> None:
    """The agent closes it; nothing is left on the host."""
    remote.exec("c1", COMMAND).close()
    assert engine.command.closed.wait(10)


def test_an_agent_that_does_not_come_is_said(daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With where to look; nothing waits for ever."""
    from reconciler.controller import streams

    monkeypatch.setattr(streams, "_OPEN_S", 0.2)
    daemon.join("node-2", tmp_path)
    with pytest.raises(TransientError) as told:
        RemoteHost("node-2", daemon.streams).logs("c1", LOG)
    assert "reconciler nodes" in told.value.hint


def test_a_stream_that_did_not_begin_is_let_go_of() -> None:
    """Whoever dials in for it would else be heard for ever."""
    came: list[RemoteStream] = []

    class Links:
        def order(self, node: str, order: StreamOrder) -> None:
            stream = streams.attach(node, order.id)
            assert stream is not None
            came.append(stream)
            stream.feed(ERROR, msgspec.json.encode(StreamStatus(missing="no container gone")))

        def withdraw(self, node: str, id: str) -> None:
            pass

    streams = RemoteStreams(Links())  # type: ignore[arg-type]
    with pytest.raises(LookupError):
        RemoteHost("node-2", streams).logs("gone", LOG)
    assert [stream.feed(OUTPUT, b"late") for stream in came] == [False]


def test_a_stream_is_for_the_node_that_it_was_ordered_from(daemon: Daemon, tmp_path: Path) -> None:
    """Another node that guessed its id gets nothing."""
    order = StreamOrder(id="s1", container_id="c1", log=LOG)

    def open_it() -> None:
        with pytest.raises(TransientError):
            daemon.streams.open("node-2", order)

    opening = threading.Thread(target=open_it)
    opening.start()
    eventually("it is ordered", lambda: daemon.links.documents("node-2", "") is not None)
    assert daemon.streams.attach("node-3", "s1") is None
    stream = daemon.streams.attach("node-2", "s1")
    assert stream is not None
    stream.close()
    opening.join(10)
