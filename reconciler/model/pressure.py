"""What presses a host: the kubelet's signals, and the thresholds below which they do. Values only.

The spelling is that of the kubelet's `evictionHard`: `memory.available<100Mi,nodefs.available<10%`.
"""

import re
from collections.abc import Mapping

from msgspec.structs import replace

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

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")


class SignalFact(Value):
    """How much of something a host has left, and how much it has."""

    signal: str
    available: int
    capacity: int


class PodDisk(Value):
    """What one Pod holds on the host's disks, in bytes: volumes by name, containers by name (what they wrote, logs).

    `layers` are what containers wrote outside of volumes, where the images are; `logs` beside them. `files` counts
    what could be counted: that of volumes.
    """

    volumes: Mapping[str, int] = {}
    layers: Mapping[str, int] = {}
    logs: Mapping[str, int] = {}
    files: int = 0

    @property
    def total(self) -> int:
        """Everything together."""
        return sum((*self.volumes.values(), *self.layers.values(), *self.logs.values()))


class OwnImage(Value):
    """An image that was pulled for Pods of this cluster and was not on the host before."""

    id: str
    names: tuple[str, ...] = ()
    size_bytes: int = 0
    pulled_at: float = 0.0


class Threshold(Value):
    """Less than this much of a signal presses the host: an amount, or a share of the capacity where it is given.

    A soft one (`grace_s` is given) has to hold that long before a Pod is ended for it. `reclaim` and `reclaim_share`
    are how much more has to be left, once it was met, before it is over.
    """

    signal: str
    amount: int = 0
    share: float | None = None
    grace_s: float | None = None
    reclaim: int = 0
    reclaim_share: float | None = None

    @property
    def is_hard(self) -> bool:
        """Whether Pods are ended for it at once."""
        return self.grace_s is None

    @property
    def key(self) -> str:
        """Tell it from others of its signal."""
        return f"{self.signal} {'hard' if self.is_hard else 'soft'} {self.amount} {self.share}"

    def least(self, fact: SignalFact) -> int:
        """Return how much has to be left."""
        return self.amount if self.share is None else int(fact.capacity * self.share)

    def is_met(self, fact: SignalFact, *, was_met: bool = False) -> bool:
        """Whether so little is left; while it is met, also whether not enough has been made free since."""
        if self.share is None:
            least: float = self.amount
        else:
            least = fact.capacity * self.share
        if was_met:
            least += self.reclaim if self.reclaim_share is None else fact.capacity * self.reclaim_share
        return fact.available < least


class ImageLimits(Value):
    """When images that no container uses are removed: from `high` percent of their disk on, down to `low`.

    None that came less than `min_age_s` ago. A `high` of 100 switches it off.
    """

    high: int = 85
    low: int = 80
    min_age_s: float = 120.0


def parse_thresholds(text: str) -> tuple[Threshold, ...]:
    """Read thresholds; raises ValueError with what is wrong. An empty text is none."""
    return tuple(_threshold(part.strip()) for part in text.split(",") if part.strip())


def parse_graces(text: str) -> Mapping[str, float]:
    """Read how long each soft threshold has to hold: `memory.available=1m30s`; raises ValueError with what is wrong."""
    return {signal: _seconds(value, text) for signal, value in _pairs(text, "DURATION")}


def with_graces(soft: tuple[Threshold, ...], graces: Mapping[str, float]) -> tuple[Threshold, ...]:
    """Return soft thresholds with their times; raises ValueError for one without, as the kubelet refuses it."""
    for one in soft:
        if one.signal not in graces:
            raise ValueError(f"the soft threshold {one.signal} has no grace period")
    return tuple(replace(one, grace_s=graces[one.signal]) for one in soft)


def with_reclaim(thresholds: tuple[Threshold, ...], text: str) -> tuple[Threshold, ...]:
    """Return thresholds with what is to be made free at least: `nodefs.available=500Mi`; raises ValueError."""
    least = {signal: _amount(value, f"{signal}={value}") for signal, value in _pairs(text, "VALUE")}
    return tuple(
        replace(one, reclaim=least[one.signal][0], reclaim_share=least[one.signal][1]) if one.signal in least else one
        for one in thresholds
    )


def _threshold(text: str) -> Threshold:
    signal, is_there, value = text.partition("<")
    if signal not in CONDITIONS or not is_there:
        raise ValueError(f"{text!r} is no threshold: write SIGNAL<VALUE with a signal of {', '.join(CONDITIONS)}")
    amount, share = _amount(value, text)
    return Threshold(signal=signal, amount=amount, share=share)


def _pairs(text: str, word: str) -> list[tuple[str, str]]:
    found = []
    for part in (one.strip() for one in text.split(",") if one.strip()):
        signal, is_there, value = part.partition("=")
        if signal not in CONDITIONS or not is_there:
            raise ValueError(f"{part!r}: write SIGNAL={word} with a signal of {', '.join(CONDITIONS)}")
        found.append((signal, value))
    return found


def _amount(value: str, text: str) -> tuple[int, float | None]:
    try:
        if not value.endswith("%"):
            return bytes_of(value), None
        share = float(value.removesuffix("%")) / 100
    except (QuantityError, ValueError) as error:
        raise ValueError(f"{text!r} is no threshold: {value!r} is neither an amount nor a share") from error
    if not 0 <= share <= 1:
        raise ValueError(f"{text!r} is no threshold: a share is between 0% and 100%")
    return 0, share


def _seconds(value: str, text: str) -> float:
    parts = _DURATION.fullmatch(value)
    if parts is None or not value:
        raise ValueError(f"{text!r}: {value!r} is no duration, such as 90s, 2m or 1h30m")
    return sum(float(number or 0) * unit for number, unit in zip(parts.groups(), (3600, 60, 1), strict=True))


DEFAULT_THRESHOLDS = parse_thresholds(EVICTION_HARD)


class HostLimits(Value):
    """What a host does about itself: what presses it, and when it removes images, as a kubelet is told.

    A condition stays for `transition_s` after it was last so. A Pod that is ended for a soft threshold has
    `max_pod_grace_s` at most to end.
    """

    thresholds: tuple[Threshold, ...] = DEFAULT_THRESHOLDS
    transition_s: float = 300.0
    max_pod_grace_s: float = 0.0
    images: ImageLimits = ImageLimits()


DEFAULT_LIMITS = HostLimits()
