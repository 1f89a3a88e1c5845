"""One watch: what a client is told of the changes to a selection, as newline-delimited JSON.

What enters the selection is ADDED and what leaves it is DELETED, whatever happened to the object itself.
"""

import time
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from reconciler.model.observed import StoredObject
from reconciler.server.context import Context
from reconciler.server.encoder import table_head
from reconciler.server.errors import expired, status_document
from reconciler.server.list_options import ListOptions, WatchOptions
from reconciler.server.lists import page_of
from reconciler.server.negotiation import Include, Shape
from reconciler.server.tables import columns_json, form_of
from reconciler.server.watch_hub import FeedKey
from reconciler.server.wire import encode

_INITIAL_END = "k8s.io/initial-events-end"
_NO_COLUMNS = b'"columnDefinitions":null'
_PIECE = 64 * 1024


class Watch:
    """A watch that is attached: from its making on it misses nothing. `begin` comes before `lines`."""

    def __init__(self, context: Context, key: FeedKey, options: WatchOptions) -> None:
        self._context = context
        self._key = key
        self._options = options
        # What the client knows when it begins; later changes come through the queue, each exactly once.
        self._known = 0
        self._last = 0
        self._initial: list[bytes] = []
        self._needs_columns = key.wanted.shape is Shape.TABLE
        self._subscription = context.hub.attach(key)

    def begin(self) -> None:
        """Read what is told first (in any thread, it may take a while); raise `Gone` when the start is too old."""
        start, feed = self._options.start, self._subscription.feed
        if start is not None:
            changes = self._context.objects.since(start)
            kind = self._key.selection.kind.kind
            told = (feed.line_of(entry) for entry in changes if entry.stored.ref.kind == kind)
            self._initial = [line for line in told if line]
            self._known = changes[-1].resource_version if changes else start
        else:
            found, self._known = self._present()
            self._initial = [feed.line("ADDED", stored) for stored in found]
        self._last = self._known

    def close(self) -> None:
        """Detach; the client is gone or the time is over."""
        self._context.hub.detach(self._subscription)

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield lines, several at a time, until the time is over, the daemon stops, or the reader is too slow."""
        try:
            initial, self._initial = self._initial, []
            for piece in self._pieces(initial):
                yield piece
            if self._options.mark_initial_end:
                yield self._bookmark(initial_end=True)
            async for piece in self._live():
                yield piece
        finally:
            self.close()

    def _present(self) -> tuple[Iterable[StoredObject], int]:
        context = self._context
        options = ListOptions(at_least=self._options.at_least)
        page = page_of(context.objects, context.orders, self._key.selection, options)
        return (() if self._options.skip_initial else page.stored), page.resource_version

    async def _live(self) -> AsyncIterator[bytes]:
        interval, has_bookmarks = self._context.limits.bookmark_interval_s, self._options.bookmarks
        deadline = time.monotonic() + self._options.timeout_s
        bookmark_at = time.monotonic() + interval if has_bookmarks else deadline
        while True:
            arrived = self._subscription.take()
            if self._subscription.is_too_slow:
                yield self._too_slow()
                return
            for piece in self._pieces(line for version, line in arrived if version > self._known):
                yield piece
            self._last = max(self._last, arrived[-1][0] if arrived else 0)
            now = time.monotonic()
            is_over = now >= deadline or self._context.hub.is_closed
            if has_bookmarks and (is_over or now >= bookmark_at):
                bookmark_at = now + interval
                yield self._bookmark()
            if is_over:
                return
            await self._subscription.wait(min(deadline, bookmark_at) - now)

    def _pieces(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Join lines that are there already, so that many small ones are one write."""
        gathered, size = [], 0
        for line in lines:
            gathered.append(self._with_columns(line))
            size += len(line)
            if size >= _PIECE:
                yield b"".join(gathered)
                gathered, size = [], 0
        if gathered:
            yield b"".join(gathered)

    def _with_columns(self, line: bytes) -> bytes:
        """Complete the first line of a watch that wants tables."""
        if not self._needs_columns:
            return line
        self._needs_columns = False
        columns = columns_json(self._key.selection.kind.kind)
        return line.replace(_NO_COLUMNS, b'"columnDefinitions":' + columns, 1)

    def _bookmark(self, *, initial_end: bool = False) -> bytes:
        """Return the number up to which the client has been told everything."""
        hub = self._context.hub
        if hub.is_idle and self._subscription.is_empty:
            self._last = max(self._last, hub.delivered)
        kind, wanted = self._key.selection.kind, self._key.wanted
        metadata: dict[str, Any] = {"resourceVersion": str(self._last), "creationTimestamp": None}
        if initial_end:
            metadata["annotations"] = {_INITIAL_END: "true"}
        if wanted.shape is Shape.WHOLE:
            shown = encode({"kind": kind.kind, "apiVersion": kind.api_version, "metadata": metadata})
        else:
            partial = {"kind": Shape.METADATA.value, "apiVersion": wanted.meta_version, "metadata": metadata}
            shown = encode(partial)
        if wanted.shape is Shape.TABLE:
            shown = self._empty_row(b"null" if wanted.include is Include.NONE else shown)
        return self._with_columns(b'{"type":"BOOKMARK","object":%s}\n' % shown)

    def _empty_row(self, beside: bytes) -> bytes:
        kind = self._key.selection.kind.kind
        empty = {"integer": 0, "boolean": False}
        cells = encode([empty.get(column.type, "") for column in form_of(kind).columns])
        metadata = encode({"resourceVersion": str(self._last)})
        head = table_head(kind, self._key.wanted, metadata, columns=False)
        return b'%s{"cells":%s,"object":%s}]}' % (head, cells, beside)

    def _too_slow(self) -> bytes:
        error = expired(f"too old resource version: {self._last}: the watch was read too slowly, list again")
        return encode({"type": "ERROR", "object": status_document(error)}) + b"\n"
