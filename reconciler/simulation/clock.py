"""Virtual time: it stands still until it is told to go on, or is set. Pure."""

START_AT = 1_700_000_000.0


class VirtualClock:
    """Implements the Clock port; all simulated hosts of one run share one."""

    def __init__(self, start_at: float = START_AT) -> None:
        self._now = start_at

    def now(self) -> float:
        """Return Unix seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += max(0.0, seconds)

    def advance_to(self, at: float) -> None:
        """Let time pass until `at`; never backwards."""
        self._now = max(self._now, at)

    def jump(self, seconds: float) -> None:
        """Set the clock forward or back, as a person or a time server does."""
        self._now += seconds
