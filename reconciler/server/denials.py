"""How a request is refused before any handler sees it, over HTTP and in the opening of a WebSocket."""

from typing import Any

from starlette.types import Receive, Scope, Send

from reconciler.model.access import RequestAttributes, User
from reconciler.server.errors import ApiError, error_response


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
