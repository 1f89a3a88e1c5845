"""Bounds for every request: body size, time to take an answer, how many streams. ASGI middleware."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reconciler.server.errors import ApiError, error_response

HEADER_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request, and all together, may take.

    `send_deadline_s` is how long a reader may leave us waiting, `header_deadline_s` and `request_deadline_s` how long a
    sender may take for the head and for the whole of a request. `handshake_...` and `connections_...` bound connections
    over TLS: how long a handshake may take, how many one address (IPv6: one /64) may begin in a second and at once
    after a pause, how many may be open in all and of one address. `user_...` is what one user may take: requests per
    second, how many at once after a pause, and how many requests, watches and other streams may be open; `stranger_...`
    is the rate of an address from which nobody has proven who they are, and how long its refusals wait beyond it.
    """

    body_bytes_max: int = 16 * 1024 * 1024
    send_deadline_s: float = 60.0
    watches_max: int = 256
    watch_queue_max: int = 10_000
    watch_timeout_s: int = 3600
    bookmark_interval_s: float = 60.0
    streams_max: int = 32
    commands_max: int = 32
    command_idle_s: float = 4 * 3600.0
    operations_max: int = 8
    reads_max: int = 8
    forecasts_max: int = 1
    header_deadline_s: float = 15.0
    request_deadline_s: float = 300.0
    keep_alive_s: int = 30
    handshake_deadline_s: float = 10.0
    handshake_rate: float = 50.0
    handshake_burst: float = 150.0
    connections_max: int = 512
    connections_per_address_max: int = 128
    user_rate: float = 100.0
    user_burst: float = 300.0
    user_requests_max: int = 32
    user_watches_max: int = 128
    user_streams_max: int = 16
    stranger_rate: float = 5.0
    stranger_burst: float = 20.0
    stranger_pause_s: float = 1.0


class ReaderTooSlow(Exception):
    """The client did not take what was sent within the deadline; its connection was aborted."""


class BoundRequests:
    """Refuses large bodies and drops connections whose reader has stopped reading."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with both bounds in place."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._declared_length(scope) > self._limits.body_bytes_max:
            await self._refuse(scope, receive, send)
            return
        with suppress(ReaderTooSlow):
            await self._app(scope, self._bounded_receive(receive), self._bounded_send(scope, send))

    def _declared_length(self, scope: Scope) -> int:
        lengths = [value for name, value in scope["headers"] if name == b"content-length"]
        return int(lengths[0]) if lengths and lengths[0].isdigit() else 0

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        await error_response(too_large(self._limits))(scope, receive, send)

    def _bounded_receive(self, receive: Receive) -> Receive:
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._limits.body_bytes_max:
                raise too_large(self._limits)
            return message

        return bounded

    def _bounded_send(self, scope: Scope, send: Send) -> Send:
        async def bounded(message: Message) -> None:
            try:
                async with asyncio.timeout(self._limits.send_deadline_s):
                    await send(message)
            except TimeoutError:
                abort = scope.get("state", {}).get("abort")
                if abort is not None:
                    abort()
                raise ReaderTooSlow from None

        return bounded


def too_large(limits: Limits) -> ApiError:
    """Return the refusal of a body that is too large."""
    return ApiError(413, f"the request's body is larger than {limits.body_bytes_max} bytes")


def limits_of(request: Request) -> Limits:
    """Return the limits that the application was made with."""
    limits = request.app.state.limits
    assert isinstance(limits, Limits)
    return limits
