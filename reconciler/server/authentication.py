"""Who sent a request: by client certificate, by bearer token, or by the Unix socket's peer. ASGI middleware."""

from starlette.requests import HTTPConnection

from reconciler.model.access import ANONYMOUS, User


def user_of(connection: HTTPConnection) -> User:
    """Return who sent a request."""
    user = connection.scope.get("state", {}).get("user", ANONYMOUS)
    assert isinstance(user, User)
    return user
