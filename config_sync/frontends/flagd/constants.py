"""What can be said of constants before anyone asks: JSONLogic's truth and numbers, weights, versions, texts.

The core's own functions say the same at run time; the property tests of tests/conformance/flagd compare the two. Used by the
flagd front end only.
"""

import re
from typing import Any

MAX_TOTAL_WEIGHT = 2**31 - 1
VERSION_OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "^", "~")

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NUMERIC = r"(?:0|[1-9][0-9]*)"
_IDENTIFIERS = rf"(?:{_NUMERIC}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:{_NUMERIC}|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*"
_VERSION = re.compile(rf"[vV]?{_NUMERIC}(?:\.{_NUMERIC}){{0,2}}(?:-{_IDENTIFIERS})?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?")
_EXACT_FLOATS = 2.0**53
_BLANKS = " \t\n\r\f\v"

Weighted = list[tuple[Any, int]]


def is_truthy(value: Any) -> bool:
    """Of null, booleans, numbers, text and lists: Python's truth is JSONLogic's."""
    return bool(value)


def number_in(text: str) -> float | None:
    """The number that a text counts as when it is compared with one; blank text is 0."""
    text = text.strip(_BLANKS)
    if not text:
        return 0.0
    return float(text) if _NUMBER.fullmatch(text) else None


def text_of(value: Any) -> str | None:
    """As text (docs/snapshot-format.md, 4.1); None for null and lists."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT_FLOATS else repr(value)
    return str(value) if isinstance(value, int | str) else None


def is_version(value: Any) -> bool:
    """Whether ``sem_ver`` takes it for a version: partial ones and numbers too, with or without a v."""
    text = text_of(value)
    return text is not None and _VERSION.fullmatch(text) is not None


def weight_of(value: Any) -> int | None:
    """A weight of ``fractional``: null is 1, a negative one 0; None if it is no whole number, or too large."""
    if value is None:
        return 1
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if value != int(value) or value > MAX_TOTAL_WEIGHT:
        return None
    return max(0, int(value))


def weights_of(pairs: list[Any]) -> Weighted | None:
    """Constant [variant] and [variant, weight] pairs; None if ``fractional`` is always null with them."""
    weighted: Weighted = []
    for pair in pairs:
        if not isinstance(pair, list) or not pair or isinstance(pair[0], list):
            return None
        weight = weight_of(pair[1]) if len(pair) > 1 else 1
        if weight is None:
            return None
        weighted.append((pair[0], weight))
    return weighted if 0 < sum(weight for _, weight in weighted) <= MAX_TOTAL_WEIGHT else None


def percentage(magnitude: int) -> float:
    """v1's place of a hash, from the magnitude of its signed value (0 .. 2**31); a little over 100 at the very end."""
    return magnitude / 2147483647.0 * 100.0
