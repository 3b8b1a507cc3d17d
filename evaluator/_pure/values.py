"""Values as operators see them: kinds, as text, as number, deep equality (docs/snapshot-format.md, sections 4.0 to 4.3).

Subclasses of the built-in types are read through their base type's own methods, so nothing they override is ever called.
"""

import math
import re
from decimal import Decimal
from typing import Any, Final

MAX_INTEGER_BITS: Final = 1024  # of an integer that has a text; Python itself refuses to print much longer ones
EXACT_FLOATS: Final = 2.0**53  # whole floats below this are written as integers
UNORDERED: Final = 2  # beside the orders -1, 0 and 1: one side is NaN

BLANKS: Final = " \t\n\r\f\v"  # ASCII's

_NUMBER: Final = re.compile(r"[ \t\n\r\f\v]*([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[ \t\n\r\f\v]*")


class _Missing:
    """The type of ``MISSING``: nothing there, as opposed to a null."""

    def __repr__(self) -> str:
        return "MISSING"


class _Unusable:
    """The type of ``UNUSABLE``: something there that no operator applies to (a lone surrogate, a look-up that raised)."""

    def __repr__(self) -> str:
        return "UNUSABLE"


MISSING: Final = _Missing()
UNUSABLE: Final = _Unusable()


def is_text(value: object) -> bool:
    return isinstance(value, str)


def is_number(value: object) -> bool:
    """Integers and floats; booleans are no numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def plain(value: object) -> Any:
    """A string or number subclass as its exact built-in value; everything else as it is."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int.__pos__(value)
    if isinstance(value, float):
        return float.__pos__(value)
    return value


def is_unicode(text: str) -> bool:
    """False for a string with a lone surrogate, which has no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def as_text(value: object) -> str | None:
    """Section 4.1: the value as text, or None if it has none."""
    value = plain(value)
    if isinstance(value, str):
        return value if is_unicode(value) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if value.bit_length() <= MAX_INTEGER_BITS else None
    if isinstance(value, float):
        return float_text(value)
    return None


def decimal_text(value: object) -> str | None:
    """Section 4.1 under MODE_DECIMAL: as text, but a number as a double with the fewest digits and no exponent.

    Raises OverflowError for an integer that no double is near to.
    """
    if not is_number(value):
        return as_text(value)
    written = repr(float(plain(value)))
    if not any(character.isdigit() for character in written):  # NaN and the infinities
        return written
    return format(Decimal(written), "f").removesuffix(".0")


def float_text(value: float) -> str:
    """``repr``, but a whole float below 2**53 in magnitude as an integer."""
    return str(int(value)) if abs(value) < EXACT_FLOATS and value.is_integer() else repr(value)


def as_number(value: object, coerce_text: bool) -> int | float | None:
    """Section 4.2: the value as a number, or None if it is none. A numeric string counts when ``coerce_text`` is set."""
    value = plain(value)
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if coerce_text and isinstance(value, str):
        return number_in_text(value)
    return None


def number_in_text(text: str) -> float | None:
    """The double nearest to the decimal number that is the whole string (ASCII blanks around it allowed), else None."""
    match = _NUMBER.fullmatch(text)
    return float(match[1]) if match else None


def as_items(value: object) -> list[Any] | None:
    """The elements of a list, tuple, set or frozenset (in any order for sets), else None."""
    if isinstance(value, list):
        return list.__getitem__(value, slice(None))
    if isinstance(value, tuple):
        return list(tuple.__iter__(value))
    if isinstance(value, set):
        return list(set.__iter__(value))
    if isinstance(value, frozenset):
        return list(frozenset.__iter__(value))
    return None


def entry(mapping: dict[Any, Any], key: str) -> Any:
    """A dict's entry, or MISSING; a subclass's overrides are ignored. Raises what a hostile key's ``__eq__`` raises."""
    return dict.get(mapping, key, MISSING)


def dict_keys(mapping: dict[Any, Any]) -> list[Any]:
    """A dict's keys; a subclass's overrides are ignored."""
    return list(dict.keys(mapping))


def deep_equal(expected: Any, value: object, boolean_number: bool = False) -> bool:
    """Section 4.3. ``expected`` comes from the snapshot, so it is plain JSON and its depth bounds the recursion."""
    value = plain(value)
    if boolean_number:
        expected, value = _without_boolean(expected), _without_boolean(value)
    if expected is None or isinstance(expected, bool):
        return value is expected
    if isinstance(expected, int | float):
        return isinstance(value, int | float) and not isinstance(value, bool) and expected == value
    if isinstance(expected, str):
        return isinstance(value, str) and expected == value
    if isinstance(expected, list):
        return isinstance(value, list | tuple) and _lists_equal(expected, as_items(value) or [], boolean_number)
    return isinstance(expected, dict) and isinstance(value, dict) and _maps_equal(expected, value, boolean_number)


def _without_boolean(value: Any) -> Any:
    """A boolean as the number 0 or 1."""
    return int(value) if isinstance(value, bool) else value


def _lists_equal(expected: list[Any], items: list[Any], boolean_number: bool) -> bool:
    pairs = zip(expected, items, strict=False)
    return len(expected) == len(items) and all(deep_equal(left, right, boolean_number) for left, right in pairs)


def _maps_equal(expected: dict[str, Any], value: dict[Any, Any], boolean_number: bool) -> bool:
    if len(expected) != dict.__len__(value):
        return False
    return all(deep_equal(item, entry(value, key), boolean_number) for key, item in expected.items())


def order_against(value: object, expected: Any, boolean_number: bool) -> int | None:
    """Section 4.8: -1, 0 or 1; ``UNORDERED`` with NaN; None where there is no order. ``expected`` bounds the recursion."""
    value = plain(value)
    if boolean_number:
        expected, value = _without_boolean(expected), _without_boolean(value)
    if isinstance(expected, list) and isinstance(value, list | tuple):
        return _order_of_lists(as_items(value) or [], expected, boolean_number)
    if isinstance(expected, str) and isinstance(value, str):
        return (value > expected) - (value < expected)  # Python compares text by code points
    if is_number(expected) and isinstance(value, int | float) and not isinstance(value, bool):
        return UNORDERED if is_nan(value) or is_nan(expected) else (value > expected) - (value < expected)
    return None


def _order_of_lists(items: list[Any], expected: list[Any], boolean_number: bool) -> int | None:
    """By the first elements that aren't equal; else by length."""
    for item, wanted in zip(items, expected, strict=False):
        if not deep_equal(wanted, item, boolean_number):
            return order_against(item, wanted, boolean_number)
    return (len(items) > len(expected)) - (len(items) < len(expected))


def at_path(value: object, path: list[str | int]) -> Any:
    """What lies at the end of the path, or MISSING. Raises what a hostile key's ``__eq__`` raises."""
    for step in path:
        if isinstance(step, str) and isinstance(value, dict):
            value = entry(value, step)
        elif isinstance(step, int) and isinstance(value, list | tuple):
            items = as_items(value) or []
            value = items[step] if 0 <= step < len(items) else MISSING
        else:
            return MISSING
    return value


def fresh_copy(value: Any) -> Any:
    """A copy of a JSON value that shares nothing mutable with it."""
    if isinstance(value, list):
        return [fresh_copy(item) for item in value]
    if isinstance(value, dict):
        return {key: fresh_copy(item) for key, item in value.items()}
    return value
