"""A bounded cache whose entries grow old: what a warm process knows of stored assignments. For ``handlers``.

On the cold path: imports nothing that isn't loaded anyway.
"""

from __future__ import annotations

from time import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import Any


class Sticky:
    """At most ``entries`` values by key; the one that wasn't asked for longest goes first.

    A value is fresh for ``ttl_ms``; after that ``get`` doesn't give it, and ``stale`` still does. The wall clock is read: a
    sandbox that was frozen must not think its entries young. ``hits`` and ``misses`` count what ``get`` answered. No lock: each
    step is one operation of a dict, so threads lose an entry at worst.
    """

    __slots__ = ("_clock", "_entries", "_kept", "_ttl", "hits", "misses")

    def __init__(self, entries: int, ttl_ms: int, clock: Callable[[], float] = time) -> None:
        self._entries = entries
        self._ttl = ttl_ms / 1000
        self._clock = clock
        self._kept: dict[Hashable, tuple[float, Any]] = {}
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable) -> Any:
        """The value if it is fresh, else None."""
        entry = self._kept.pop(key, None)
        if entry is not None:
            self._kept[key] = entry
            since, value = entry
            if since <= self._clock() < since + self._ttl:
                self.hits += 1
                return value
        self.misses += 1
        return None

    def stale(self, key: Hashable) -> Any:
        """The value however old it is: better than none when nobody can be asked."""
        entry = self._kept.get(key)
        return None if entry is None else entry[1]

    def put(self, key: Hashable, value: Any) -> None:
        """Keeps a value, as of now. With a ttl of 0, or no room for any, nothing is kept."""
        if self._ttl <= 0:
            return
        self._kept.pop(key, None)
        self._kept[key] = (self._clock(), value)
        while len(self._kept) > self._entries:
            try:
                self._kept.pop(next(iter(self._kept)), None)
            except (StopIteration, RuntimeError):  # another thread is at it
                return

    def drop(self, key: Hashable) -> None:
        """Forgets one value."""
        self._kept.pop(key, None)
