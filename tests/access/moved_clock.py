"""A clock that a test moves."""

import time


class MovedClock:
    """The Clock port; begins at this machine's time and goes only where it is put."""

    def __init__(self) -> None:
        self.at = time.time()

    def now(self) -> float:
        """Return the time that was set."""
        return self.at
