"""Whether the user may do what a request wants: every request is asked, by roles and bindings. ASGI middleware."""

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from reconciler.planner.access.authorize import authorize
from reconciler.server.attributes import attributes_of
from reconciler.server.denials import forbidden, refuse
from reconciler.server.errors import ApiError
from reconciler.server.impersonation import acting_user
from reconciler.server.nodes_api.authorizer import judge_agent
from reconciler.server.policy import CurrentPolicy


class Authorize:
    """Lets a request through when the policy allows it; notes what it wanted, and why it was allowed or not."""

    def __init__(self, app: ASGIApp, policy: CurrentPolicy) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge a request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            self._judge(HTTPConnection(scope))
        except ApiError as error:
            await refuse(error, scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _judge(self, connection: HTTPConnection) -> None:
        state, policy = connection.scope.setdefault("state", {}), self._policy.policy
        wanted = state["wanted"] = attributes_of(connection)
        user = state["user"] = acting_user(connection, policy)
        decision = state["decision"] = judge_agent(user, wanted) or authorize(user, wanted, policy)
        if not decision.allowed:
            raise forbidden(user, wanted)
