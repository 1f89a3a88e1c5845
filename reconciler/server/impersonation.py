"""Acting as somebody else, as `kubectl --as` asks for: judged by the policy like any other request.

Whoever may impersonate a user, and each of the groups that are named, is that user for one request; what they could do
as themselves counts no more. The audit log names both.
"""

from collections.abc import Iterator

from starlette.requests import HTTPConnection

from reconciler.model.access import ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, RequestAttributes, User
from reconciler.planner.access.authorize import SERVICE_ACCOUNT, AccessPolicy, authorize, service_account
from reconciler.server.authentication import user_of
from reconciler.server.denials import forbidden
from reconciler.server.errors import bad_request

_PREFIX = "impersonate-"
_AUTHENTICATION = "authentication.k8s.io"


def acting_user(connection: HTTPConnection, policy: AccessPolicy) -> User:
    """Return as whom a request is judged; raise ApiError where that may not be."""
    user, headers = user_of(connection), connection.headers
    if not any(name.startswith(_PREFIX) for name in headers):
        return user
    wanted = headers.get("impersonate-user", "")
    groups, uid = tuple(headers.getlist("impersonate-group")), headers.get("impersonate-uid", "")
    if not wanted:
        raise bad_request("Impersonate-User: groups and uid are only impersonated together with a user")
    if any(name.startswith(f"{_PREFIX}extra-") for name in headers):
        raise bad_request("Impersonate-Extra: users have no extra attributes here")
    for asked in _asked(wanted, groups, uid):
        if not authorize(user, asked, policy).allowed:
            raise forbidden(user, asked)
    connection.scope["state"]["impersonator"] = user.name
    return _as(user, wanted, groups, uid)


def _asked(name: str, groups: tuple[str, ...], uid: str) -> Iterator[RequestAttributes]:
    """Yield what whoever impersonates must be allowed."""
    account = _account(name)
    if account is not None:
        yield RequestAttributes(
            verb="impersonate", version="v1", resource="serviceaccounts", namespace=account[0], name=account[1]
        )
    else:
        yield RequestAttributes(verb="impersonate", version="v1", resource="users", name=name)
    for group in groups:
        yield RequestAttributes(verb="impersonate", version="v1", resource="groups", name=group)
    if uid:
        yield RequestAttributes(verb="impersonate", group=_AUTHENTICATION, version="v1", resource="uids", name=uid)


def _as(user: User, name: str, groups: tuple[str, ...], uid: str) -> User:
    account = _account(name)
    if account is not None and not groups:
        groups = service_account(*account).groups
    if name != ANONYMOUS.name and UNAUTHENTICATED not in groups:
        groups = tuple(dict.fromkeys((*groups, AUTHENTICATED)))
    elif name == ANONYMOUS.name and not groups:
        groups = ANONYMOUS.groups
    return User(name=name, groups=groups, uid=uid, via=user.via, account=user.account, sees_secrets=user.sees_secrets)


def _account(name: str) -> tuple[str, str] | None:
    """Return namespace and name of the service account that a user is, or None."""
    namespace, _, account = name.removeprefix(SERVICE_ACCOUNT).partition(":")
    return (namespace, account) if name.startswith(SERVICE_ACCOUNT) and namespace and account else None
