"""Questions for documents that wait for an answer: one of each node, all ended when the server stops.

Used on the loop's thread only, so nothing is locked.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Polls:
    """Knows the question of each node that waits."""

    def __init__(self) -> None:
        self._open: dict[str, asyncio.Event] = {}
        self._is_closed = False

    @contextmanager
    def wait(self, node: str) -> Iterator[asyncio.Event]:
        """Note a node's question; the event is set when it is to be answered at once, with whatever there is.

        An agent has one question at a time: an earlier one is of a connection that broke.
        """
        if node in self._open:
            self._open[node].set()
        ended = self._open[node] = asyncio.Event()
        if self._is_closed:
            ended.set()
        try:
            yield ended
        finally:
            if self._open.get(node) is ended:
                del self._open[node]

    def close(self) -> None:
        """End every question, also those that come later."""
        self._is_closed = True
        for ended in self._open.values():
            ended.set()
