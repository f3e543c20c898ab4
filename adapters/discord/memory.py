"""A dictionary that forgets what was used least recently."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class LruMap(Generic[K, V]):
    """Keeps the last `max_size` values."""

    def __init__(self, max_size: int) -> None:
        self._max_size = max_size
        self._kept: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """A value that is kept still."""
        return self._kept.get(key)

    def put(self, key: K, value: V) -> None:
        """Keep a value, and forget the oldest if they are too many."""
        self._kept[key] = value
        self._kept.move_to_end(key)
        if len(self._kept) > self._max_size:
            self._kept.popitem(last=False)

    def pop(self, key: K) -> V | None:
        """A value, which is kept no longer."""
        return self._kept.pop(key, None)

    def items(self) -> list[tuple[K, V]]:
        """All that is kept, the oldest first."""
        return list(self._kept.items())
