"""GrowthBook's hashing as integer buckets: the shares are doubles, and each double's bucket is found by its own comparison.

``n`` is ``(hash % 1000) / 1000`` or ``(hash % 10000) / 10000``; ranges are half open. Used by the growthbook front end only.
"""

from collections.abc import Sequence
from itertools import pairwise

from config_sync import ir
from evaluator.snapshot import opcodes as codes

Span = tuple[float, float]
TOTALS = {1: 1_000, 2: 10_000}  # by hash version


def bucketing(version: int, seed: str, attribute: ir.Attribute) -> ir.Bucketing:
    """Version 1 hashes value and seed, version 2 the decimals of the hash of seed and value."""
    first = version == 1
    return ir.Bucketing(
        hash=codes.HASH_FNV1A_32 if first else codes.HASH_FNV1A_32_DECIMAL,
        space=codes.SPACE_MODULO,
        unit=codes.UNIT_TRUTHY,
        source=attribute,
        total=TOTALS[version],
        prefix="" if first else seed,
        suffix=seed if first else "",
    )


def first_bucket(bound: float, total: int, above: bool = False) -> int:
    """The first bucket whose n is at least the bound, or above it; ``total`` if there is none."""
    bucket = max(0, min(total, int(max(-1.0, min(2.0, bound)) * total) - 2))
    while bucket < total and not (bucket / total > bound if above else bucket / total >= bound):
        bucket += 1
    return bucket


def buckets_of(spans: Sequence[Span], total: int) -> tuple[tuple[int, int], ...]:
    """Half-open spans of n as inclusive ranges of buckets."""
    found = ((first_bucket(start, total), first_bucket(end, total) - 1) for start, end in spans)
    return tuple(each for each in found if each[0] <= each[1])


def up_to(share: float, total: int) -> tuple[tuple[int, int], ...]:
    """The buckets of a rollout, whose end counts: n <= share."""
    last = first_bucket(share, total, above=True) - 1
    return ((0, last),) if last >= 0 else ()


def assigned(spans: Sequence[Span], total: int) -> list[tuple[int, int | None]]:
    """(last bucket, number of the first span that has it) in ascending order; None where no span has the bucket."""
    ranges = [(first_bucket(start, total), first_bucket(end, total)) for start, end in spans]
    ends = sorted({point for each in ranges for point in each} | {0, total})
    found: list[tuple[int, int | None]] = []
    for start, end in pairwise(ends):
        number = next((number for number, (low, high) in enumerate(ranges) if low <= start < high), None)
        if found and found[-1][1] == number:
            found.pop()
        found.append((end - 1, number))
    return found


def spans_of(count: int, coverage: float, weights: Sequence[float] | None) -> list[Span]:
    """The variations' spans: each begins where the weights before it end, and covers that part of its own."""
    coverage = max(0.0, min(1.0, coverage))
    equal = [1 / count] * count
    shares = equal if weights is None or len(weights) != count else list(weights)
    total = 0.0
    for share in shares:
        total += share
    if total < 0.99 or total > 1.01:
        shares = equal
    spans, start = [], 0.0
    for share in shares:
        spans.append((start, start + coverage * share))
        start += share
    return spans
