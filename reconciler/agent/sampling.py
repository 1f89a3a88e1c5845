"""Read regularly what the host and its containers use, and pass it on. Effect: one thread of its own.

A reading wakes no loop and is not part of an observation: nothing is written for it.
"""

import logging
import threading
from collections.abc import Callable

import msgspec

from reconciler.model.errors import ReconcilerError
from reconciler.model.metrics import SAMPLE_EVERY_S
from reconciler.model.ports import World

log = logging.getLogger(__name__)


class Sampling:
    """Reads one host's counters every `every_s` seconds; `report` receives each reading encoded."""

    def __init__(self, world: World, report: Callable[[bytes], None], every_s: float = SAMPLE_EVERY_S) -> None:
        self._world = world
        self._report = report
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampling", daemon=True)

    def start(self) -> None:
        """Begin with a first reading at once."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            self._once()
            if self._stopping.wait(self._every_s):
                return

    def _once(self) -> None:
        try:
            self._report(msgspec.json.encode(self._world.sample()))
        except (OSError, ReconcilerError) as error:
            log.warning("what the host uses could not be read", extra={"error": str(error)})
        except Exception:
            # A bug here must not end the measuring for good.
            log.exception("reading what the host uses crashed")
