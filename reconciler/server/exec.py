"""Commands in containers, and their own processes: the subresources `exec` and `attach` of Pods, by WebSocket or SPDY.

Who may do it is decided before a request comes here, as for every other one. `portforward` is told apart from paths
that do not exist, and is not offered.
"""

from contextlib import suppress

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from reconciler.model.access import AccessDecision
from reconciler.model.kinds import KINDS, Pod
from reconciler.model.ports import ExecRequest
from reconciler.model.refs import ObjectRef
from reconciler.model.streams import ContainerNotRunning, ContainerUnavailable, running_container_id
from reconciler.server import exec_spdy
from reconciler.server.commands import Command, converse, start_command
from reconciler.server.context import context_of
from reconciler.server.errors import ApiError, bad_request
from reconciler.server.exec_websocket import SUBPROTOCOLS, WebSocketRemote, chosen_subprotocol
from reconciler.server.paths import existing
from reconciler.server.peer import require_operator
from reconciler.server.query import flag, word

NOT_OFFERED = ("portforward",)
_ATTACH = "attach"
_COMMAND_BYTES_MAX = 64 * 1024


async def exec_websocket(socket: WebSocket) -> None:
    """Run a command for a client that speaks WebSocket."""
    form = chosen_subprotocol(socket.scope["subprotocols"])
    if form is None:
        known = ", ".join(one.name for one in SUBPROTOCOLS)
        raise bad_request(f"none of the offered subprotocols is known; there are: {known}")
    wanted = exec_request(socket)
    command = await _started(socket, wanted, _pod(socket))
    try:
        remote = WebSocketRemote(socket, form, wanted)
        with suppress(ConnectionResetError):  # the client has gone before anything could be said
            await remote.accept()
            await converse(command, remote, context_of(socket).limits.command_idle_s)
    finally:
        command.stop()


async def exec_http(request: Request) -> Response:
    """Run a command for a client that proposes SPDY/3.1; refuse every other one."""
    if request.method not in ("GET", "POST"):
        raise ApiError(405, f"the server does not allow {request.method} on {request.scope['path'].rpartition('/')[2]}")
    pod = _pod(request)
    if not exec_spdy.is_proposed(request):
        raise bad_request("Upgrade request required")
    version = exec_spdy.chosen_version(request)
    if not version:
        raise ApiError(403, f"{exec_spdy.VERSION_HEADER}: there are {', '.join(exec_spdy.VERSIONS)}")
    if await request.body():
        raise bad_request("a request to upgrade the connection has no body")
    wanted = exec_request(request)
    return _SpdyResponse(request, wanted, await _started(request, wanted, pod), version)


async def not_offered(connection: HTTPConnection) -> Response:
    """Refuse what this API does not do with Pods, and say so."""
    name = connection.scope["path"].rpartition("/")[2]
    raise ApiError(501, f"pods/{name} is not implemented", reason="NotImplemented")


async def websocket_not_offered(socket: WebSocket) -> None:
    """Refuse it over WebSocket as well."""
    await not_offered(socket)


def exec_request(connection: HTTPConnection) -> ExecRequest:
    """Read which command is to run where; refuse what cannot be run."""
    parts, query = connection.path_params, connection.query_params
    is_attach = connection.scope["path"].rpartition("/")[2] == _ATTACH
    wanted = ExecRequest(
        namespace=parts["namespace"],
        pod=parts["name"],
        container=word(connection, "container"),
        command=() if is_attach else tuple(query.getlist("command")),
        attach=is_attach,
        stdin=flag(connection, "stdin"),
        stdout=flag(connection, "stdout"),
        stderr=flag(connection, "stderr"),
        tty=flag(connection, "tty"),
    )
    if not is_attach and not (wanted.command and wanted.command[0]):
        raise bad_request("you must specify at least one command for the container")
    if sum(len(one) for one in wanted.command) > _COMMAND_BYTES_MAX:
        raise bad_request(f"the command is longer than {_COMMAND_BYTES_MAX} characters")
    if not (wanted.stdin or wanted.stdout or wanted.stderr):
        raise bad_request("you must specify at least 1 of stdin, stdout, stderr")
    return wanted


def _pod(connection: HTTPConnection) -> Pod:
    parts = connection.path_params
    pod = existing(context_of(connection), KINDS["Pod"], ObjectRef.of("Pod", parts["namespace"], parts["name"])).object
    assert isinstance(pod, Pod)
    return pod


async def _started(connection: HTTPConnection, wanted: ExecRequest, pod: Pod) -> Command:
    """Start the command while a refusal can still be told as an ordinary answer."""
    _require_judged(connection)
    context = context_of(connection)
    try:
        running_container_id(pod, wanted.container)
        return await start_command(lambda: context.operations.exec(wanted), context.commands)
    except ContainerNotRunning as error:
        raise ApiError(500, f"unable to upgrade connection: {error}") from error
    except ContainerUnavailable as error:
        raise bad_request(str(error)) from error


def _require_judged(connection: HTTPConnection) -> None:
    """Run nothing for a request that came past authorization: it was allowed, or is of an operator on the host."""
    decision = connection.scope.get("state", {}).get("decision")
    if not isinstance(decision, AccessDecision) or not decision.allowed:
        require_operator(connection, "run commands in containers")


class _SpdyResponse(Response):
    """The answer to an accepted proposal: the connection goes over to SPDY and the command is served there."""

    def __init__(self, request: Request, wanted: ExecRequest, command: Command, version: str) -> None:
        super().__init__()
        self._request = request
        self._wanted = wanted
        self._command = command
        self._version = version

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the command to its end."""
        try:
            session = exec_spdy.switch(self._request, self._version)
            # Not sent any more, but told to every layer that notes how requests are answered.
            await send({"type": "http.response.start", "status": 101, "headers": []})
            idle_s = context_of(self._request).limits.command_idle_s
            await exec_spdy.serve_spdy(session, self._wanted, self._command, self._version, idle_s)
        finally:
            self._command.stop()
