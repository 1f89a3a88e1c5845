"""Agents and the daemon tell each other their versions, and talk only where these are close. Effect: what is noted."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from reconciler import __version__
from reconciler.model.agents import Agents
from reconciler.model.skew import VERSION_HEADER, VersionSkew, require_close
from reconciler.server.errors import ApiError

Endpoint = Callable[[Request], Awaitable[Response]]


def require_close_agent(request: Request) -> None:
    """Raise ApiError for an agent of a version that is too far from this one."""
    try:
        require_close(__version__, request.headers.get(VERSION_HEADER, ""))
    except VersionSkew as skew:
        raise ApiError(409, str(skew), reason=skew.reason, details={"hint": skew.hint}) from skew


def close(endpoint: Endpoint) -> Endpoint:
    """Return an endpoint for the agents of nodes: their versions are noted, and tell them ours."""

    async def answer(request: Request) -> Response:
        agents: Agents | None = request.app.state.agents
        if agents is not None:
            agents.note_version(request.path_params["name"], request.headers.get(VERSION_HEADER, ""))
        require_close_agent(request)
        response = await endpoint(request)
        response.headers[VERSION_HEADER] = __version__
        return response

    return answer
