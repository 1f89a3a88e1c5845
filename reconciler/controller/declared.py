"""What the sources declare: the newest good revision of each, by the readings that arrive.

Effect: the store, and reading a repository again. A broken tip changes nothing (P03); a commit that a rollback holds
is not declared again until a newer one was pushed (P15).
"""

import logging
from collections.abc import Callable, Mapping

from reconciler.controller.failures import return_failed
from reconciler.controller.source import Reading, Source
from reconciler.model.desired import DesiredState
from reconciler.model.errors import ReconcilerError
from reconciler.model.observed import SourceState
from reconciler.model.plan import Happening, RevisionEnding
from reconciler.model.ports import Clock
from reconciler.model.problem import Problem
from reconciler.store import values
from reconciler.store.commit import Commit
from reconciler.store.index import Index
from reconciler.store.store import Store

log = logging.getLogger(__name__)


class Declared:
    """The sources by name, and what each declares. All but the questions is of the controller's thread.

    `lead` returns the term under which is written, having taken the lead when it was free; 0 when somebody else leads.
    """

    def __init__(self, store: Store, index: Index, clock: Clock, lead: Callable[[], int]) -> None:
        self.sources: dict[str, Source] = {}
        self._store = store
        self._index = index
        self._clock = clock
        self._lead = lead
        self._states: dict[str, DesiredState] = {}
        self._readings: dict[str, Reading] = {}
        self._good_poll: dict[str, float] = {}
        self._returned: dict[str, RevisionEnding] = {}
        self._broken: dict[str, str] = {}

    # What others may read, from any thread

    def states(self) -> Mapping[str, DesiredState]:
        """Return the newest good revision of every source that was read."""
        return dict(self._states)

    def commits(self) -> tuple[tuple[str, str], ...]:
        """Return which commit each source declares, in the order of their names."""
        return tuple((name, state.revision.commit) for name, state in sorted(self._states.items()))

    def only_ours(self, known: Mapping[str, SourceState]) -> Mapping[str, SourceState]:
        """Return what is known of the sources that there are: one that left the settings is waited for by nobody."""
        gone = [name for name in known if name not in self.sources and name not in self._states]
        return {name: state for name, state in known.items() if name not in gone} if gone else known

    def reading(self, source: str) -> Reading | None:
        """Return what the last poll of a source found."""
        return self._readings.get(source)

    def good_poll_at(self, source: str) -> float | None:
        """Return when a source was last read without an error."""
        return self._good_poll.get(source)

    # The controller's thread

    def stop(self) -> None:
        """End reading."""
        for source in self.sources.values():
            source.stop()

    def register(self, term: int) -> None:
        """Let the store know the sources that it does not know yet."""
        known = self._index.side.sources
        new = tuple(SourceState(name=name) for name in self.sources if name not in known)
        if new:
            self._store.commit(Commit(sources=new), term=term)

    def take(self, reading: Reading) -> None:
        """Take what a poll of a source found."""
        name = reading.source
        self._readings[name] = reading
        if name in self._returned and self._returned[name].back_to is not None:
            # What could not be read may be readable by now.
            del self._returned[name]
        self._end_hold(reading)
        if not reading.error:
            self._good_poll[name] = reading.at
        loaded = reading.loaded
        if loaded is None or self._is_held(name, loaded.revision.commit):
            # What is held was read before its rollback was known there; what that returned to stays.
            return
        if loaded.state is not None:
            self._declare(name, loaded.state)
        elif self._broken.get(name) != loaded.revision.commit:
            self._note_broken(reading, loaded.problems)
            self._use_last_applied(name)

    def return_failed(self, ending: RevisionEnding, term: int) -> Happening | None:
        """Return a source whose rollout missed its deadline to its last healthy revision, and hold the failed one."""
        name = ending.source
        if ending.failed is None or ending == self._returned.get(name):
            return None
        happening, state = return_failed(self._store, self.sources[name], ending, self._clock.now(), term)
        self._returned[name] = ending
        if state is not None:
            del self._returned[name]
            self._states[name] = state
            self._index.poll()
        return happening

    def _declare(self, name: str, state: DesiredState) -> None:
        self._states[name] = state
        known = self._index.side.sources.get(name)
        if known is None or not known.loaded:
            self._store.change_source(name, loaded=True)

    def _end_hold(self, reading: Reading) -> None:
        """A commit newer than the held one ends the hold of a rollback (P15)."""
        state = self._index.side.sources.get(reading.source)
        if state is not None and state.held and reading.tip is not None and reading.tip.commit != state.held:
            self._store.change_source(reading.source, held="", held_because="")

    def _is_held(self, source: str, commit: str) -> bool:
        self._index.poll()
        state = self._index.side.sources.get(source)
        return state is not None and state.held == commit

    def _note_broken(self, reading: Reading, problems: tuple[Problem, ...]) -> None:
        term = self._lead()
        if reading.loaded is None or not term:
            return
        record = values.RevisionRecord(
            source=reading.source,
            revision=reading.loaded.revision,
            state=values.RevisionState.FAILED,
            problems=problems,
            at=reading.at,
        )
        self._store.commit(Commit(revisions=(record,)), term=term)
        self._broken[reading.source] = reading.loaded.revision.commit

    def _use_last_applied(self, name: str) -> None:
        """A broken tip changes nothing: after a restart the last applied revision is what is declared (P03)."""
        if name in self._states:
            return
        state = self._index.side.sources.get(name)
        if state is None or state.applied is None:
            return
        try:
            loaded = self.sources[name].load(state.applied)
        except ReconcilerError as error:
            log.warning("the last applied revision cannot be read", extra={"source": name, "error": str(error)})
            return
        if loaded.state is not None:
            self._declare(name, loaded.state)
