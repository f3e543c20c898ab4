"""Bounded map that forgets the values written longest ago."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class LruMap(Generic[K, V]):
    """Map of at most `max_size` values, ordered by their last `put`. Reading a value does not renew it."""

    def __init__(self, max_size: int) -> None:
        self._max_size = max_size
        self._values: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The value of `key`, or None."""
        return self._values.get(key)

    def put(self, key: K, value: V) -> None:
        """Store a value; the oldest value is dropped when the map is full."""
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._max_size:
            self._values.popitem(last=False)

    def pop(self, key: K) -> V | None:
        """Remove and return the value of `key`, or None."""
        return self._values.pop(key, None)

    def items(self) -> list[tuple[K, V]]:
        """All entries, the oldest first."""
        return list(self._values.items())
