"""Virtual time: it stands still until it is told to go on, or is set. Pure."""

START_AT = 1_700_000_000.0
_GRAIN_S = 1e-6


class VirtualClock:
    """Implements the Clock port; the whole of one run goes by one.

    `ahead_s` is how far it is set before that one.
    """

    ahead_s = 0.0

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


class HostClock(VirtualClock):
    """The clock of one host: it goes as the run's does, and can be set by itself."""

    def __init__(self, base: VirtualClock) -> None:
        self._base = base

    def now(self) -> float:
        """Return Unix seconds as this host has them."""
        return self._base.now() + self.ahead_s

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._base.advance(seconds)

    def advance_to(self, at: float) -> None:
        """Let time pass until it is `at` here; never backwards."""
        self._base.advance_to(at - self.ahead_s)
        while self.now() < at:
            # Sums of what is that large are not exact.
            self._base.advance(_GRAIN_S)

    def jump(self, seconds: float) -> None:
        """Set this clock alone."""
        self.ahead_s += seconds
