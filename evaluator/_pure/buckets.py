"""From a hash to a bucket, and from a bucket to its range: integer arithmetic only. Used by ``_pure`` only."""

from collections.abc import Sequence

from evaluator._pure.rows import RangeRow
from evaluator.snapshot.opcodes import SPACE_ABSOLUTE, SPACE_FULL, SPACE_MODULO, SPACE_MULTIPLY


def bucket_of(space: int, total: int, digest: int) -> int:
    """The bucket of a hash in the space with this SPACE_* code; ``total`` buckets for MODULO and MULTIPLY."""
    if space == SPACE_FULL:
        return digest
    if space == SPACE_MODULO:
        return digest % total
    if space == SPACE_MULTIPLY:
        return (digest * total) >> 32
    if space == SPACE_ABSOLUTE:
        return abs(digest - (1 << 32) if digest >= 1 << 31 else digest)
    raise ValueError(f"unknown space code {space}")  # unreachable: the flags that use one answer UNSUPPORTED


def find_range(ranges: Sequence[RangeRow], first: int, count: int, bucket: int) -> int | None:
    """The row of the first range of ``count`` from ``first`` that the bucket isn't past, or None past the last."""
    for row in range(first, first + count):
        if bucket <= ranges[row].last:
            return row
    return None
