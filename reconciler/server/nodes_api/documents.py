"""A node's documents, by long poll; and what it reports. Whose they are was judged before, by the certificate."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from reconciler.model.agents import Heartbeat, ToldOutcome
from reconciler.model.base import Value
from reconciler.model.metrics import NodeSample
from reconciler.model.node_report import Observation
from reconciler.server.bodies import body_of
from reconciler.server.errors import ApiError, bad_request
from reconciler.server.nodes_api.join import agents_of
from reconciler.server.nodes_api.polls import Polls
from reconciler.server.query import flag, number, word
from reconciler.server.users import Access

SENT_AT = "x-reconciler-sent-at"
NOW = "x-reconciler-now"
_WAIT_MAX_S = 60


class OutcomesBody(Value):
    """What came of a node's actions."""

    outcomes: tuple[ToldOutcome, ...] = ()


async def documents(request: Request) -> Response:
    """Return what a node lacks, as soon as there is something; 204 when nothing came within `wait` seconds."""
    agents, node = agents_of(request), request.path_params["name"]
    if flag(request, "look"):
        return Response(status_code=204, headers=_now(request))
    cursor, wait_s = word(request, "cursor"), min(number(request, "wait") or 0, _WAIT_MAX_S)
    loop, woken = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it this question
            loop.call_soon_threadsafe(woken.set)

    polls: Polls = request.app.state.polls
    stop = agents.subscribe(node, wake)
    try:
        with polls.wait(node) as ended:
            async with asyncio.timeout(wait_s):
                while not ended.is_set():
                    woken.clear()
                    found = agents.documents(node, cursor)
                    if found is not None:
                        content = msgspec.json.encode(found)
                        return Response(content, media_type="application/json", headers=_now(request))
                    await _first(woken, ended)
    except TimeoutError:
        pass
    finally:
        stop()
    return Response(status_code=204, headers=_now(request))


async def observation(request: Request) -> Response:
    """Take a node's whole report."""
    said = await body_of(request, Observation)
    _require_own(request, said.node)
    agents_of(request).report(said, _sent_at(request))
    return _taken(request)


async def heartbeat(request: Request) -> Response:
    """Take a report that says nothing new; 409 when the one that it is the same as is not known here."""
    said = await body_of(request, Heartbeat)
    if not agents_of(request).heartbeat(request.path_params["name"], said, _sent_at(request)):
        raise ApiError(409, f"report {said.of} of this boot is not known here: tell the whole", reason="ReportUnknown")
    return _taken(request)


async def sample(request: Request) -> Response:
    """Take a reading of what a node uses."""
    said = await body_of(request, NodeSample)
    _require_own(request, said.node)
    agents_of(request).sample(said)
    return _taken(request)


async def outcomes(request: Request) -> Response:
    """Take what came of a node's actions, for the history."""
    said = await body_of(request, OutcomesBody)
    for one in said.outcomes:
        _require_own(request, one.action.node)
        if one.action.detail is not None:
            raise bad_request("the detail of an action stays on its node")
    agents_of(request).outcomes(said.outcomes)
    return _taken(request)


def _require_own(request: Request, node: str) -> None:
    own = request.path_params["name"]
    if node != own:
        raise ApiError(403, f"agents.reconciler.dev {own!r} is forbidden: what is told is of node {node!r}")


async def _first(*events: asyncio.Event) -> None:
    """Wait until one of the events is set."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waits:
            one.cancel()


def _sent_at(request: Request) -> float:
    try:
        return float(request.headers.get(SENT_AT, "0"))
    except ValueError as error:
        raise bad_request(f"{SENT_AT}: expected Unix seconds") from error


def _now(request: Request) -> Mapping[str, str]:
    access = request.app.state.access
    assert isinstance(access, Access)
    return {NOW: f"{access.now():.3f}"}


def _taken(request: Request) -> Response:
    return Response(b"{}", media_type="application/json", headers=_now(request))
