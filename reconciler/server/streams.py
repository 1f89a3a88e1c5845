"""Answers that go on: lines from a coroutine, or from an iterator that blocks in a worker thread."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Generic, TypeVar

from anyio import CapacityLimiter, WouldBlock
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from reconciler.server.errors import ApiError

_LOG = logging.getLogger(__name__)
T = TypeVar("T")
_QUEUE_MAX = 64
_PUT_DEADLINE_S = 60.0
_FIRST_ITEM_S = 1.0


class LineStream(StreamingResponse):
    """A streamed answer that always frees what feeds it, also when the client goes before the first byte."""

    def __init__(
        self, lines: AsyncIterator[bytes], *, on_end: Callable[[], None], media_type: str, status_code: int = 200
    ) -> None:
        super().__init__(lines, status_code=status_code, media_type=media_type)
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the lines end or the client goes."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._on_end()


class Pump(Generic[T]):
    """Runs a blocking iterator in a thread of its own and hands its items to the loop.

    The iterator is closed by its own thread, at the first item after `stop`; iterators that wait for news must
    therefore yield something (an empty item will do) now and then.
    """

    def __init__(self, make: Callable[[], Iterator[T]], limiter: CapacityLimiter) -> None:
        try:
            limiter.acquire_on_behalf_of_nowait(self)
        except WouldBlock as error:
            raise ApiError(429, "too many streams are open; try again later") from error
        self._make = make
        self._limiter = limiter
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[tuple[str, T | Exception | None]] = asyncio.Queue(_QUEUE_MAX)
        self._is_stopped = threading.Event()
        self._first: tuple[str, T | Exception | None] | None = None
        threading.Thread(target=self._run, name="api-stream", daemon=True).start()

    async def start(self) -> None:
        """Wait shortly for the first item, so that an immediate failure is still an error answer."""
        try:
            async with asyncio.timeout(_FIRST_ITEM_S):
                self._first = await self._queue.get()
        except TimeoutError:
            return
        if isinstance(self._first[1], Exception):
            self.stop()
            raise self._first[1]

    async def items(self) -> AsyncIterator[T]:
        """Yield the items; a failure in the middle ends them and is logged."""
        try:
            while True:
                word, item = self._first or await self._queue.get()
                self._first = None
                if isinstance(item, Exception):
                    _LOG.warning("stream failed", extra={"error": str(item)})
                    return
                if word == "end":
                    return
                yield item  # type: ignore[misc]
        finally:
            self.stop()

    def stop(self) -> None:
        """Let the thread end at its next item."""
        self._is_stopped.set()

    def _run(self) -> None:
        iterator: Iterator[T] | None = None
        try:
            iterator = self._make()
            for item in iterator:
                if self._is_stopped.is_set() or not self._put("item", item):
                    return
            self._put("end", None)
        except Exception as error:  # noqa: BLE001 - handed to the loop, which raises or logs it
            self._put("failed", error)
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._limiter.release_on_behalf_of, self)

    def _put(self, word: str, item: T | Exception | None) -> bool:
        """Hand an item over, waiting for a slow reader up to a deadline; return whether it was taken."""
        if self._loop.is_closed():
            return False
        put = asyncio.run_coroutine_threadsafe(self._queue.put((word, item)), self._loop)
        waited = 0.0
        while waited < _PUT_DEADLINE_S and not self._is_stopped.is_set():
            try:
                put.result(timeout=1.0)
                return True
            except FutureTimeout:
                waited += 1.0
        put.cancel()
        return False
