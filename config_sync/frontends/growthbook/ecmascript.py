"""JavaScript's coercions, for constants: what is said of a value before anyone asks. Used by the growthbook front end only.

The cores say the same of values at run time (docs/snapshot-format.md, 4.9); tests/conformance/growthbook compares the two.
"""

import math
import re
from typing import Any

EXACT = 2**53  # integers below it are what a double holds
_BLANKS = "\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x200B)))
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_PREFIXED = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")
_VERSION_NOISE = re.compile("^v|\\+[^\n\r\u2028\u2029]*\\Z")  # a dot matches no line end in JavaScript
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")


def as_double(number: int | float) -> int | float:
    """The number that JavaScript reads: an integer that a double may not hold becomes one."""
    if isinstance(number, float) or abs(number) < EXACT:
        return number
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def number_text(number: int | float) -> str:
    """``String(number)``."""
    number = as_double(number)
    if isinstance(number, int):
        return str(number)
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    if number == 0:
        return "0"
    sign, text = ("-", repr(-number)) if number < 0 else ("", repr(number))
    mantissa, _, exponent = text.partition("e")
    digits, point = mantissa.replace(".", ""), mantissa.find(".") if "." in mantissa else len(mantissa)
    point += int(exponent or 0) - (len(digits) - len(digits.lstrip("0")))
    digits = digits.strip("0")
    if len(digits) <= point <= 21:
        return sign + digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    return f"{sign}{digits[0]}{'.' if digits[1:] else ''}{digits[1:]}e{point - 1:+d}"


def text_of(value: Any) -> str:
    """``String(value)``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, list | tuple):
        return ",".join("" if item is None else text_of(item) for item in value)
    return "[object Object]" if isinstance(value, dict) else str(value)


def number_of(value: Any) -> float:
    """``Number(value)``; NaN for none."""
    if value is None or isinstance(value, bool):
        return float(bool(value))
    if isinstance(value, int | float):
        return float(as_double(value))
    text = text_of(value).strip(_BLANKS)
    if not text:
        return 0.0
    if _PREFIXED.fullmatch(text):
        return float(as_double(int(text, 0)))
    if _DECIMAL.fullmatch(text):
        return float(text)
    return {"Infinity": math.inf, "+Infinity": math.inf, "-Infinity": -math.inf}.get(text, math.nan)


def is_truthy(value: Any) -> bool:
    """``!!value``: lists and objects are, whatever is in them."""
    if isinstance(value, list | tuple | dict):
        return True
    return bool(value) and not (isinstance(value, float) and math.isnan(value))


def is_same(left: Any, right: Any) -> bool:
    """``===`` of values from two places: no list is another, no object is."""
    if isinstance(left, list | tuple | dict) or isinstance(right, list | tuple | dict):
        return False
    if isinstance(left, bool) or isinstance(right, bool) or left is None or right is None:
        return left is right
    return isinstance(left, str) == isinstance(right, str) and bool(left == right)


def is_before(left: Any, right: Any, or_equal: bool) -> bool:
    """``<`` and ``<=``: two texts by UTF-16 code unit, all else as numbers."""
    left, right = (text_of(side) if isinstance(side, list | tuple | dict) else side for side in (left, right))
    if isinstance(left, str) and isinstance(right, str):
        first, second = (side.encode("utf-16-be", "surrogatepass") for side in (left, right))
        return first <= second if or_equal else first < second
    a, b = number_of(left), number_of(right)
    return a <= b if or_equal else a < b


def kind_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, list | tuple):
        return "array"
    return "string" if isinstance(value, str) else "object"


def padded_version(value: Any) -> str:
    """GrowthBook's versions as texts that are in their order."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = number_text(value)
    if not isinstance(value, str) or not value:
        value = "0"
    parts = re.split("[-.]", _VERSION_NOISE.sub("", value))
    if len(parts) == 3:
        parts.append("~")
    return "-".join(part.rjust(5) if re.fullmatch("[0-9]+", part) else part for part in parts)


def member(scope: Any, path: str) -> Any:
    """What lies at a dotted path; null for nothing."""
    for step in path.split("."):
        if isinstance(scope, dict) and step in scope:
            scope = scope[step]
        elif isinstance(scope, list | tuple) and step == "length":
            scope = len(scope)
        elif isinstance(scope, list | tuple) and _INDEX.fullmatch(step) and int(step) < len(scope):
            scope = scope[int(step)]
        else:
            return None
    return scope


def json_form(value: Any) -> Any:
    """A value as NODE_SAME_JSON compares with it: objects with their members in JavaScript's order."""
    if isinstance(value, list | tuple):
        return ["array", *map(json_form, value)]
    if not isinstance(value, dict):
        return value
    indexed = sorted(filter(is_index, value), key=int)
    names = indexed + [name for name in value if not is_index(name)]
    return ["object", *(part for name in names for part in (name, json_form(value[name])))]


def is_index(name: str) -> bool:
    """Whether an object's member comes before those with other names, by number."""
    return bool(_INDEX.fullmatch(name)) and int(name) < 2**32 - 1
