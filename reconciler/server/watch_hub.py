"""Fans the change log out to watches. What several watches want alike is chosen and encoded once: a feed.

The Index calls from the writer's thread: there a batch is only put down and the loop woken. The loop works batches off
in short turns, so that a large one holds nobody up, and looks only at feeds of the changed kind, namespace and name; a
watch that is told nothing costs nothing. One whose queue is full is marked as too slow and ends.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from reconciler.model.observed import StoredObject
from reconciler.server.encoder import Encoder, table_head
from reconciler.server.negotiation import Shape, Wanted
from reconciler.server.reads import Objects
from reconciler.server.selection import Selection
from reconciler.server.wire import encode
from reconciler.store.values import EventType, Logged

TURN_S = 0.002
_Place = tuple[str, str, str]
_WORDS = {(False, True): "ADDED", (True, True): "MODIFIED", (True, False): "DELETED"}


@dataclass(frozen=True, slots=True)
class FeedKey:
    """What watches have to want alike to be told the same lines."""

    selection: Selection
    wanted: Wanted
    reveal: bool


class Subscription:
    """The queue of one watch. Used on the loop's thread only."""

    def __init__(self, feed: "Feed", limit: int) -> None:
        self.feed = feed
        self.is_too_slow = False
        self._limit = limit
        self._queue: deque[tuple[int, bytes]] = deque()
        self._wake = asyncio.Event()

    @property
    def is_empty(self) -> bool:
        """Whether everything that arrived was taken."""
        return not self._queue

    def put(self, version: int, line: bytes) -> None:
        """Add a line, or mark the watch as too slow."""
        if len(self._queue) >= self._limit:
            self.is_too_slow = True
            self._queue.clear()
        if not self.is_too_slow:
            self._queue.append((version, line))
        self._wake.set()

    def take(self) -> list[tuple[int, bytes]]:
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


class Feed:
    """Everything that is told of one selection in one form, to whoever wants it."""

    def __init__(self, key: FeedKey, encoder: Encoder) -> None:
        self.key = key
        self.subscriptions: set[Subscription] = set()
        self._encoder = encoder

    def tell(self, entry: Logged) -> None:
        """Put a change into the queues, when it matters to the selection."""
        line = self.line_of(entry)
        if line:
            for subscription in self.subscriptions:
                subscription.put(entry.resource_version, line)

    def line_of(self, entry: Logged) -> bytes:
        """Return what is told of a change, or nothing."""
        word = _word(entry, self.key.selection)
        return self.line(word, entry.stored, str(entry.resource_version)) if word else b""

    def line(self, word: str, stored: StoredObject, version: str = "") -> bytes:
        """Return an event about an object. Columns of tables are left to the first line of each watch."""
        wanted, reveal = self.key.wanted, self.key.reveal
        if wanted.shape is not Shape.TABLE:
            object = self._encoder.shaped(stored, wanted, reveal=reveal)
            return b'{"type":"%s","object":%s}\n' % (word.encode(), object)
        metadata = encode({"resourceVersion": version or stored.object.metadata.resource_version})
        head = table_head(stored.ref.kind, wanted, metadata, columns=False)
        row = self._encoder.row(stored, wanted, time.time(), reveal=reveal)
        return b'{"type":"%s","object":%s%s]}}\n' % (word.encode(), head, row)


class WatchHub:
    """All watches of one application."""

    def __init__(self, objects: Objects, encoder: Encoder, queue_max: int) -> None:
        self._objects = objects
        self._encoder = encoder
        self._queue_max = queue_max
        self._feeds: dict[FeedKey, Feed] = {}
        self._places: dict[_Place, set[Feed]] = {}
        self._arrived: deque[Sequence[Logged]] = deque()
        self._turn: Iterator[None] | None = None
        self._is_due = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self.watches = 0
        self.delivered = 0
        self.is_closed = False

    @property
    def is_idle(self) -> bool:
        """Whether everything up to `delivered` has been told, and nothing waits."""
        return self._turn is None and not self._arrived

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
        for feed in self._feeds.values():
            for subscription in feed.subscriptions:
                subscription.wake()

    def attach(self, key: FeedKey) -> Subscription:
        """Return a new watch's queue; what is told from now on goes into it."""
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = Feed(key, self._encoder)
            self._places.setdefault(_place(key.selection), set()).add(feed)
        subscription = Subscription(feed, self._queue_max)
        feed.subscriptions.add(subscription)
        self.watches += 1
        return subscription

    def detach(self, subscription: Subscription) -> None:
        """Forget a watch."""
        feed = subscription.feed
        if subscription not in feed.subscriptions:
            return
        feed.subscriptions.discard(subscription)
        self.watches -= 1
        if not feed.subscriptions:
            del self._feeds[feed.key]
            place = _place(feed.key.selection)
            self._places[place].discard(feed)
            if not self._places[place]:
                del self._places[place]

    def _on_changes(self, changes: Sequence[Logged]) -> None:
        self._arrived.append(tuple(changes))
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        """Begin to tell what has arrived, unless the next turn is coming anyway: never several turns in a row."""
        if not self._is_due:
            self._deliver()

    def _deliver(self) -> None:
        """Tell what has arrived, for one turn; then let others have the loop."""
        self._is_due = False
        until = time.perf_counter() + TURN_S
        while self._turn is not None or self._arrived:
            if self._turn is None:
                self._turn = self._told(self._arrived.popleft())
            for _ in self._turn:
                if time.perf_counter() > until:
                    assert self._loop is not None
                    self._is_due = True
                    self._loop.call_soon(self._deliver)
                    return
            self._turn = None

    def _told(self, changes: Sequence[Logged]) -> Iterator[None]:
        for entry in changes:
            for feed in self._concerned(entry):
                feed.tell(entry)
                yield
        if changes:
            self.delivered = max(self.delivered, changes[-1].resource_version)

    def _concerned(self, entry: Logged) -> list[Feed]:
        ref, places = entry.stored.ref, self._places
        asked = [(ref.kind, namespace, name) for namespace in ("", ref.namespace) for name in ("", ref.name)]
        return [feed for place in dict.fromkeys(asked) for feed in places.get(place, ())]


def _place(selection: Selection) -> _Place:
    return selection.kind.kind, selection.namespace, selection.name


def _word(entry: Logged, selection: Selection) -> str:
    """Return what is told of a change, or nothing: what enters the selection comes, what leaves it goes."""
    is_in = entry.type is not EventType.DELETED and selection.matches(entry.stored.object)
    before = entry.previous
    if entry.type is EventType.ADDED:
        was_in = False
    elif before is None:
        # Without the state before, say DELETED rather than leave a client with an object that is gone.
        was_in = entry.type is EventType.MODIFIED or selection.matches(entry.stored.object)
    else:
        was_in = selection.matches(before.object)
    return _WORDS.get((was_in, is_in), "")
