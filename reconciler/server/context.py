"""What every handler works with: the objects, the history, the daemon's operations, and bounded pools for them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import anyio
from anyio import CapacityLimiter, to_thread
from starlette.requests import HTTPConnection

from reconciler.model.ports import Operations
from reconciler.server.encoder import Encoder
from reconciler.server.errors import ApiError
from reconciler.server.limits import Limits
from reconciler.server.lists import Orders
from reconciler.server.reads import History, Objects
from reconciler.server.watch_hub import WatchHub

T = TypeVar("T")
_OPERATION_DEADLINE_S = 120.0


@dataclass(frozen=True, slots=True)
class Context:
    """The application's parts. Each pool is of its own, so that one that is exhausted delays only its own calls."""

    operations: Operations
    objects: Objects
    history: History
    hub: WatchHub
    encoder: Encoder
    orders: Orders
    limits: Limits
    reads: CapacityLimiter
    calls: CapacityLimiter
    forecasts: CapacityLimiter
    streams: CapacityLimiter
    commands: CapacityLimiter

    async def read(self, work: Callable[[], T]) -> T:
        """Run a read of memory or history in a worker thread."""
        return await to_thread.run_sync(work, limiter=self.reads)

    async def call(self, work: Callable[[], T]) -> T:
        """Run an operation of the daemon in a worker thread; give up waiting after a deadline."""
        return await self._within_deadline(work, self.calls)

    async def forecast(self, work: Callable[[], T]) -> T:
        """Run what takes long to work out, of which few run at a time; else as `call`."""
        return await self._within_deadline(work, self.forecasts)

    async def _within_deadline(self, work: Callable[[], T], limiter: CapacityLimiter) -> T:
        try:
            with anyio.fail_after(_OPERATION_DEADLINE_S):
                return await to_thread.run_sync(work, limiter=limiter, abandon_on_cancel=True)
        except TimeoutError as error:
            raise ApiError(504, f"the daemon did not answer within {_OPERATION_DEADLINE_S:.0f} s") from error


def make_context(operations: Operations, objects: Objects, history: History, limits: Limits) -> Context:
    """Return the parts of an application."""
    encoder = Encoder()
    return Context(
        operations=operations,
        objects=objects,
        history=history,
        hub=WatchHub(objects, encoder, limits.watch_queue_max),
        encoder=encoder,
        orders=Orders(),
        limits=limits,
        reads=CapacityLimiter(limits.reads_max),
        calls=CapacityLimiter(limits.operations_max),
        forecasts=CapacityLimiter(limits.forecasts_max),
        streams=CapacityLimiter(limits.streams_max),
        commands=CapacityLimiter(limits.commands_max),
    )


def context_of(connection: HTTPConnection) -> Context:
    """Return the parts of the application that serves this request."""
    context = connection.app.state.context
    assert isinstance(context, Context)
    return context
