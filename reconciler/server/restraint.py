"""How those who have not proven who they are, are kept from taking more than a little of the API.

Used on the loop's thread only, so nothing is locked. The memory is bounded: addresses that have not come for longest
are forgotten first.
"""

from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address, ip_network

Clock = Callable[[], float]
_ADDRESSES_MAX = 10_000


class Pace:
    """Lets each address have so much a second, and `burst` at once after a pause. `clock` only ever grows."""

    def __init__(self, rate: float, burst: float, clock: Clock) -> None:
        self._rate = rate
        self._ahead_s = burst / rate
        self._clock = clock
        self._due: OrderedDict[str, float] = OrderedDict()

    def delay_s(self, address: str) -> float:
        """Count one more, and return how long it has to wait for its turn."""
        now = self._clock()
        due = max(self._due.get(address, 0.0), now) + 1.0 / self._rate
        self._due[address] = due
        self._due.move_to_end(address)
        if len(self._due) > _ADDRESSES_MAX:
            self._due.popitem(last=False)
        return max(0.0, due - now - self._ahead_s)

    def takes(self, address: str) -> bool:
        """Whether one more has its turn now; what has not is not counted."""
        before = self._due.get(address)
        if self.delay_s(address) == 0.0:
            return True
        if before is not None:
            self._due[address] = before
        return False


def origin_of(address: str) -> str:
    """Return what counts together: an IPv4 address, the network of an IPv6 one; anything else is itself."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    return str(found.ipv4_mapped or ip_network((found, 64), strict=False))
