"""What the nodes use, as far as they told lately. Kept in memory only; any thread."""

import threading

from reconciler.model.metrics import STALE_AFTER_S, NodeSample, NodeUsage, usage_between
from reconciler.model.ports import Clock


class UsageBoard:
    """The last reading of every node, and what it says together with the one before."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._samples: dict[str, NodeSample] = {}
        self._usage: dict[str, NodeUsage] = {}

    def receive(self, sample: NodeSample) -> None:
        """Take a node's reading."""
        with self._lock:
            usage = usage_between(self._samples.get(sample.node), sample)
            self._samples[sample.node] = sample
            if usage is not None:
                self._usage[sample.node] = usage

    def latest(self) -> dict[str, NodeUsage]:
        """Return what every node uses that was measured within the last minute."""
        since = self._clock.now() - STALE_AFTER_S
        with self._lock:
            return {name: usage for name, usage in sorted(self._usage.items()) if usage.at > since}
