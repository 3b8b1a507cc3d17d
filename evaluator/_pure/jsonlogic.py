"""JSONLogic's view of single values: truth, numbers, comparison, arithmetic, text (docs/dialects/flagd.md, section 3).

Functions of their arguments, without recursion. ``_pure.expressions`` walks the nodes and calls these. Used by ``_pure`` only.
"""

import math
from typing import Any, Final

from evaluator._pure.values import EXACT_FLOATS, as_text, is_unicode, number_in_text, plain

Number = int | float

_BLANKS: Final = " \t\n\r\f\v"
_MAX_INDEX: Final = 1_000_000_000.0  # positions and lengths are clamped to this
_MAX_INDEX_DIGITS: Final = 9


def known(value: object) -> Any:
    """JSON's kinds as they are, subclasses as their base; any other object, and text that isn't Unicode, is null."""
    value = plain(value)
    if isinstance(value, str):
        return value if is_unicode(value) else None
    if isinstance(value, bool | int | float | list | tuple | dict):
        return value
    return None


def is_list(value: object) -> bool:
    return isinstance(value, list | tuple)


def truthy(value: object) -> bool:
    """JavaScript's truth, but an empty list is false: null, false, 0, NaN, "" and [] are false, everything else is true."""
    value = plain(value)
    if isinstance(value, str):
        return value != ""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value != 0
    if isinstance(value, float):
        return value != 0.0 and not math.isnan(value)
    if isinstance(value, list):
        return list.__len__(value) > 0
    if isinstance(value, tuple):
        return tuple.__len__(value) > 0
    return isinstance(value, dict)


def to_number(value: object) -> Number | None:
    """null and blank text are 0, booleans 0 and 1, text its decimal number; None for anything else."""
    if value is None:
        return 0
    if isinstance(value, bool):
        return 1 if value else 0
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        return 0 if value.strip(_BLANKS) == "" else number_in_text(value)
    return None


def to_double(value: object) -> float:
    """``to_number`` as a double: NaN for no number, an infinity for an integer too large."""
    number = to_number(value)
    if number is None:
        return math.nan
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def from_double(result: float) -> Number | None:
    """A result of arithmetic: whole ones below 2**53 as integers; null when it isn't finite."""
    if not math.isfinite(result):
        return None
    return int(result) if result.is_integer() and abs(result) < EXACT_FLOATS else result


def to_index(value: object) -> int:
    """A position or length, cut towards zero; 0 for no number."""
    number = to_double(value)
    if math.isnan(number):
        return 0
    return int(max(-_MAX_INDEX, min(_MAX_INDEX, number)))


def list_index(step: str) -> int:
    """The list position that a step of a path names: decimal digits without leading zeros; -1 for anything else."""
    if len(step) > _MAX_INDEX_DIGITS or not (step.isascii() and step.isdigit()):
        return -1
    return -1 if step[0] == "0" and step != "0" else int(step)


def loosely_equal_scalars(left: object, right: object) -> bool:
    """JavaScript's ``==`` for null, booleans, numbers and text."""
    if left is None or right is None:
        return left is None and right is None
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    a, b = to_number(left), to_number(right)
    return a is not None and b is not None and a == b


def same_scalars(left: object, right: object) -> bool:
    """JavaScript's ``===`` for null, booleans, numbers and text."""
    if left is None or right is None:
        return left is None and right is None
    if isinstance(left, str) or isinstance(right, str):
        return isinstance(left, str) and isinstance(right, str) and left == right
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def less(left: object, right: object, or_equal: bool) -> bool:
    """JavaScript's ``<`` and ``<=``: two texts by code point, anything else as numbers."""
    if isinstance(left, str) and isinstance(right, str):
        return left <= right if or_equal else left < right
    a, b = to_number(left), to_number(right)
    if a is None or b is None:
        return False
    return a <= b if or_equal else a < b


def total(values: list[Any]) -> Number | None:
    result = 0.0
    for value in values:
        result += to_double(value)
    return from_double(result)


def product(values: list[Any]) -> Number | None:
    if not values:
        return None
    result = 1.0
    for value in values:
        result *= to_double(value)
    return from_double(result)


def difference(values: list[Any]) -> Number | None:
    """The first minus the second; one value alone is negated."""
    if not values:
        return None
    first = to_double(values[0])
    return from_double(first - to_double(values[1])) if len(values) > 1 else from_double(-first)


def quotient(values: list[Any]) -> Number | None:
    if len(values) < 2:
        return None
    divisor = to_double(values[1])
    return None if divisor == 0.0 else from_double(to_double(values[0]) / divisor)


def remainder(values: list[Any]) -> Number | None:
    """C's ``fmod``: the sign is the first value's."""
    if len(values) < 2:
        return None
    dividend, divisor = to_double(values[0]), to_double(values[1])
    if not math.isfinite(dividend) or math.isnan(divisor) or divisor == 0.0:
        return None
    return from_double(math.fmod(dividend, divisor))


def extreme(values: list[Any], greatest: bool) -> Number | None:
    """The least or the greatest as a number; null without values or when one is no number."""
    if not values:
        return None
    result = to_double(values[0])
    for value in values:
        number = to_double(value)
        if math.isnan(number):
            return None
        if number > result if greatest else number < result:
            result = number
    return from_double(result)


def text_of(value: object) -> str:
    """As text (docs/snapshot-format.md, 4.1); what has none is empty."""
    text = as_text(value)
    return "" if text is None else text


def substring(values: list[Any]) -> str:
    """Characters from a position (negative: from the end) on, at most so many (negative: without the last ones)."""
    text = text_of(values[0]) if values else ""
    start = to_index(values[1]) if len(values) > 1 else 0
    if start < 0:
        start = max(0, len(text) + start)
    rest = text[start:]
    if len(values) < 3:
        return rest
    length = to_index(values[2])
    return rest[:length] if length >= 0 else rest[: max(0, len(rest) + length)]
