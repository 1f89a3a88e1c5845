"""Following the Engine's events: one stream in a thread of its own.

Effect. A stream that ends is opened again with a bounded back-off, and everything is then compared anew, since
events of the time between are lost.
"""

import json
import logging
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.executors.container import labels
from reconciler.executors.container.cache import Cache
from reconciler.executors.engine import Engine
from reconciler.executors.transport import Stream
from reconciler.model.errors import ReconcilerError
from reconciler.model.ports import Look

log = logging.getLogger(__name__)

_CONTAINER_EVENTS = ("create", "start", "die", "oom", "destroy", "pause", "unpause", "rename")
_IMAGE_EVENTS = ("pull", "tag", "untag", "delete", "import", "load")
_FILTERS = json.dumps({"type": ["container", "image"], "event": [*_CONTAINER_EVENTS, *_IMAGE_EVENTS]})
_BACK_OFF_S = 0.1
_BACK_OFF_MAX_S = 5.0


class Watcher:
    """Keeps a cache current and calls `look` on every change; `close` ends it."""

    def __init__(self, engine: Engine, owner: labels.Owner, cache: Cache, look: Look) -> None:
        self._engine = engine
        self._owner = owner
        self._cache = cache
        self._look = look
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._stream: Stream | None = None
        self._thread = threading.Thread(target=self._run, name="engine-events", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def close(self) -> None:
        """Stop following."""
        self._closing.set()
        with self._lock:
            if self._stream is not None:
                self._stream.close()
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        back_off_s = _BACK_OFF_S
        while not self._closing.is_set():
            try:
                self._follow()
                back_off_s = _BACK_OFF_S
            except ReconcilerError as error:
                log.warning("the engine's events are interrupted", extra={"reason": error.reason})
            except Exception:
                # A bug: without this thread every change would be seen by the slow compare only (P08).
                log.exception("following the engine's events failed")
            self._cache.set_current(False)
            self._look("the engine's events were interrupted")
            self._closing.wait(back_off_s)
            back_off_s = min(back_off_s * 2, _BACK_OFF_MAX_S)

    def _follow(self) -> None:
        # The Engine may have been replaced by a newer one that no longer speaks the old version.
        self._engine.renegotiate()
        stream = self._engine.events(_FILTERS)
        with self._lock:
            self._stream = stream
            if self._closing.is_set():
                stream.close()
        try:
            # Events are collected by the kernel from here on, so what is listed now misses nothing.
            self._cache.load()
            self._cache.set_current(True)
            self._look("the engine's events are followed")
            for event in _events(stream):
                self._take(event)
        finally:
            stream.close()

    def _take(self, event: Mapping[str, Any]) -> None:
        actor = event.get("Actor") or {}
        if event.get("Type") == "image":
            self._cache.forget_images()
            self._look("an image changed")
        elif (actor.get("Attributes") or {}).get(labels.CLUSTER) == self._owner.cluster:
            if event.get("Action") == "oom":
                self._cache.note_out_of_memory(str(actor["ID"]))
            self._cache.look_at(str(actor["ID"]))
            self._look(f"a container changed: {event.get('Action')}")


def _events(stream: Stream) -> Iterator[Mapping[str, Any]]:
    """Yield events until the stream ends."""
    rest = b""
    while (piece := stream.read()) != b"":
        lines = (rest + (piece or b"")).split(b"\n")
        rest = lines.pop()
        for line in lines:
            if line.strip():
                yield json.loads(line)
