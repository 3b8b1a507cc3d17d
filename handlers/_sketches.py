"""Distinct users in a few kilobytes: Apache DataSketches' HyperLogLog. For ``_counters`` and the event processor.

A sketch of 2^14 registers of 4 bits has 8 kB at most (52 bytes for ten users) and a relative standard error of 0.8 % when
sketches were merged, 0.65 % when not; a few hundred users are counted exactly. Source: the library's documentation of
``hll_sketch``.
"""

from collections.abc import Iterable
from typing import Any

from datasketches import hll_sketch, hll_union, tgt_hll_type

LG_K = 14
KIND = tgt_hll_type.HLL_4
DEVIATIONS = 2  # of the bounds that are told: 95 %

Sketch = Any  # datasketches.hll_sketch, which comes without types


def new() -> Sketch:
    """A sketch of nobody."""
    return hll_sketch(LG_K, KIND)


def read(data: bytes) -> Sketch:
    """The sketch in these bytes. Raises ValueError for what is none."""
    try:
        return hll_sketch.deserialize(data)
    except (RuntimeError, ValueError, IndexError) as error:
        raise ValueError("not a sketch of users") from error


def write(sketch: Sketch) -> bytes:
    """Its bytes."""
    return bytes(sketch.serialize_compact())


def merged(sketches: Iterable[Sketch]) -> Sketch:
    """One sketch of everybody in any of them."""
    union = hll_union(LG_K)
    for sketch in sketches:
        union.update(sketch)
    return union.get_result(KIND)


def estimate(sketch: Sketch) -> tuple[float, float, float]:
    """How many users, at least and at most with 95 % confidence."""
    low, high = sketch.get_lower_bound(DEVIATIONS), sketch.get_upper_bound(DEVIATIONS)
    return float(sketch.get_estimate()), float(low), float(high)
