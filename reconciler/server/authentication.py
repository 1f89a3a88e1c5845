"""Who sent a request: by client certificate, by bearer token, or by the Unix socket's peer. ASGI middleware.

A credential is judged anew with every request, from memory: one that is revoked or has expired stops working at once,
on open connections too, and what it is streaming is ended within seconds.
"""

import asyncio
import base64
import binascii
import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Protocol

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from reconciler.access import Presented, read_presented
from reconciler.model.access import ANONYMOUS, AUTHENTICATED, MASTERS, SOCKET_GROUP, Account, CredentialKind, User
from reconciler.server.errors import ApiError, error_response
from reconciler.server.limits import Limits
from reconciler.server.peer import UNKNOWN, Peer
from reconciler.server.restraint import Pace, origin_of

log = logging.getLogger(__name__)

_SUBPROTOCOL = "base64url.bearer.authorization.k8s.io."
_LOOK_S = 1.0
_REFUSALS_A_MINUTE = 60
_read_presented = lru_cache(maxsize=512)(read_presented)


class Accounts(Protocol):
    """The credentials that were given out; reading them asks no database."""

    def find(self, fingerprint: str) -> Account | None:
        """Return the credential with a fingerprint, also one that has ended."""
        ...

    def all(self) -> Sequence[Account]:
        """Return every credential, oldest first."""
        ...

    def add(self, account: Account) -> None:
        """Keep a new credential."""
        ...

    def revoke(self, ids: Sequence[str]) -> None:
        """End credentials from now on."""
        ...


class NoAccounts:
    """Credentials where none can be given out."""

    def find(self, fingerprint: str) -> Account | None:
        """Return none."""
        return None

    def all(self) -> Sequence[Account]:
        """Return none."""
        return ()

    def add(self, account: Account) -> None:
        """Refuse."""
        raise ApiError(503, "this daemon gives out no credentials")

    def revoke(self, ids: Sequence[str]) -> None:
        """Revoke nothing: there are none."""


class Refused(Exception):
    """A credential that does not count; the message is for the log, never for the client."""


def user_of(connection: HTTPConnection) -> User:
    """Return who sent a request."""
    user = connection.scope.get("state", {}).get("user", ANONYMOUS)
    assert isinstance(user, User)
    return user


class Authenticator:
    """Tells who sent a request. `now` gives Unix seconds."""

    def __init__(self, accounts: Accounts, now: Callable[[], float] = time.time) -> None:
        self._accounts = accounts
        self._now = now

    def user(self, scope: Scope) -> User:
        """Return who sent a request: its certificate counts first, then its token, then the socket's peer.

        Raises Refused for a credential that does not count; no credential at all is the anonymous user.
        """
        state = scope.get("state", {})
        certificate = state.get("certificate")
        if certificate is not None:
            return self._of_certificate(_read_presented(certificate))
        token = _bearer(scope)
        if token:
            return self._of_token(token)
        return _of_peer(state.get("peer", UNKNOWN))

    def _of_certificate(self, presented: Presented) -> User:
        account = self._accounts.find(presented.fingerprint)
        if account is not None:
            self._require_valid(account)
        if presented.expires_at <= self._now():
            raise Refused(f"the certificate of {presented.user!r} has expired")
        if not presented.user:
            raise Refused("the certificate names no user")
        groups = _with_authenticated(presented.groups)
        id = account.id if account is not None else ""
        return User(name=presented.user, groups=groups, via=CredentialKind.CERTIFICATE.value, account=id)

    def _of_token(self, token: str) -> User:
        account = self._accounts.find(fingerprint_of_token(token))
        if account is None or account.kind is not CredentialKind.TOKEN:
            raise Refused("the token is not one of this cluster")
        self._require_valid(account)
        groups = _with_authenticated(account.groups)
        return User(name=account.name, groups=groups, via=CredentialKind.TOKEN.value, account=account.id)

    def _require_valid(self, account: Account) -> None:
        if account.revoked_at is not None:
            raise Refused(f"{account.kind.value} {account.id} of {account.name!r} was revoked")
        if account.expires_at is not None and account.expires_at <= self._now():
            raise Refused(f"{account.kind.value} {account.id} of {account.name!r} has expired")


class Authenticate:
    """Notes who sent each request; answers 401 to a credential that does not count, without saying why."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator, limits: Limits | None = None) -> None:
        limits = limits or Limits()
        self._app = app
        self._pace = Pace(limits.stranger_rate, limits.stranger_burst, time.monotonic)
        self._pause_s = limits.stranger_pause_s
        self._authenticator = authenticator
        self._refusals = _Refusals()
        self._open: dict[int, Scope] = {}
        self._is_looking = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its user."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            user = self._authenticator.user(scope)
        except Refused as refused:
            self._refusals.note(scope, refused)
            # Whoever goes on guessing waits; a credential that counts never does, from whatever address it comes.
            if not self._pace.takes(origin_of(_address(scope))):
                await asyncio.sleep(self._pause_s)
            await error_response(ApiError(401, "Unauthorized"))(scope, receive, send)
            return
        scope.setdefault("state", {})["user"] = user
        with self._kept(scope, user):
            await self._app(_without_token(scope), receive, send)

    @contextmanager
    def _kept(self, scope: Scope, user: User) -> Iterator[None]:
        """Have a request ended when its credential ends; those of the socket's peers do not."""
        if user.via not in (CredentialKind.TOKEN.value, CredentialKind.CERTIFICATE.value):
            yield
            return
        # Whatever the application changes in its scope, the credential is the one that was shown.
        shown = {**scope, "headers": scope["headers"], "state": dict(scope["state"])}
        self._open[id(shown)] = shown
        self._look_later()
        try:
            yield
        finally:
            del self._open[id(shown)]

    def _look_later(self) -> None:
        if not self._is_looking:
            self._is_looking = True
            asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def _look(self) -> None:
        """Abort what is still going on with a credential that has ended."""
        self._is_looking = False
        for scope in tuple(self._open.values()):
            try:
                self._authenticator.user(scope)
            except Refused as refused:
                self._refusals.note(scope, refused)
                scope["state"].get("abort", lambda: None)()
        if self._open:
            self._look_later()


class _Refusals:
    """Logs refused credentials, only so many a minute."""

    def __init__(self) -> None:
        self._minute = 0
        self._noted = 0

    def note(self, scope: Scope, refused: Refused) -> None:
        minute = int(time.monotonic() // 60)
        if minute != self._minute:
            if self._noted > _REFUSALS_A_MINUTE:
                log.warning("more credentials were refused", extra={"number": self._noted - _REFUSALS_A_MINUTE})
            self._minute, self._noted = minute, 0
        self._noted += 1
        if self._noted <= _REFUSALS_A_MINUTE:
            client = _address(scope)
            log.warning("a credential was refused", extra={"why": str(refused), "client": client})


def _address(scope: Scope) -> str:
    return str((scope.get("client") or ("socket",))[0])


def fingerprint_of_token(token: str) -> str:
    """Return what is kept of a token: its SHA-256, in hex."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def _of_peer(peer: Peer) -> User:
    if peer.uid is None:
        return ANONYMOUS
    if peer.is_operator:
        return User(name="system:root", groups=(MASTERS, AUTHENTICATED), via="socket")
    return User(name=f"uid:{peer.uid}", groups=(SOCKET_GROUP, AUTHENTICATED), via="socket", sees_secrets=False)


def _with_authenticated(groups: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*groups, AUTHENTICATED)))


def _bearer(scope: Scope) -> str:
    """Return the token that a request carries; as Kubernetes has it, WebSockets may carry it as a subprotocol."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").strip().partition(" ")
            if scheme.lower() == "bearer" and token.strip():
                return str(token.strip())
    carried = [one for one in _subprotocols(scope) if one.startswith(_SUBPROTOCOL)]
    return _decoded(carried[0].removeprefix(_SUBPROTOCOL)) if carried else ""


def _subprotocols(scope: Scope) -> list[str]:
    values = [value.decode("latin-1") for name, value in scope["headers"] if name == b"sec-websocket-protocol"]
    return [one.strip() for value in values for one in value.split(",")]


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise Refused("the token of a WebSocket is not base64url") from error


def _without_token(scope: Scope) -> Scope:
    """Return the request without the subprotocol that is a token: nobody is to choose it, or to log it."""
    offered = _subprotocols(scope)
    kept = [one for one in offered if not one.startswith(_SUBPROTOCOL)]
    if len(kept) == len(offered):
        return scope
    headers: list[tuple[bytes, bytes]] = [one for one in scope["headers"] if one[0] != b"sec-websocket-protocol"]
    if kept:
        headers.append((b"sec-websocket-protocol", ", ".join(kept).encode("latin-1")))
    changed: dict[str, Any] = {"headers": headers}
    if "subprotocols" in scope:
        changed["subprotocols"] = kept
    return {**scope, **changed}
