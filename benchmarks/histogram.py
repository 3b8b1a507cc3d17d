"""Latencies counted in buckets of about 1 % width, whatever their size, as in HdrHistogram: log-linear, no samples kept.

A value is rounded down to its seven highest bits, so a percentile is at most 1/64 too low; the largest value is kept exactly.
For ``load`` and ``latency_picture``.
"""

import math
from collections.abc import Iterator
from typing import Any

BITS = 7
PERCENTILES = (50.0, 75.0, 90.0, 99.0, 99.9)


class Histogram:
    """Nanoseconds by bucket."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.count = 0
        self.largest = 0

    def record(self, nanoseconds: int) -> None:
        """One value; below 0 (two clocks' error) counts as 0."""
        value = max(0, nanoseconds)
        shift = max(0, value.bit_length() - BITS)
        bucket = value >> shift << shift
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self.count += 1
        self.largest = max(self.largest, value)

    def add(self, other: "Histogram") -> None:
        """All of the other's values."""
        for bucket, count in other._counts.items():
            self._counts[bucket] = self._counts.get(bucket, 0) + count
        self.count += other.count
        self.largest = max(self.largest, other.largest)

    def buckets(self) -> Iterator[tuple[int, int]]:
        """(least nanoseconds, count) of every bucket that isn't empty, in order."""
        yield from sorted(self._counts.items())

    def percentile(self, percent: float) -> int:
        """Nanoseconds that ``percent`` of the values don't exceed; 100 is the largest. Raises ValueError when it is empty."""
        if not self.count:
            raise ValueError("an empty histogram has no percentiles")
        if percent >= 100:
            return self.largest
        wanted, seen = max(1, math.ceil(round(percent * self.count / 100, 6))), 0
        for bucket, count in self.buckets():
            seen += count
            if seen >= wanted:
                return bucket
        return self.largest

    def summary(self) -> dict[str, Any]:
        """Count, percentiles and the largest, in milliseconds."""
        found: dict[str, Any] = {"count": self.count}
        found |= {f"p{percent:g} ms": _ms(self.percentile(percent)) for percent in PERCENTILES}
        return found | {"max ms": _ms(self.largest)}

    def as_json(self) -> list[list[int]]:
        """The buckets, and as the last pair the largest value and 0: enough to make it again."""
        return [*(list(pair) for pair in self.buckets()), [self.largest, 0]]

    @classmethod
    def of(cls, pairs: list[list[int]]) -> "Histogram":
        """What ``as_json`` gave."""
        made = cls()
        made._counts = {bucket: count for bucket, count in pairs if count}
        made.count = sum(made._counts.values())
        made.largest = pairs[-1][0]
        return made


def _ms(nanoseconds: int) -> float:
    return round(nanoseconds / 1e6, 3)
