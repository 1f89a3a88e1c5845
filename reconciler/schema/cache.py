"""Keeps results by key, the least recently used going first."""

from collections import OrderedDict
from typing import Generic, TypeVar

Result = TypeVar("Result")
Key = tuple[str, ...]


class Cache(Generic[Result]):
    """A bounded memory. Not shared between threads: each loop has its own."""

    def __init__(self, size: int = 50_000) -> None:
        self._size = size
        self._results: OrderedDict[Key, Result] = OrderedDict()

    def get(self, key: Key) -> Result | None:
        """Return what was kept under `key`, if it still is."""
        result = self._results.get(key)
        if result is not None:
            self._results.move_to_end(key)
        return result

    def put(self, key: Key, result: Result) -> None:
        """Keep a result; the least recently used one goes when there are too many."""
        self._results[key] = result
        self._results.move_to_end(key)
        while len(self._results) > self._size:
            self._results.popitem(last=False)

    def __len__(self) -> int:
        return len(self._results)
