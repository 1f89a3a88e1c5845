"""Credentials of people and programs: given out, listed, revoked. What is secret of one is shown once."""

import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from reconciler.access import Authority
from reconciler.access.certificates import NAME_MAX, fingerprint_of
from reconciler.model.access import AUTHENTICATED, MASTERS, UNAUTHENTICATED, Account, CredentialKind
from reconciler.model.base import Value
from reconciler.model.errors import TerminalError
from reconciler.model.times import rfc3339
from reconciler.render import DOCUMENT_VERSION
from reconciler.server.authentication import Accounts, NoAccounts, fingerprint_of_token, user_of
from reconciler.server.bodies import body_of
from reconciler.server.context import context_of
from reconciler.server.errors import ApiError, bad_request
from reconciler.server.wire import encode

log = logging.getLogger(__name__)

_NAME_MAX = 253
_GROUPS_MAX = 64
_LIFETIME_MIN_S = 60.0
_LIFETIME_MAX_S = 3650 * 86_400.0
_SECRET_BYTES = 32
_GIVEN_BY_US = frozenset({AUTHENTICATED, UNAUTHENTICATED})


@dataclass(frozen=True, slots=True)
class Access:
    """What credentials are made with. `port` is that of HTTPS, 0 where it is switched off; `now` is Unix seconds.

    `address` tells where the daemon's host is reached: whoever asks may sit in another network than the daemon.
    """

    accounts: Accounts = field(default_factory=NoAccounts)
    authority: Authority | None = None
    port: int = 0
    now: Callable[[], float] = time.time
    address: Callable[[], str] = str


class UserBody(Value):
    """Who is to get which credential, for how long (None: for ever). `request` is a certificate request in PEM."""

    name: str
    groups: tuple[str, ...] = ()
    credential: CredentialKind = CredentialKind.TOKEN
    expires_seconds: float | None = None
    request: str = ""


async def collection(request: Request) -> Response:
    """List credentials, or give one out."""
    if request.method == "POST":
        return await _create(request)
    items = [_document(account) for account in _access(request).accounts.all()]
    return _json({"apiVersion": DOCUMENT_VERSION, "kind": "UserList", "metadata": {}, "items": items})


async def revoke(request: Request) -> Response:
    """End a credential by its id, or all of a user by its name; from now on they stand for nobody."""
    named, access = request.path_params["name"], _access(request)
    found = [one for one in access.accounts.all() if named == one.id]
    found = found or [one for one in access.accounts.all() if named == one.name and one.revoked_at is None]
    if not found:
        raise ApiError(404, f'users.reconciler.dev "{named}" not found', details={"name": named, "kind": "users"})
    ids = [one.id for one in found]
    await context_of(request).call(lambda: access.accounts.revoke(ids))
    log.info("credentials revoked", extra={"ids": " ".join(ids), "by": user_of(request).name})
    items = [_document(account) for account in access.accounts.all() if account.id in ids]
    return _json({"apiVersion": DOCUMENT_VERSION, "kind": "UserList", "metadata": {}, "items": items})


async def _create(request: Request) -> Response:
    """Give a credential out. Whoever can do that can become anybody, so no grant but the highest allows it."""
    by = user_of(request)
    if MASTERS not in by.groups:
        raise ApiError(403, f'users.reconciler.dev is forbidden: User "{by.name}" is not in the group {MASTERS}')
    body, access = await body_of(request, UserBody), _access(request)
    _check(body)
    authority = access.authority
    if authority is None:
        raise ApiError(503, "this daemon has no certificate authority")
    if body.credential is CredentialKind.CERTIFICATE:
        account, shown = _certificate(body, authority, access.now())
    else:
        account, shown = _token(body, access.now())
    account = msgspec.structs.replace(account, created_by=by.name)
    await context_of(request).call(lambda: access.accounts.add(account))
    log.info("credential given out", extra={"id": account.id, "user": account.name, "by": by.name})
    cluster = {
        "certificateAuthority": authority.certificate_pem.decode("ascii"),
        "caHash": authority.ca_hash(),
        "address": access.address(),
        "port": access.port,
    }
    return _json({**_document(account), **shown, "cluster": cluster}, 201)


def _token(body: UserBody, now: float) -> tuple[Account, dict[str, str]]:
    """Return a new token: 256 random bits, and a beginning by which a leaked one is recognised."""
    id = _new_id()
    token = f"rct_{id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    expires_at = None if body.expires_seconds is None else now + body.expires_seconds
    return _account(body, id, fingerprint_of_token(token), now, expires_at), {"token": token}


def _certificate(body: UserBody, authority: Authority, now: float) -> tuple[Account, dict[str, str]]:
    """Return a certificate for the key of the body's request."""
    if body.expires_seconds is None:
        raise _invalid("expiresSeconds: a certificate has an end")
    try:
        signed = authority.sign_request(body.request.encode(), body.name, body.groups, body.expires_seconds)
    except TerminalError as error:
        raise _invalid(f"{error}{f'; {error.hint}' if error.hint else ''}") from error
    expires_at = min(now + body.expires_seconds, authority.expires_at)
    account = _account(body, _new_id(), fingerprint_of(signed), now, expires_at)
    return account, {"certificate": signed.decode("ascii")}


def _account(body: UserBody, id: str, fingerprint: str, now: float, expires_at: float | None) -> Account:
    return Account(
        id=id,
        kind=body.credential,
        name=body.name,
        groups=body.groups,
        fingerprint=fingerprint,
        created_at=now,
        expires_at=expires_at,
    )


def _new_id() -> str:
    return secrets.token_hex(5)


def _check(body: UserBody) -> None:
    longest = NAME_MAX if body.credential is CredentialKind.CERTIFICATE else _NAME_MAX
    for name in (body.name, *body.groups):
        if not name or len(name) > longest or not name.isprintable() or name != name.strip():
            raise _invalid(f"{name[:80]!r} is no name of 1 to {longest} printable characters")
    if body.name.startswith("system:"):
        raise _invalid(f"{body.name!r}: names that begin with system: are the cluster's own")
    if not _GIVEN_BY_US.isdisjoint(body.groups):
        raise _invalid(f"groups: who is in {AUTHENTICATED} or {UNAUTHENTICATED} is worked out with every request")
    if len(set(body.groups)) != len(body.groups) or len(body.groups) > _GROUPS_MAX:
        raise _invalid(f"groups: expected at most {_GROUPS_MAX}, each once")
    lifetime = body.expires_seconds
    if lifetime is not None and not _LIFETIME_MIN_S <= lifetime <= _LIFETIME_MAX_S:
        raise _invalid("expiresSeconds: expected between a minute and ten years")
    if body.request and body.credential is CredentialKind.TOKEN:
        raise bad_request("request: a token needs none")


def _invalid(message: str) -> ApiError:
    return ApiError(422, message)


def _document(account: Account) -> dict[str, Any]:
    """Return what may be known of a credential. Its fingerprint is of no use to whoever does not have it."""
    document: dict[str, Any] = {
        "apiVersion": DOCUMENT_VERSION,
        "kind": "User",
        "metadata": {"name": account.id, "creationTimestamp": rfc3339(account.created_at)},
        "credential": account.kind.value,
        "name": account.name,
        "groups": list(account.groups),
        "createdBy": account.created_by,
    }
    times = {"expiresAt": account.expires_at, "revokedAt": account.revoked_at}
    return document | {key: rfc3339(at) for key, at in times.items() if at is not None}


def _access(request: Request) -> Access:
    access = request.app.state.access
    assert isinstance(access, Access)
    return access


def _json(value: Any, code: int = 200) -> Response:
    return Response(encode(value), status_code=code, media_type="application/json")
