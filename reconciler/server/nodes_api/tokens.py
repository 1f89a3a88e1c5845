"""Join tokens: given out, listed, deleted. Their text is shown once."""

import logging
import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from reconciler.model.access import MASTERS
from reconciler.model.agents import JoinToken
from reconciler.model.base import Value
from reconciler.model.times import rfc3339
from reconciler.render import DOCUMENT_VERSION
from reconciler.server.authentication import fingerprint_of_token, user_of
from reconciler.server.bodies import body_of
from reconciler.server.context import context_of
from reconciler.server.errors import ApiError
from reconciler.server.nodes_api.join import agents_of
from reconciler.server.users import Access
from reconciler.server.wire import encode

log = logging.getLogger(__name__)

_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_ID_LENGTH, _SECRET_LENGTH = 6, 16
_TTL_S, _TTL_MIN_S, _TTL_MAX_S = 86_400.0, 60.0, 30 * 86_400.0


class TokenBody(Value):
    """For which node (empty: any new one) a token is to be good, and for how long."""

    node: str = ""
    ttl_seconds: float = _TTL_S


async def collection(request: Request) -> Response:
    """List join tokens, or give one out."""
    if request.method == "POST":
        return await _create(request)
    found = await context_of(request).read(agents_of(request).tokens)
    items = [_document(token, _now(request)) for token in found]
    return _json({"apiVersion": DOCUMENT_VERSION, "kind": "TokenList", "metadata": {}, "items": items})


async def delete(request: Request) -> Response:
    """End a join token by its id; hosts that have joined with it stay."""
    agents, id = agents_of(request), request.path_params["name"]
    if not await context_of(request).call(lambda: agents.delete_token(id)):
        raise ApiError(404, f'tokens.reconciler.dev "{id}" not found', details={"kind": "tokens", "name": id})
    log.info("a join token was deleted", extra={"id": id, "by": user_of(request).name})
    return _json({"apiVersion": DOCUMENT_VERSION, "kind": "Token", "metadata": {"name": id}})


async def _create(request: Request) -> Response:
    """Give a token out. A node is shown the Secrets of its Pods, so no grant but the highest allows it."""
    by = user_of(request)
    if MASTERS not in by.groups:
        raise ApiError(403, f'tokens.reconciler.dev is forbidden: User "{by.name}" is not in the group {MASTERS}')
    agents, access = agents_of(request), request.app.state.access
    assert isinstance(access, Access)
    if access.authority is None:
        raise ApiError(503, "this daemon has no certificate authority")
    if not access.port:
        raise ApiError(409, "this daemon serves no HTTPS, by which hosts join: set apiAddress and restart it")
    body = await body_of(request, TokenBody)
    if not _TTL_MIN_S <= body.ttl_seconds <= _TTL_MAX_S:
        raise ApiError(422, f"a join token is good for a minute to 30 days, not for {body.ttl_seconds:g} s")
    id, text = _new_token()
    token = JoinToken(
        id=id,
        fingerprint=fingerprint_of_token(text),
        node=body.node,
        created_at=access.now(),
        created_by=by.name,
        expires_at=access.now() + body.ttl_seconds,
    )
    await context_of(request).call(lambda: agents.add_token(token))
    log.info("a join token was given out", extra={"id": id, "node": body.node, "by": by.name})
    place = {"address": access.address(), "port": access.port}
    return _json(_document(token, access.now()) | {"token": text, "caHash": access.authority.ca_hash()} | place, 201)


def _new_token() -> tuple[str, str]:
    """Return the id and the text of a new token; about 80 bits of it are secret."""
    id = "".join(secrets.choice(_LETTERS) for _ in range(_ID_LENGTH))
    secret = "".join(secrets.choice(_LETTERS) for _ in range(_SECRET_LENGTH))
    return id, f"{id}.{secret}"


def _document(token: JoinToken, now: float) -> dict[str, Any]:
    """Return what may be known of a token."""
    state = "used" if token.used_at is not None else "expired" if token.expires_at <= now else "valid"
    document: dict[str, Any] = {
        "apiVersion": DOCUMENT_VERSION,
        "kind": "Token",
        "metadata": {"name": token.id, "creationTimestamp": rfc3339(token.created_at)},
        "node": token.node,
        "createdBy": token.created_by,
        "expiresAt": rfc3339(token.expires_at),
        "state": state,
    }
    if token.used_at is not None:
        document |= {"usedAt": rfc3339(token.used_at), "usedBy": token.used_by}
    return document


def _now(request: Request) -> float:
    access = request.app.state.access
    assert isinstance(access, Access)
    return access.now()


def _json(value: Any, code: int = 200) -> Response:
    return Response(encode(value), status_code=code, media_type="application/json")
