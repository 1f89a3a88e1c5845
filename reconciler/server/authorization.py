"""Whether the user may do what a request wants: every request is asked, by roles and bindings. ASGI middleware."""

from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from reconciler.model.access import RequestAttributes, User
from reconciler.planner.access.authorize import authorize
from reconciler.server.attributes import attributes_of
from reconciler.server.authentication import user_of
from reconciler.server.errors import ApiError, error_response
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
        state = connection.scope.setdefault("state", {})
        wanted = state["wanted"] = attributes_of(connection)
        user = user_of(connection)
        decision = state["decision"] = authorize(user, wanted, self._policy.policy)
        if not decision.allowed:
            raise forbidden(user, wanted)


async def refuse(error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request, or the opening of a WebSocket, with a failure."""
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": str(error)[:120]})
        return
    await error_response(error)(scope, receive, send)


def forbidden(user: User, wanted: RequestAttributes) -> ApiError:
    """Return what Kubernetes answers to who may not."""
    if not wanted.is_resource:
        return ApiError(403, f'forbidden: User "{user.name}" cannot {wanted.verb} path "{wanted.path}"')
    what = f"{wanted.resource}/{wanted.subresource}" if wanted.subresource else wanted.resource
    where = f'in the namespace "{wanted.namespace}"' if wanted.namespace else "at the cluster scope"
    qualified = f"{wanted.resource}.{wanted.group}" if wanted.group else wanted.resource
    subject = f'{qualified} "{wanted.name}"' if wanted.name else qualified
    cannot = f'User "{user.name}" cannot {wanted.verb} resource "{what}" in API group "{wanted.group}" {where}'
    parts = {"name": wanted.name, "group": wanted.group, "kind": wanted.resource}
    details: dict[str, Any] = {key: text for key, text in parts.items() if text}
    return ApiError(403, f"{subject} is forbidden: {cannot}", details=details)
