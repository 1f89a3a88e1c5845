"""A fair share of the API for everybody: no client can starve the others. ASGI middleware.

Each user (without credentials: each address) has a bucket of requests that refills steadily, and places for requests,
watches and other streams that are open at once. Who has used up theirs is told 429 with the time to wait. Whoever is
root over the Unix socket is never slowed down, so that the host can always be operated; their watches count.

Used on the loop's thread only, so nothing is locked.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from reconciler.model.access import AUTHENTICATED, MASTERS, User
from reconciler.server.attributes import is_watch
from reconciler.server.authentication import user_of
from reconciler.server.denials import refuse
from reconciler.server.errors import ApiError
from reconciler.server.limits import Limits
from reconciler.server.restraint import origin_of

Clock = Callable[[], float]
_CLIENTS_MAX = 10_000
_BUSY_RETRY_S = 1
_WATCH_RETRY_S = 5
_ADDRESS = "address "
_FOREVER = ("/log", "/exec", "/attach", "/portforward")


class Use(Enum):
    """How long a request is open: briefly, as a watch, or as another stream."""

    REQUEST = "requests"
    WATCH = "watches"
    STREAM = "streams"


@dataclass(frozen=True, slots=True)
class Share:
    """What one client may take. Rates in requests per second; None is without a limit."""

    rate: float | None
    burst: float
    places: Mapping[Use, int | None]


@dataclass(slots=True)
class _Taken:
    """What one client has taken; `tokens` are as of `at`."""

    tokens: float
    at: float
    open: dict[Use, int] = field(default_factory=lambda: dict.fromkeys(Use, 0))


class Shares:
    """Counts what every client takes. `clock` gives seconds that only ever grow."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._clock = clock
        self._clients: OrderedDict[str, _Taken] = OrderedDict()
        self._watches = 0
        self._watches_max = limits.watches_max
        open_at_once: dict[Use, int | None] = {
            Use.REQUEST: limits.user_requests_max,
            Use.WATCH: limits.user_watches_max,
            Use.STREAM: limits.user_streams_max,
        }
        self._of_root = Share(None, 0.0, {Use.REQUEST: None, Use.WATCH: limits.user_watches_max, Use.STREAM: None})
        self._of_users = Share(limits.user_rate, limits.user_burst, open_at_once)
        self._of_strangers = Share(limits.stranger_rate, limits.stranger_burst, open_at_once)

    def take(self, client: str, share: Share, use: Use) -> None:
        """Take a place; raise ApiError 429 when the client has none, or has asked too often. `give_back` it later."""
        taken = self._taken(client, share)
        if use is Use.WATCH and self._watches >= self._watches_max:
            raise too_many(f"there are {self._watches} watches already", _WATCH_RETRY_S)
        limit = share.places[use]
        if limit is not None and taken.open[use] >= limit:
            seconds = _BUSY_RETRY_S if use is Use.REQUEST else _WATCH_RETRY_S
            raise too_many(f"{taken.open[use]} {use.value} are open already", seconds)
        if share.rate is not None:
            if taken.tokens < 1.0:
                raise too_many("requests come too fast", math.ceil((1.0 - taken.tokens) / share.rate))
            taken.tokens -= 1.0
        taken.open[use] += 1
        self._watches += use is Use.WATCH

    def give_back(self, client: str, use: Use) -> None:
        """Free a place that was taken."""
        self._clients[client].open[use] -= 1
        self._watches -= use is Use.WATCH

    def share_of(self, user: User) -> Share:
        """Return what a user may take."""
        if user.via == "socket" and MASTERS in user.groups:
            return self._of_root
        return self._of_users if AUTHENTICATED in user.groups or user.via else self._of_strangers

    def _taken(self, client: str, share: Share) -> _Taken:
        now = self._clock()
        taken = self._clients.get(client)
        if taken is None:
            self._forget_idle()
            taken = self._clients[client] = _Taken(share.burst, now)
        elif share.rate is not None:
            taken.tokens = min(share.burst, taken.tokens + (now - taken.at) * share.rate)
            taken.at = now
        self._clients.move_to_end(client)
        return taken

    def _forget_idle(self) -> None:
        """Keep the memory bounded: of those that have nothing open, forget who has not asked for longest."""
        while len(self._clients) >= _CLIENTS_MAX:
            idle = next((name for name, taken in self._clients.items() if not any(taken.open.values())), None)
            if idle is None:
                raise too_many("too many clients are connected", _WATCH_RETRY_S)
            del self._clients[idle]


class ShareFairly:
    """Lets a request through while its client has a place, and frees the place when it is answered."""

    def __init__(self, app: ASGIApp, limits: Limits, clock: Clock) -> None:
        self._app = app
        self._shares = Shares(limits, clock)
        self._pause_s = limits.stranger_pause_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count a request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        user = user_of(connection)
        client, use = client_of(connection, user), use_of(connection)
        try:
            self._shares.take(client, self._shares.share_of(user), use)
        except ApiError as error:
            if client.startswith(_ADDRESS):
                await asyncio.sleep(self._pause_s)
            await refuse(error, scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            self._shares.give_back(client, use)


def client_of(connection: HTTPConnection, user: User) -> str:
    """Return whose share a request is of: the user's, or the address's where nobody has proven who they are."""
    if user.via or AUTHENTICATED in user.groups:
        return f"user {user.name}"
    return f"{_ADDRESS}{origin_of(connection.client.host)}" if connection.client else "unix"


def use_of(connection: HTTPConnection) -> Use:
    """Return how long a request will be open, as far as its form tells."""
    path: str = connection.scope["path"]
    if connection.scope["type"] == "websocket" or path.startswith("/hooks/"):
        return Use.STREAM
    if path.endswith(_FOREVER) and path.startswith("/api/"):
        return Use.STREAM
    is_get = connection.scope["method"] == "GET"
    return Use.WATCH if is_get and is_watch(connection) else Use.REQUEST


def too_many(why: str, seconds: int) -> ApiError:
    """Return what Kubernetes answers to who asks too much, with the time to wait."""
    message = f"Too many requests, please try again later: {why}"
    return ApiError(429, message, details={"retryAfterSeconds": max(1, seconds)})
