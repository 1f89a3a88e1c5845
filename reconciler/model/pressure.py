"""What presses a host: the kubelet's signals, and the thresholds below which they do. Values only.

The spelling is that of the kubelet's `evictionHard`: `memory.available<100Mi,nodefs.available<10%`.
"""

from collections.abc import Mapping

from reconciler.model.base import Value
from reconciler.model.quantity import QuantityError, bytes_of

# Signal -> the condition of the Node that it makes.
CONDITIONS: Mapping[str, str] = {
    "memory.available": "MemoryPressure",
    "nodefs.available": "DiskPressure",
    "nodefs.inodesFree": "DiskPressure",
    "imagefs.available": "DiskPressure",
    "imagefs.inodesFree": "DiskPressure",
    "pid.available": "PIDPressure",
}
# The kubelet's defaults; it has none for process numbers.
EVICTION_HARD = (
    "memory.available<100Mi,nodefs.available<10%,nodefs.inodesFree<5%,"
    "imagefs.available<15%,imagefs.inodesFree<5%,pid.available<5%"
)


class SignalFact(Value):
    """How much of something a host has left, and how much it has."""

    signal: str
    available: int
    capacity: int


class Threshold(Value):
    """Less than this much of a signal presses the host: an amount, or a share of the capacity where it is given."""

    signal: str
    amount: int = 0
    share: float | None = None

    def is_met(self, fact: SignalFact) -> bool:
        """Whether so little is left."""
        least = self.amount if self.share is None else fact.capacity * self.share
        return fact.available < least


def parse_thresholds(text: str) -> tuple[Threshold, ...]:
    """Read thresholds; raises ValueError with what is wrong. An empty text is none."""
    return tuple(_threshold(part.strip()) for part in text.split(",") if part.strip())


def _threshold(text: str) -> Threshold:
    signal, is_there, value = text.partition("<")
    if signal not in CONDITIONS or not is_there:
        raise ValueError(f"{text!r} is no threshold: write SIGNAL<VALUE with a signal of {', '.join(CONDITIONS)}")
    try:
        if not value.endswith("%"):
            return Threshold(signal=signal, amount=bytes_of(value))
        share = float(value.removesuffix("%")) / 100
    except (QuantityError, ValueError) as error:
        raise ValueError(f"{text!r} is no threshold: {value!r} is neither an amount nor a share") from error
    if not 0 <= share <= 1:
        raise ValueError(f"{text!r} is no threshold: a share is between 0% and 100%")
    return Threshold(signal=signal, share=share)


DEFAULT_THRESHOLDS = parse_thresholds(EVICTION_HARD)
