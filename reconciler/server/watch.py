"""One watch: what a client is told of the changes to a selection, as newline-delimited JSON.

What enters the selection is ADDED and what leaves it is DELETED, whatever happened to the object itself.
"""

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.server.context import Context
from reconciler.server.errors import expired, status_document
from reconciler.server.selection import Selection
from reconciler.server.watch_hub import Subscription
from reconciler.server.wire import document, encode, resource_version_of
from reconciler.store.values import EventType, Logged

_INITIAL_END = "k8s.io/initial-events-end"


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """What a client asked for. `start` is the number to go on after; None: begin with what there is."""

    selection: Selection
    start: int | None
    timeout_s: float
    bookmarks: bool = False
    mark_initial_end: bool = False
    reveal: bool = False


class Watch:
    """A watch that is attached: from its making on it misses nothing. `begin` comes before `lines`."""

    def __init__(self, context: Context, request: WatchRequest) -> None:
        self._context = context
        self._request = request
        self._known: dict[ObjectRef, int] = {}
        self._last = 0
        self._initial: list[StoredObject] = []
        self._backlog: list[Logged] = []
        self._subscription: Subscription = context.hub.attach(request.selection.kind.kind)

    def begin(self) -> None:
        """Read what is told first (in any thread, it may take a while); raise `Gone` when `start` is too old."""
        self._initial, self._backlog = self._begin()

    def close(self) -> None:
        """Detach; the client is gone or the time is over."""
        self._context.hub.detach(self._subscription)

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield one line per event until the time is over, the daemon stops, or the reader is too slow."""
        try:
            for stored in self._initial:
                yield self._line("ADDED", stored)
            if self._request.mark_initial_end:
                yield self._bookmark(initial_end=True)
            for line in self._told(self._backlog):
                yield line
            async for line in self._live():
                yield line
        finally:
            self.close()

    def _begin(self) -> tuple[list[StoredObject], list[Logged]]:
        objects, start = self._context.objects, self._request.start
        if start is not None:
            self._last = start
            return [], self._not_yet_told(objects.since(start))
        self._last = objects.resource_version
        kind = self._request.selection.kind.kind
        initial = sorted(
            (stored for stored in objects.by_kind(kind) if self._request.selection.matches(stored.object)),
            key=lambda stored: stored.ref,
        )
        self._known = {stored.ref: resource_version_of(stored.object) for stored in initial}
        return initial, self._not_yet_told(objects.since(self._last))

    def _not_yet_told(self, changes: Any) -> list[Logged]:
        """Drop what the client has seen; the same transaction never comes both ways in part."""
        fresh = [entry for entry in changes if entry.resource_version > self._last]
        if fresh:
            self._last = fresh[-1].resource_version
        return fresh

    async def _live(self) -> AsyncIterator[bytes]:
        interval = self._context.limits.bookmark_interval_s
        deadline = time.monotonic() + self._request.timeout_s
        bookmark_at = time.monotonic() + interval
        while True:
            arrived = self._subscription.take()
            if self._subscription.is_too_slow:
                yield self._too_slow()
                return
            for line in self._told(self._not_yet_told(arrived)):
                yield line
            now = time.monotonic()
            if now >= deadline or self._context.hub.is_closed:
                if self._request.bookmarks:
                    yield self._bookmark()
                return
            if now >= bookmark_at:
                bookmark_at = now + interval
                if self._request.bookmarks:
                    yield self._bookmark()
            await self._subscription.wait(min(deadline, bookmark_at) - now)

    def _told(self, changes: list[Logged]) -> Iterator[bytes]:
        selection = self._request.selection
        for entry in changes:
            if entry.stored.ref.kind != selection.kind.kind:
                continue
            if self._known.get(entry.stored.ref, 0) >= entry.resource_version:
                continue
            self._known.pop(entry.stored.ref, None)
            word = _word(entry, selection)
            if word:
                yield self._line(word, entry.stored)

    def _line(self, word: str, stored: StoredObject) -> bytes:
        return _encode_event(word, document(stored, reveal=self._request.reveal))

    def _bookmark(self, *, initial_end: bool = False) -> bytes:
        kind = self._request.selection.kind
        metadata: dict[str, Any] = {"resourceVersion": str(self._last), "creationTimestamp": None}
        if initial_end:
            metadata["annotations"] = {_INITIAL_END: "true"}
        return _encode_event("BOOKMARK", {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": metadata})

    def _too_slow(self) -> bytes:
        error = expired(f"too old resource version: {self._last}: the watch was read too slowly, list again")
        return _encode_event("ERROR", status_document(error))


def _word(entry: Logged, selection: Selection) -> str:
    """Return what the client is told of a change, or nothing."""
    is_in = entry.type is not EventType.DELETED and selection.matches(entry.stored.object)
    before = entry.previous
    if entry.type is EventType.ADDED:
        was_in = False
    elif before is None:
        # Without the state before, say DELETED rather than leave a client with an object that is gone.
        was_in = entry.type is EventType.MODIFIED or selection.matches(entry.stored.object)
    else:
        was_in = selection.matches(before.object)
    return {(False, True): "ADDED", (True, True): "MODIFIED", (True, False): "DELETED"}.get((was_in, is_in), "")


def _encode_event(word: str, object: dict[str, Any]) -> bytes:
    return encode({"type": word, "object": object}) + b"\n"
