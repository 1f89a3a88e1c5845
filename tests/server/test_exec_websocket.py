"""Commands over WebSocket, with a real client on a real socket and a command that the test plays."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from api_double import Api, served
from exec_double import MemoryExec, running_pod, until
from web import ask
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, unix_connect

from reconciler.model.errors import TransientError
from reconciler.model.kinds import ContainerStatus
from reconciler.model.ports import ExecRequest
from reconciler.server.commands import Resize
from reconciler.server.exec_websocket import terminal_size
from reconciler.server.limits import Limits

EXEC = "/api/v1/namespaces/shop/pods/web/exec"
BOTH = {"stdout": "true", "stderr": "true"}


@contextmanager
def opened(api: Api, *command: str, protocol: str = "v5.channel.k8s.io", **query: str) -> Iterator[ClientConnection]:
    """Run a command in the Pod `web`."""
    pairs = [*(("command", word) for word in command), *(query or BOTH).items()]
    uri = f"ws://localhost{EXEC}?{urlencode(pairs)}"
    protocols: Any = [protocol] if protocol else None
    with unix_connect(str(api.path), uri, subprotocols=protocols, open_timeout=10, close_timeout=5) as connection:
        yield connection


def plays(api: Api, command: MemoryExec, **pod: Any) -> MemoryExec:
    """Have a command played in a Pod that runs."""
    api.objects.put(running_pod("web", **pod))
    api.operations.commands = lambda _: command
    return command


def refused(api: Api, *command: str, **query: str) -> tuple[int, dict[str, Any]]:
    """How a command is refused: the code, and the Status."""
    with pytest.raises(InvalidStatus) as refusal, opened(api, *command, **query):
        pass
    return refusal.value.response.status_code, json.loads(refusal.value.response.body or b"{}")


def rest(connection: ClientConnection) -> list[bytes]:
    """Everything until the server closes, which it does properly."""
    came = []
    try:
        while True:
            message = connection.recv(timeout=10)
            came.append(message if isinstance(message, bytes) else message.encode())
    except ConnectionClosed as closed:
        assert closed.rcvd is not None
        assert closed.rcvd.code == 1000
    return came


def test_output_comes_on_its_channels_and_the_end_on_the_third(api: Api) -> None:
    """With what was asked for handed on."""
    plays(api, MemoryExec((1, b"out"), (2, b"wrong"), 3))
    with opened(api, "sh", "-c", "exit 3", stdout="true", stderr="true", container="web") as connection:
        assert connection.subprotocol == "v5.channel.k8s.io"
        *written, last = rest(connection)
    assert written == [b"\x01", b"\x01out", b"\x02wrong"]
    status = json.loads(last[1:])
    assert last[0] == 3
    assert (status["status"], status["reason"]) == ("Failure", "NonZeroExitCode")
    assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]
    wanted = ExecRequest(
        namespace="shop", pod="web", container="web", command=("sh", "-c", "exit 3"), stdout=True, stderr=True
    )
    assert ("exec", wanted) in api.operations.calls


@pytest.mark.parametrize("protocol", ["v4.channel.k8s.io", "v5.channel.k8s.io"])
def test_success_is_told(api: Api, protocol: str) -> None:
    """As a Status too."""
    plays(api, MemoryExec(0))
    with opened(api, "true", protocol=protocol) as connection:
        assert json.loads(rest(connection)[-1][1:]) == {"metadata": {}, "status": "Success"}


@pytest.mark.parametrize(
    ("protocol", "answer"),
    [
        ("channel.k8s.io", [b"\x01", b"\x01out", b"\x03command terminated with non-zero exit code: exit status 4"]),
        ("", [b"\x01", b"\x01out", b"\x03command terminated with non-zero exit code: exit status 4"]),
    ],
)
def test_the_oldest_form_tells_failures_as_text(api: Api, protocol: str, answer: list[bytes]) -> None:
    """Also to who names no form."""
    plays(api, MemoryExec((1, b"out"), 4))
    with opened(api, "x", protocol=protocol) as connection:
        assert rest(connection) == answer


def test_base64_forms_are_text(api: Api) -> None:
    """A digit and the content, both ways."""
    command = plays(api, MemoryExec(echoes=True))
    with opened(api, "cat", protocol="v4.base64.channel.k8s.io", stdin="true", stdout="true") as connection:
        assert connection.recv(timeout=5) == "1"
        connection.send("0" + base64.b64encode(b"\0\xff").decode())
        assert connection.recv(timeout=5) == "1" + base64.b64encode(b"\0\xff").decode()
        connection.send("0!!!")
        command.says.put(0)
        assert rest(connection)[-1][:1] == b"3"


def test_input_sizes_and_the_end_of_input_reach_the_command(api: Api) -> None:
    """What is not understood is passed over."""
    command = plays(api, MemoryExec(echoes=True))
    with opened(api, "cat", stdin="true", stdout="true", tty="true") as connection:
        connection.send(b"\x04" + json.dumps({"Width": 120, "Height": 50}).encode())
        for nonsense in (b"", b"\x04{}", b"\x04[1]", b"\x09?", b"\xff", b"\xff\x07", b"\x04" + b"9" * 5000):
            connection.send(nonsense)
        connection.send(b"\0one ")
        connection.send(b"\0two")
        connection.send(b"\xff\0")
        written = b"".join(message[1:] for message in rest(connection) if message[0] == 1)
    assert written == b"one two"
    assert command.sizes.get(timeout=5) == (120, 50)
    assert command.sizes.empty()
    assert command.input_ended.is_set()


def test_input_that_was_not_asked_for_is_dropped(api: Api) -> None:
    """Nor is its end known before version 5."""
    command = plays(api, MemoryExec())
    with opened(api, "x") as connection:
        connection.send(b"\0data")
        connection.send(b"\xff\0")
        command.says.put(0)
        rest(connection)
    assert (command.taken, command.input_ended.is_set()) == (b"", False)


@pytest.mark.parametrize("abrupt", [False, True])
def test_a_client_that_goes_lets_go_of_its_command(api: Api, abrupt: bool) -> None:
    """Properly, or as one that is killed; its place is free then."""
    command = plays(api, MemoryExec())
    with opened(api, "sleep") as connection:
        connection.recv(timeout=5)
        if abrupt:
            connection.socket.shutdown(2)
    assert command.closed.wait(5)
    until(lambda: api.app.state.context.commands.borrowed_tokens == 0)


def test_a_client_that_goes_while_its_input_waits_is_noticed(api: Api) -> None:
    """The command does not read, so the connection is not read either."""
    command = plays(api, MemoryExec())
    command.reads.clear()
    with opened(api, "sleep", stdin="true", stdout="true") as connection:
        connection.recv(timeout=5)
        connection.send(b"\0" + b"x" * 1000)
        connection.socket.shutdown(2)
    assert command.closed.wait(5)


def test_a_slow_reader_slows_its_command_down(api: Api) -> None:
    """What waits for it is bounded, and all of it arrives in the end."""
    piece = (1, b"x" * 32768)
    command = plays(api, MemoryExec(*[piece] * 400, 0))
    with opened(api, "cat") as connection:
        until(lambda: command.says.qsize() < 390)
        before = -1
        while before != command.says.qsize():
            before = command.says.qsize()
            command.closed.wait(0.3)
        assert before > 100
        assert sum(len(message) - 1 for message in rest(connection) if message[0] == 1) == 400 * 32768


def test_commands_are_bounded_and_places_come_back(socket_path: Any) -> None:
    """The third is refused while two run, and runs once one has ended."""
    with served(socket_path, Limits(commands_max=2)) as api:
        commands = [MemoryExec(), MemoryExec(), MemoryExec(0)]
        plays(api, commands[0])
        waiting = iter(commands)
        api.operations.commands = lambda _: next(waiting)
        with opened(api, "one"), opened(api, "two") as second:
            code, status = refused(api, "three")
            assert (code, status["reason"]) == (429, "TooManyRequests")
            commands[1].says.put(0)
            rest(second)
            until(lambda: api.app.state.context.commands.borrowed_tokens == 1)
            with opened(api, "three") as third:
                assert json.loads(rest(third)[-1][1:])["status"] == "Success"


def test_a_command_at_which_nothing_moves_is_ended_in_the_end(socket_path: Any) -> None:
    """Its limit is hours; here it is not."""
    with served(socket_path, Limits(command_idle_s=0.2)) as api:
        command = plays(api, MemoryExec())
        with opened(api, "sleep") as connection, pytest.raises(ConnectionClosed):
            connection.recv(timeout=5)
            connection.recv(timeout=5)
        assert command.closed.wait(5)


def test_the_loss_of_a_command_is_told(api: Api) -> None:
    """As a failure that is not an exit code."""
    plays(api, MemoryExec((1, b"out"), TransientError("the Engine does not answer")))
    with opened(api, "x") as connection:
        status = json.loads(rest(connection)[-1][1:])
    assert (status["status"], status["reason"]) == ("Failure", "InternalError")
    assert "the Engine does not answer" in status["message"]


def test_what_cannot_be_started_is_refused_before_the_handshake(api: Api) -> None:
    """With Kubernetes' words."""
    api.objects.put(running_pod("web", "first", "second"))
    code, status = refused(api, "true")
    assert (code, status["message"]) == (
        400,
        "a container name must be specified for pod web, choose one of: [first second]",
    )
    assert refused(api, "true", container="third", **BOTH)[1]["message"] == "container third is not valid for pod web"
    plays(api, MemoryExec(), phase="Succeeded")
    code, status = refused(api, "true")
    assert (code, status["message"]) == (
        400,
        "cannot exec into a container in a completed pod; current phase is Succeeded",
    )
    plays(api, MemoryExec(), container_statuses=(ContainerStatus(name="web"),))
    code, status = refused(api, "true")
    assert (code, status["message"]) == (500, 'unable to upgrade connection: container not found ("web")')
    plays(api, MemoryExec())
    assert refused(api, "true", stdin="false")[1]["message"] == "you must specify at least 1 of stdin, stdout, stderr"
    assert refused(api)[1]["message"] == "you must specify at least one command for the container"
    api.operations.failure = TransientError("the Engine does not answer")
    assert refused(api, "true")[0] == 503


def test_the_annotated_container_is_the_default(api: Api) -> None:
    """Where there are several."""
    api.objects.put(running_pod("web", "first", "second", default="second"))
    api.operations.commands = lambda _: MemoryExec(0)
    with opened(api, "true") as connection:
        rest(connection)


def test_plain_requests_and_other_connections_into_pods_are_refused(api: Api) -> None:
    """What is not there says so."""
    plays(api, MemoryExec())
    plain = ask(api.path, "GET", f"{EXEC}?command=true&stdout=true")
    assert (plain.code, plain.document["message"]) == (400, "Upgrade request required")
    for name in ("portforward",):
        answer = ask(api.path, "POST", f"/api/v1/namespaces/shop/pods/web/{name}")
        assert (answer.code, answer.document["reason"]) == (501, "NotImplemented")
        with pytest.raises(InvalidStatus) as refusal:
            unix_connect(str(api.path), f"ws://localhost/api/v1/namespaces/shop/pods/web/{name}")
        assert refusal.value.response.status_code == 501


def test_the_process_of_a_container_is_attached_to(api: Api) -> None:
    """No command is run; what is typed and written goes to and fro, and the end is a success."""
    plays(api, MemoryExec((1, b"prompt> "), 0))
    address = "ws://localhost/api/v1/namespaces/shop/pods/web/attach?stdin=true&stdout=true&tty=true&command=evil"
    protocols: Any = ["v5.channel.k8s.io"]
    with unix_connect(str(api.path), address, subprotocols=protocols) as connection:
        frames = rest(connection)
    assert b"\x01prompt> " in frames
    (wanted,) = [call[1] for call in api.operations.calls if call[0] == "exec"]
    assert (wanted.attach, wanted.command, wanted.stdin, wanted.tty) == (True, (), True, True)


def test_a_form_that_nobody_knows_is_refused(api: Api) -> None:
    """Before anything runs."""
    plays(api, MemoryExec())
    with pytest.raises(InvalidStatus) as refusal, opened(api, "true", protocol="v9.channel.k8s.io"):
        pass
    assert refusal.value.response.status_code == 400
    assert not [call for call in api.operations.calls if call[0] == "exec"]


@pytest.mark.parametrize(
    ("said", "size"),
    [
        (b'{"Width":80,"Height":24}', Resize(80, 24)),
        (b'{"Width":0,"Height":24}', None),
        (b'{"Width":80,"Height":70000}', None),
        (b'{"Width":"x","Height":24}', None),
        (b"null", None),
        (b"\xff", None),
    ],
)
def test_sizes_are_read_strictly(said: bytes, size: Resize | None) -> None:
    """A terminal has at least one character, and no more than the kernel counts."""
    assert terminal_size(said) == size
