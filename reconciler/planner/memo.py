"""Results kept from one pass to the next, while the very same values come in again.

Pure in what it gives: values are frozen, so the same inputs have the same result, whether it is kept or made anew.
Owned by one thread. What no pass has asked for is forgotten after some: who is asked for it may sleep in between.
"""

from collections.abc import Callable, Hashable
from operator import is_
from typing import Any, TypeVar

from reconciler.planner.attention import Attention
from reconciler.planner.picture import Picture

T = TypeVar("T")

# What was asked for stays for so many passes, and for no more than twice as many.
_PASSES_KEPT = 8


class Memo:
    """Keeps one result per key, with the inputs it was made from, and what the views of all passes share."""

    def __init__(self) -> None:
        self.picture = Picture()
        self.attention = Attention()
        self.last: Any = None
        self.passes = 0
        self.declared: Any = {}
        self.answered: Any = None
        self._own: dict[str, Any] = {}
        self._kept: dict[Hashable, tuple[tuple[object, ...], Any]] = {}
        self._before: dict[Hashable, tuple[tuple[object, ...], Any]] = {}

    def next_pass(self) -> None:
        """Begin a pass."""
        self.passes += 1
        if self.passes % _PASSES_KEPT == 0:
            self._before, self._kept = self._kept, {}

    def get(self, key: Hashable, inputs: tuple[object, ...], make: Callable[[], T]) -> T:
        """Return what `make` gave for these very inputs (by identity), or make it now."""
        known = self._kept.get(key) or self._before.get(key)
        if known is None or len(known[0]) != len(inputs) or not all(map(is_, known[0], inputs)):
            known = (inputs, make())
        self._kept[key] = known
        result: T = known[1]
        return result

    def known(self, key: Hashable, inputs: tuple[object, ...]) -> Any:
        """Return what is kept for these very inputs, or None."""
        known = self._kept.get(key) or self._before.get(key)
        if known is None or len(known[0]) != len(inputs) or not all(map(is_, known[0], inputs)):
            return None
        return known[1]

    def keep(self, key: Hashable, inputs: tuple[object, ...], result: object) -> None:
        """Keep a result."""
        self._kept[key] = (inputs, result)

    def kept(self, name: str, make: Callable[[], T]) -> T:
        """Return what is kept from pass to pass under a name; it sees for itself that it is up to date."""
        found: T = self._own.setdefault(name, None) or make()
        self._own[name] = found
        return found
