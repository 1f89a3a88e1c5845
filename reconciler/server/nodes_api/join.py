"""Hosts that join, nodes that renew their certificate, nodes that are gone; and how every agent stands."""

import logging
import time
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from reconciler import __version__
from reconciler.model.agents import Agents, AgentState, JoinBody, JoinRefused, RenewalBody
from reconciler.model.skew import VERSION_HEADER, skew_words
from reconciler.model.times import rfc3339
from reconciler.render import DOCUMENT_VERSION
from reconciler.server.authentication import user_of
from reconciler.server.bodies import body_of
from reconciler.server.context import context_of
from reconciler.server.errors import ApiError
from reconciler.server.nodes_api.versions import require_close_agent
from reconciler.server.users import Access
from reconciler.server.wire import encode

log = logging.getLogger(__name__)

# Who has no good token has not proven who it is; a good one for something else is a conflict with what there is.
_CODES: Mapping[str, int] = {
    "TokenUnknown": 401,
    "TokenExpired": 401,
    "TokenUsed": 401,
    "TokenForOther": 403,
    "NodeExists": 409,
    "NoRoom": 409,
    "Clock": 409,
    "BadName": 422,
}


async def authority(request: Request) -> Response:
    """Tell whom to trust; who joins compares its key with a hash that it was given by other means."""
    found = _access(request).authority
    if found is None:
        raise ApiError(503, "this daemon has no certificate authority")
    document = {"certificate": found.certificate_pem.decode("ascii"), "caHash": found.ca_hash()}
    return _json({"apiVersion": DOCUMENT_VERSION, "kind": "Authority", **document})


async def collection(request: Request) -> Response:
    """List the agents, or take a host in."""
    agents = agents_of(request)
    if request.method == "GET":
        states = await context_of(request).read(agents.states)
        items = [state_document(one) for one in states]
        return _json({"apiVersion": DOCUMENT_VERSION, "kind": "AgentList", "metadata": {}, "items": items})
    address = request.client.host if request.client else ""
    try:
        require_close_agent(request)
    except ApiError as error:
        log.warning("a host may not join", extra={"address": address, "reason": error.reason, "why": str(error)})
        raise
    body = await body_of(request, JoinBody)
    try:
        joined = await context_of(request).call(lambda: agents.join(body, address))
    except JoinRefused as error:
        details = {"causes": [{"reason": error.reason, "message": str(error)}], "hint": error.hint}
        raise ApiError(_CODES.get(error.reason, 403), str(error), reason=error.reason, details=details) from error
    told = {VERSION_HEADER: __version__}
    return Response(msgspec.json.encode(joined), status_code=201, media_type="application/json", headers=told)


async def renew(request: Request) -> Response:
    """Sign the next certificate of the node that asks."""
    agents, node = agents_of(request), request.path_params["name"]
    body = await body_of(request, RenewalBody)
    renewed = await context_of(request).call(lambda: agents.renew(node, body))
    return Response(msgspec.json.encode(renewed), status_code=201, media_type="application/json")


async def remove(request: Request) -> Response:
    """Declare a node gone."""
    agents, node, by = agents_of(request), request.path_params["name"], user_of(request).name
    try:
        await context_of(request).call(lambda: agents.remove(node, by))
    except LookupError as error:
        raise ApiError(404, f'nodes "{node}" not found', details={"kind": "nodes", "name": node}) from error
    return _json({"apiVersion": DOCUMENT_VERSION, "kind": "Removal", "node": node})


def agents_of(connection: HTTPConnection) -> Agents:
    """Return what the daemon does for agents."""
    agents: Agents | None = connection.app.state.agents
    if agents is None:
        raise ApiError(503, "this daemon has no agents on other hosts")
    return agents


def state_document(state: AgentState) -> dict[str, Any]:
    """Return how an agent stands, with times as Kubernetes writes them."""
    document = {
        "metadata": {"name": state.node},
        "local": state.is_local,
        "podCIDR": state.pod_cidr,
        "clockSkewSeconds": round(state.skew_s, 3),
        "agentVersion": state.version,
        "versionSkew": skew_words(__version__, state.version),
        "address": state.address,
        "generation": state.generation,
        "viewGeneration": state.view_generation,
    }
    times = {"heardAt": state.heard_at, "certificateExpiresAt": state.certificate_expires_at}
    if state.heard_at is not None:
        document["heardSecondsAgo"] = round(max(time.time() - state.heard_at, 0.0), 1)
    return document | {key: rfc3339(at) for key, at in times.items() if at is not None}


def _access(request: Request) -> Access:
    access = request.app.state.access
    assert isinstance(access, Access)
    return access


def _json(value: Any, code: int = 200) -> Response:
    return Response(encode(value), status_code=code, media_type="application/json")
