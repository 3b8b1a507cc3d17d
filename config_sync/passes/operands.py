"""The operands of tests: of the type their operator needs, in range, and small enough. Used by the check pass."""

import math
from collections.abc import Callable
from typing import Any

from config_sync import ir
from config_sync.limits import MAX_LIST_BYTES, MAX_LIST_ITEM_BYTES, MAX_LIST_ITEMS, MAX_SALT_BYTES, MAX_TEXT_BYTES
from config_sync.passes.values import Problem, first_problem, is_unicode, value_problem
from evaluator.snapshot import opcodes as codes

_WITHOUT_ATTRIBUTE = ("now", "window")
_CLOCK_BOUND = 1 << 62  # µs; what instants reach (docs/snapshot-format.md 4.4)


def operand_problem(test: ir.Test) -> Problem | None:
    """What is wrong with a test's operator or operand."""
    check = _CHECKS.get(test.operator)
    if check is None:
        return "UNKNOWN-OPERATOR", f"there is no operator {test.operator!r}"
    if test.attribute is None and test.operator not in _WITHOUT_ATTRIBUTE:
        return "INVALID-ATTRIBUTE", f"{test.operator} needs an attribute to test"
    return check(test)


def _json(test: ir.Test) -> Problem | None:
    if isinstance(test.operand, (int, float)):
        return _number(test)
    return value_problem(test.operand, "the value compared with")


def _number(test: ir.Test) -> Problem | None:
    operand = test.operand
    if isinstance(operand, bool) or not isinstance(operand, (int, float)):
        return None if test.operator == "equal" else ("INVALID-OPERAND", f"{test.operator} needs a number")
    return _number_problem(operand)


def _number_problem(operand: int | float) -> Problem | None:
    """Numbers are stored as 64-bit integers or as doubles, exactly or not at all."""
    if isinstance(operand, float):
        return None if math.isfinite(operand) else ("INVALID-OPERAND", f"a comparison with {operand} is never true")
    if -(1 << 63) <= operand < 1 << 63:
        return None
    try:
        exact = int(float(operand)) == operand
    except OverflowError:
        exact = False
    return None if exact else ("INVALID-OPERAND", "the number compared with has more digits than can be stored exactly")


def _text(test: ir.Test) -> Problem | None:
    return _text_problem(test.operand, test.operator)


def _text_problem(text: Any, operator: str) -> Problem | None:
    if not isinstance(text, str):
        return "INVALID-OPERAND", f"{operator} needs a text"
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "INVALID-OPERAND", "the text compared with isn't Unicode (it has a lone surrogate)"
    return ("LIMIT-TEXT", f"the text compared with has more than {MAX_TEXT_BYTES} bytes") if size > MAX_TEXT_BYTES else None


def _list(test: ir.Test) -> Problem | None:
    items = test.operand
    if not isinstance(items, tuple):
        return "INVALID-OPERAND", "one_of needs a list"
    if len(items) > MAX_LIST_ITEMS:
        return "LIMIT-LIST-ITEMS", f"a list has {len(items)} values, more than {MAX_LIST_ITEMS}"
    texts = [item for item in items if isinstance(item, str)]
    return _texts_problem(texts) or first_problem(map(_item_problem, items) if len(texts) < len(items) else ())


def _texts_problem(texts: list[str]) -> Problem | None:
    """All texts of a list at once: a project may have millions."""
    try:
        total = len("".join(texts).encode())
    except UnicodeEncodeError:
        return "INVALID-OPERAND", "a list has a text that isn't Unicode (it has a lone surrogate)"
    if total > MAX_LIST_BYTES:
        return "LIMIT-LIST-ITEMS", f"a list's texts have {total} bytes together, more than {MAX_LIST_BYTES}"
    if 4 * max(map(len, texts), default=0) <= MAX_LIST_ITEM_BYTES:  # no character takes more than 4 bytes
        return None
    longest = max(len(text.encode()) for text in texts)
    if longest > MAX_LIST_ITEM_BYTES:
        return "LIMIT-LIST-ITEM", f"a text in a list has {longest} bytes, more than {MAX_LIST_ITEM_BYTES}"
    return None


def _item_problem(item: Any) -> Problem | None:
    if item is None or isinstance(item, (str, bool)):
        return None
    if isinstance(item, (int, float)):
        return _number_problem(item)
    return "INVALID-OPERAND", "a list to look up in may have texts, numbers, booleans and null"


def _integer(test: ir.Test) -> Problem | None:
    operand = test.operand
    if isinstance(operand, bool) or not isinstance(operand, int) or not -_CLOCK_BOUND <= operand <= _CLOCK_BOUND:
        return "INVALID-OPERAND", f"{test.operator} needs an integer within ±2^62"
    return None


def _place(test: ir.Test) -> Problem | None:
    place = test.operand
    if not isinstance(place, ir.Place):
        return "INVALID-OPERAND", "distance needs a place"
    if not all(map(math.isfinite, (place.latitude, place.longitude, place.radius, place.km_per_unit))):
        return "INVALID-OPERAND", "a place's numbers must be finite"
    if abs(place.latitude) > 90 or abs(place.longitude) > 180:
        return "INVALID-OPERAND", "a latitude lies within ±90, a longitude within ±180 degrees"
    return None if place.km_per_unit > 0 else ("INVALID-OPERAND", "a unit of distance must be positive")


def _window(test: ir.Test) -> Problem | None:
    window = test.operand
    if not isinstance(window, ir.Window):
        return "INVALID-OPERAND", "window needs a time window"
    if not all(0 <= day <= 6 for day in window.days):
        return "INVALID-OPERAND", "days are numbered 0 (Monday) to 6 (Sunday)"
    if window.minutes and not all(0 <= minute < 24 * 60 for minute in window.minutes):
        return "INVALID-OPERAND", "a time of day lies between 00:00 and 23:59"
    if window.dates and not all(abs(day) < 1 << 31 for day in window.dates):
        return "INVALID-OPERAND", "a date is out of range"
    if window.absolute and not all(abs(instant) <= _CLOCK_BOUND for instant in window.absolute):
        return "INVALID-OPERAND", "an instant is out of range"
    return _zone_problem(window.zone)


def _zone_problem(zone: str | None) -> Problem | None:
    if zone is None:
        return None
    from config_sync.zones import zone_table  # only a project with local time pays for the import

    try:
        zone_table(zone)
    except KeyError:
        return "UNKNOWN-TIME-ZONE", f"there is no time zone {zone!r}"
    return None


def _pattern(test: ir.Test) -> Problem | None:
    return pattern_problem(test.operand, test.mode)


def pattern_problem(pattern: Any, mode: int) -> Problem | None:
    """A pattern, of a test or of an expression, that compiles."""
    from config_sync.regex import PatternError, compile_for  # only a project with patterns pays for the import

    problem = _text_problem(pattern, "matches")
    if problem:
        return problem
    try:
        compile_for(pattern, mode)
    except PatternError as error:
        return "INVALID-PATTERN", f"the pattern {pattern[:60]!r}: {error}"
    return None


def _values(test: ir.Test) -> Problem | None:
    if not isinstance(test.operand, tuple):
        return "INVALID-OPERAND", f"{test.operator} needs a list"
    if len(test.operand) > MAX_LIST_ITEMS:
        return "LIMIT-LIST-ITEMS", f"a list has {len(test.operand)} values, more than {MAX_LIST_ITEMS}"
    return value_problem(list(test.operand), "the list compared with")


def _ordered(test: ir.Test) -> Problem | None:
    if isinstance(test.operand, bool) or not isinstance(test.operand, str | int | float | list):
        return "INVALID-OPERAND", "order needs a text, a number or a list"
    return value_problem(test.operand, "the value compared with")


def _whole(test: ir.Test) -> Problem | None:
    return _text(test) if isinstance(test.operand, str) else _values(test)


def _modulo(test: ir.Test) -> Problem | None:
    numbers = test.operand
    if not (isinstance(numbers, tuple) and len(numbers) == 3 and all(map(_is_stored_integer, numbers)) and numbers[0] > 0):
        return "INVALID-OPERAND", "modulo needs three 64-bit integers: a positive modulus, the first and the last remainder"
    return None


def _is_stored_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(1 << 63) <= value < 1 << 63


def _path(test: ir.Test) -> Problem | None:
    if not (isinstance(test.operand, tuple) and len(test.operand) == 2):
        return "INVALID-OPERAND", "path needs a path and a value"
    return value_problem(test.operand[1], "the value compared with")


def _networks(test: ir.Test) -> Problem | None:
    if not isinstance(test.operand, tuple) or not all(isinstance(item, ir.Network) for item in test.operand):
        return "INVALID-OPERAND", "in_network needs a list of networks"
    if len(test.operand) > MAX_LIST_ITEMS:
        return "LIMIT-LIST-ITEMS", f"a list has {len(test.operand)} networks, more than {MAX_LIST_ITEMS}"
    for network in test.operand:
        width = {4: 32, 6: 128}.get(network.version, 0)
        if not (0 <= network.prefix <= width and 0 <= network.address < 1 << width):
            return "INVALID-OPERAND", "a network has an address of version 4 or 6 and a prefix no longer than that"
    return None


def _digests(test: ir.Test) -> Problem | None:
    operand = test.operand
    if not isinstance(operand, ir.Digests):
        return "INVALID-OPERAND", "digest needs a salt and digests"
    if len(operand.items) > MAX_LIST_ITEMS:
        return "LIMIT-LIST-ITEMS", f"a list has {len(operand.items)} digests, more than {MAX_LIST_ITEMS}"
    if not is_unicode(operand.salt) or len(operand.salt.encode()) > MAX_SALT_BYTES:
        return "LIMIT-SALT", f"a salt is Unicode text of at most {MAX_SALT_BYTES} bytes"
    sound = all(len(digest) == 32 and (size is None or 0 <= size < codes.DIGEST_WHOLE) for size, digest in operand.items)
    return None if sound else ("INVALID-OPERAND", "a digest has 32 bytes, and is of a part with a length")


def _nothing(_test: ir.Test) -> Problem | None:
    return None


_CHECKS: dict[str, Callable[[ir.Test], Problem | None]] = {
    "equal": _json,
    "one_of": _list,
    "less": _number,
    "less_equal": _number,
    "greater": _number,
    "greater_equal": _number,
    "contains": _text,
    "starts_with": _text,
    "ends_with": _text,
    "matches": _pattern,
    "time": _integer,
    "version": _text,
    "length": _integer,
    "distance": _place,
    "window": _window,
    "now": _integer,
    "contains_all": _values,
    "contains_any": _values,
    "path": _path,
    "exists": _nothing,
    "order": _ordered,
    "within": _whole,
    "modulo": _modulo,
    "in_network": _networks,
    "digest": _digests,
}
