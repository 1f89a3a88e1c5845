"""Commands over WebSocket for a client that is slow to listen: kubectl before 1.34 loses what comes before it does."""

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from api_double import Api
from exec_double import MemoryExec, running_pod, until
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from reconciler.server import exec_websocket

URI = "ws://localhost/api/v1/namespaces/shop/pods/web/exec?command=true&stdin=true&stdout=true"
V5 = "v5.channel.k8s.io"


class RawClient:
    """A client that answers nothing by itself."""

    def __init__(self, door: socket.socket, form: str) -> None:
        self.protocol = ClientProtocol(parse_uri(URI), subprotocols=[form])  # type: ignore[list-item]
        self._door = door
        self._came: list[object] = []
        self.protocol.send_request(self.protocol.connect())
        self.flush()
        assert not isinstance(self.next(), Frame)

    def flush(self) -> None:
        """Send what is to be sent."""
        for data in self.protocol.data_to_send():
            self._door.sendall(data)

    def next(self) -> object:
        """The next frame (or the handshake's answer)."""
        while not self._came:
            data = self._door.recv(65536)
            assert data, "the server has hung up"
            self.protocol.receive_data(data)
            self._came += self.protocol.events_received()
        return self._came.pop(0)

    def frame(self) -> tuple[Opcode, bytes]:
        """The next frame's sort and content."""
        frame = self.next()
        assert isinstance(frame, Frame)
        return frame.opcode, bytes(frame.data)

    def is_told_something(self, within_s: float) -> bool:
        """Whether anything comes in time."""
        return bool(self._came) or bool(select.select([self._door], [], [], within_s)[0])


@contextmanager
def client(api: Api, form: str = V5) -> Iterator[RawClient]:
    """Run a command that has said something at once and ended, for a client that does not listen yet."""
    api.objects.put(running_pod("web"))
    command = MemoryExec((1, b"out"), 0)
    api.operations.commands = lambda _: command
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(10)
        door.connect(str(api.path))
        yield RawClient(door, form)


def test_nothing_is_said_before_the_client_listens(api: Api) -> None:
    """Its answer to a ping is the sign that it does; then all is there."""
    with client(api) as one:
        assert one.frame()[0] is Opcode.PING
        assert not one.is_told_something(0.2)
        one.flush()  # the pong, which was made when the ping came
        assert [one.frame()[1] for _ in range(2)] == [b"\x01", b"\x01out"]
        assert one.frame()[1][:1] == b"\x03"


def test_a_client_that_speaks_listens_as_well(api: Api) -> None:
    """Input that came first keeps an answer to the ping from being read."""
    with client(api) as one:
        assert one.frame()[0] is Opcode.PING
        list(one.protocol.data_to_send())  # the pong is lost
        one.protocol.send_binary(b"\0input")
        one.flush()
        assert one.frame()[1] == b"\x01"


def test_a_client_that_answers_no_pings_is_not_waited_for_long(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets everything all the same."""
    monkeypatch.setattr(exec_websocket, "_LISTENS_S", 0.05)
    with client(api) as one:
        assert one.frame()[0] is Opcode.PING
        assert [one.frame()[1] for _ in range(2)] == [b"\x01", b"\x01out"]


def test_older_forms_are_served_at_once(api: Api) -> None:
    """Who speaks them listens from the beginning."""
    with client(api, "v4.channel.k8s.io") as one:
        assert one.frame() == (Opcode.BINARY, b"\x01")


def test_a_client_that_goes_before_it_listens_lets_go_of_its_command(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    """Which is no fault of ours."""
    with client(api) as one:
        assert one.frame()[0] is Opcode.PING
        command = api.operations.commands(None)
    assert command.closed.wait(5)
    until(lambda: api.app.state.context.commands.borrowed_tokens == 0)
    assert not [one for one in caplog.records if one.levelname == "ERROR"]
