"""The provider's last answer, asked for again and again beside the loop. Effect: asks; any thread."""

import logging
import threading
from collections.abc import Callable

from msgspec.structs import replace

from reconciler.model.errors import ReconcilerError
from reconciler.model.observed import ObservedState
from reconciler.model.ports import Look
from reconciler.model.provider import Provider, ProviderState
from reconciler.planner.services.provided import request_of, state_of

log = logging.getLogger(__name__)


class ProviderBoard:
    """What the provider told. The planner sees it as it sees what nodes report."""

    def __init__(self, provider: Provider, picture: Callable[[], ObservedState], look: Look) -> None:
        self._provider = provider
        self._picture = picture
        self._look = look
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._state = ProviderState()

    @property
    def state(self) -> ProviderState:
        """What it answered last."""
        with self._lock:
            return self._state

    def ask(self) -> None:
        """Ask once, when this daemon leads; an answer that differs, or a failure, wakes the loop.

        Whoever comes while an answer is waited for returns at once: a provider may take longer than its interval.
        """
        if self._asking.acquire(blocking=False):
            try:
                self._ask()
            finally:
                self._asking.release()

    def _ask(self) -> None:
        observed = self._picture()
        if not observed.term:
            return
        try:
            found = state_of(observed, self._provider.ask(request_of(observed)))
        except ReconcilerError as error:
            found = replace(self.state, error=str(error))
            log.warning("the provider gave no answer", extra={"error": str(error)})
        with self._lock:
            if found == self._state:
                return
            self._state = found
        self._look("provider")
