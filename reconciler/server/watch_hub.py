"""Fans the change log out to watches. One subscription of the Index feeds a bounded queue per watch.

The Index calls from the writer's thread: there a batch is only put down and the loop woken. A watch whose queue is full
is marked as too slow and ends; it can never hold anyone up.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from reconciler.server.reads import Objects
from reconciler.store.values import Logged


class Subscription:
    """The queue of one watch. Used on the loop's thread only."""

    def __init__(self, kind: str, limit: int) -> None:
        self.kind = kind
        self.is_too_slow = False
        self._limit = limit
        self._queue: deque[Logged] = deque()
        self._wake = asyncio.Event()

    def put(self, entry: Logged) -> None:
        """Add a change, or mark the watch as too slow."""
        if len(self._queue) >= self._limit:
            self.is_too_slow = True
            self._queue.clear()
        if not self.is_too_slow:
            self._queue.append(entry)
        self._wake.set()

    def take(self) -> list[Logged]:
        """Return what has arrived."""
        taken = list(self._queue)
        self._queue.clear()
        self._wake.clear()
        return taken

    def wake(self) -> None:
        """Let the watch look again."""
        self._wake.set()

    async def wait(self, timeout_s: float) -> None:
        """Return once something arrived, or when the time is over."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._wake.wait()
        except TimeoutError:
            return


class WatchHub:
    """All watches of one application."""

    def __init__(self, objects: Objects, queue_max: int) -> None:
        self._objects = objects
        self._queue_max = queue_max
        self._subscriptions: set[Subscription] = set()
        self._arrived: deque[Sequence[Logged]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self.delivered = 0
        self.is_closed = False

    @property
    def watches(self) -> int:
        """How many watches there are."""
        return len(self._subscriptions)

    def open(self) -> None:
        """Start listening to the Index, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._unsubscribe = self._objects.subscribe(self._on_changes)

    def close(self) -> None:
        """Stop listening and let every watch end."""
        unsubscribe, self._unsubscribe = self._unsubscribe, None
        if unsubscribe is not None:
            unsubscribe()
        self.is_closed = True
        for subscription in self._subscriptions:
            subscription.wake()

    def attach(self, kind: str) -> Subscription:
        """Return a new watch's queue; changes go into it from now on."""
        subscription = Subscription(kind, self._queue_max)
        self._subscriptions.add(subscription)
        return subscription

    def detach(self, subscription: Subscription) -> None:
        """Forget a watch."""
        self._subscriptions.discard(subscription)

    def _on_changes(self, changes: Sequence[Logged]) -> None:
        self._arrived.append(tuple(changes))
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        while self._arrived:
            changes = self._arrived.popleft()
            for entry in changes:
                for subscription in self._subscriptions:
                    if subscription.kind == entry.stored.ref.kind:
                        subscription.put(entry)
            if changes:
                self.delivered = max(self.delivered, changes[-1].resource_version)
