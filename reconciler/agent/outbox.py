"""What an agent has yet to tell the daemon: the newest report with every event since, readings, outcomes. Pure memory.

A report that was not sent when the next one comes is replaced by it; its events go along, so that none is lost while
the daemon is away, up to a bound.
"""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from reconciler.model.agents import ToldOutcome
from reconciler.model.details import image_of, type_of
from reconciler.model.node_report import Observation
from reconciler.model.plan import Action, Outcome

replace = msgspec.structs.replace

_EVENTS_MAX = 500
_OUTCOMES_MAX = 1000


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be told next; empty parts are not."""

    observation: Observation | None
    sample: bytes | None
    outcomes: tuple[ToldOutcome, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return self.observation is None and self.sample is None and not self.outcomes


class Outbox:
    """Collects what is to be told, from any thread."""

    def __init__(self) -> None:
        self._filled = threading.Condition()
        self._observation: Observation | None = None
        self._sample: bytes | None = None
        self._outcomes: deque[ToldOutcome] = deque(maxlen=_OUTCOMES_MAX)
        self._is_closed = False

    def report(self, encoded: bytes) -> None:
        """Put an encoded report in the place of one that was not sent."""
        observation = msgspec.json.decode(encoded, type=Observation)
        with self._filled:
            self._observation = _with_events_of(self._observation, observation)
            self._filled.notify()

    def sample(self, encoded: bytes) -> None:
        """Put an encoded reading in the place of one that was not sent."""
        with self._filled:
            self._sample = encoded
            self._filled.notify()

    def tell(self, told: Sequence[tuple[Action, Outcome]]) -> None:
        """Add what came of actions; of their details only type and image leave the host."""
        with self._filled:
            self._outcomes += [_told(action, outcome) for action, outcome in told]
            self._filled.notify()

    def take(self, timeout_s: float) -> Letter:
        """Return everything that is to be told, waiting for something; empty after the time or when closed."""
        with self._filled:
            self._filled.wait_for(self._has_something, timeout_s)
            letter = Letter(self._observation, self._sample, tuple(self._outcomes))
            self._observation, self._sample = None, None
            self._outcomes.clear()
            return letter

    def put_back(self, letter: Letter) -> None:
        """Return what could not be told; what has come since is newer."""
        with self._filled:
            if letter.observation is not None:
                newer = self._observation
                self._observation = letter.observation if newer is None else _with_events_of(letter.observation, newer)
            self._sample = self._sample or letter.sample
            room = _OUTCOMES_MAX - len(self._outcomes)
            self._outcomes.extendleft(reversed(letter.outcomes[-room:] if room else ()))

    def close(self) -> None:
        """Have whoever waits return."""
        with self._filled:
            self._is_closed = True
            self._filled.notify_all()

    def _has_something(self) -> bool:
        has = self._observation is not None or self._sample is not None or bool(self._outcomes)
        return has or self._is_closed


def _with_events_of(older: Observation | None, newer: Observation) -> Observation:
    if older is None or not older.events:
        return newer
    return replace(newer, events=(*older.events, *newer.events)[-_EVENTS_MAX:])


def _told(action: Action, outcome: Outcome) -> ToldOutcome:
    type_, image = type_of(action.detail), image_of(action.detail)
    return ToldOutcome(action=replace(action, detail=None), outcome=outcome, type=type_, image=image)
