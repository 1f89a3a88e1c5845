"""The connection between the daemon and one node in virtual time: late, lossy or cut. Pure apart from its own state."""

from collections import deque
from dataclasses import dataclass, field

from msgspec.structs import replace

from reconciler.model.node_report import Observation
from reconciler.model.ports import NodeDocuments


@dataclass
class SimulatedLink:
    """Documents wait until they are delivered, the newest of each part; reports arrive in order or not at all.

    `delay_s` holds for both directions; while `loses_reports`, reports vanish; while not `is_connected`, everything
    the node says vanishes and everything said to it waits.
    """

    is_connected: bool = True
    loses_reports: bool = False
    delay_s: float = 0.001
    _letter: NodeDocuments | None = None
    _letter_at: float = 0.0
    _reports: deque[tuple[float, Observation]] = field(default_factory=deque)

    def send(self, documents: NodeDocuments, now: float) -> None:
        """Hand documents over for the node."""
        if self._letter is not None:
            parts = {
                name: getattr(documents, name) or getattr(self._letter, name)
                for name in ("assignment", "view", "materials")
            }
            documents = replace(documents, **parts)
        else:
            self._letter_at = now + self.delay_s
        self._letter = documents

    def report(self, observation: Observation, now: float) -> None:
        """Send a report to the daemon."""
        if self.is_connected and not self.loses_reports:
            self._reports.append((now + self.delay_s, observation))

    def forget_letters(self) -> None:
        """The daemon died with what it had not sent."""
        self._letter = None

    def forget_reports(self) -> None:
        """The connection broke with what was on its way."""
        self._reports.clear()

    def next_letter_at(self) -> float | None:
        """Return when documents arrive; None: there are none, or not as things stand."""
        return self._letter_at if self._letter is not None and self.is_connected else None

    def next_report_at(self) -> float | None:
        """Return when the next report arrives."""
        return self._reports[0][0] if self._reports else None

    def take_letter(self) -> NodeDocuments:
        """Return what arrived for the node."""
        assert self._letter is not None, "only what waits is taken"
        letter, self._letter = self._letter, None
        return letter

    def take_report(self) -> Observation:
        """Return the report that arrived."""
        return self._reports.popleft()[1]
