"""flagd's ``fractional``: from a unit and weighted variants to a variant, in its three generations.

v1 (before flagd core 0.15) compares floating point, v2 multiplies integers, v3 is v2 over the CBOR bytes of any value. The
front end works v1's thresholds out with the same function. Source: flagd's specification of the operation; murmur3 is public
domain. Used by ``_pure`` and by the flagd front end.
"""

from typing import Any, Final

from evaluator._pure.jsonlogic import known
from evaluator._pure.values import as_items

MAX_TOTAL_WEIGHT: Final = 2**31 - 1
_INT32_MAX: Final = 2147483647.0

Weighted = list[tuple[Any, int]]


def parse_weights(values: list[Any]) -> tuple[Weighted, int] | None:
    """[variant] and [variant, weight] pairs and the sum of the weights, or None if one of them, or the sum, is unusable.

    A weight that is left out or null is 1; a negative one counts as 0.
    """
    weighted: Weighted = []
    total = 0
    for value in values:
        pair = [known(item) for item in (as_items(value) or [])[:2]] if isinstance(value, list | tuple) else []
        if not pair or isinstance(pair[0], list | tuple | dict):
            return None
        weight = parse_weight(pair[1]) if len(pair) > 1 else 1
        if weight is None:
            return None
        total += weight
        weighted.append((pair[0], weight))
    return (weighted, total) if total <= MAX_TOTAL_WEIGHT else None


def parse_weight(value: object) -> int | None:
    """0 .. 2**31-1, or None: not a whole number, or too large."""
    if value is None:
        return 1
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not value <= MAX_TOTAL_WEIGHT or (isinstance(value, float) and not value.is_integer()):
        return None
    return max(0, int(value))


def choose(weighted: Weighted, total: int, digest: int) -> Any:
    """v2 and v3: the variant of the hash, 0 .. 2**32-1. ``total`` is above 0."""
    bucket = digest * total >> 32
    end = 0
    for variant, weight in weighted:
        end += weight
        if bucket < end:
            return variant
    return None  # unreachable: bucket < total


def choose_signed(weighted: Weighted, total: int, digest: int) -> Any:
    """v1: the same from a percentage in floating point; null past the end, where rounding may leave a little."""
    bucket = percentage(abs(digest - 2**32 if digest >= 2**31 else digest))
    end = 0.0
    for variant, weight in weighted:
        end += 100.0 * weight / total
        if bucket < end:
            return variant
    return None


def percentage(magnitude: int) -> float:
    """v1's place of a hash, from the magnitude of its signed value (0 .. 2**31); a little over 100 at the very end."""
    return magnitude / _INT32_MAX * 100.0
