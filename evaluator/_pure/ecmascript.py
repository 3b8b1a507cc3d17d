"""ECMAScript's view of JSON values: text, numbers, order, JSON text (docs/snapshot-format.md, section 4.9).

The functions look at single values; ``Scripted`` has what walks lists and maps, and counts the steps. Rules: ECMA-262, sections
6.1.6.1.20 (Number::toString), 7.1.4 (ToNumber), 7.2.13 (IsLessThan). Used by ``_pure`` only.
"""

from __future__ import annotations

import math
from typing import Any, Final

from evaluator._pure.jsonlogic import known, list_index, same_scalars, truthy
from evaluator._pure.scopes import MAX_DEPTH, ROOT, Refused, Scopes
from evaluator._pure.values import EXACT_FLOATS, MISSING, as_text, entry, number_in_text

MAX_TEXT: Final = 65_536  # characters of a list as text
CHARACTERS_PER_STEP: Final = 64
_BLANKS: Final = "\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x200B)))
_LINE_ENDS: Final = "\n\r\u2028\u2029"
_DIGITS_OF_BASE: Final = {"x": (16, "0123456789abcdef"), "o": (8, "01234567"), "b": (2, "01")}
_PART_WIDTH: Final = 5  # of a version's numeric part
_MOST_INDEX: Final = 2**32 - 2  # of an ECMAScript array


def double(number: int | float) -> int | float:
    """The number as ECMAScript has it: an integer that a double may not hold exactly becomes one."""
    if isinstance(number, float) or abs(number) < EXACT_FLOATS:
        return number
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def number_text(number: int | float) -> str:
    """Number::toString: the shortest digits that are this double, with an exponent from 1e21 up and below 1e-6."""
    number = double(number)
    if isinstance(number, int):
        return str(number)
    if math.isnan(number):
        return "NaN"
    if number == 0:
        return "0"
    if number < 0:
        return "-" + number_text(-number)
    if math.isinf(number):
        return "Infinity"
    digits, point = _shortest(number)
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    fraction = "." + digits[1:] if count > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"


def _shortest(number: float) -> tuple[str, int]:
    """The shortest decimal digits, and where the point stands among them; no digits for 0."""
    mantissa, _, exponent = repr(number).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    return digits.rstrip("0"), int(exponent or "0") + len(digits) - len(fraction)


def number_of_text(text: str) -> float:
    """StringToNumber: blank is 0, hexadecimal, octal and binary have their prefix; NaN for no number."""
    text = text.strip(_BLANKS)
    if text == "":
        return 0.0
    base, digits = _DIGITS_OF_BASE.get(text[1:2].lower(), (0, ""))
    if text[0] == "0" and base:
        rest = text[2:].lower()
        return float(double(int(rest, base))) if rest and all(digit in digits for digit in rest) else math.nan
    if text in ("Infinity", "+Infinity", "-Infinity"):
        return -math.inf if text[0] == "-" else math.inf
    number = number_in_text(text)
    return math.nan if number is None else number


def kind_of(value: object) -> str:
    """``typeof``, with null and lists apart."""
    if value is None:
        return "null"
    for kinds, name in _KINDS:
        if isinstance(value, kinds):
            return name
    return "object"


_KINDS: Final[tuple[tuple[Any, str], ...]] = (
    (bool, "boolean"),
    (int | float, "number"),
    (str, "string"),
    (list | tuple, "array"),
)


def padded_version(value: object) -> str:
    """Parts at dots and dashes, numeric ones right-aligned: texts in the order of versions. Three parts get a ``~``.

    Without a leading ``v``, and without the first ``+`` after the last line end and what follows it. Anything but a number or a
    text that isn't empty counts as ``0``.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = number_text(value)
    text = value if isinstance(value, str) and value else "0"
    text = text.removeprefix("v")
    last_line = 1 + max(text.rfind(end) for end in _LINE_ENDS)
    build = text.find("+", last_line)
    parts = (text if build < 0 else text[:build]).replace("-", ".").split(".")
    if len(parts) == 3:
        parts.append("~")
    return "-".join(part.rjust(_PART_WIDTH) if part.isascii() and part.isdigit() else part for part in parts)


def lower(value: Any) -> Any:
    """A text in lower case; anything else as it is."""
    return value.lower() if isinstance(value, str) else value


def before(left: str | int | float, right: str | int | float, or_equal: bool) -> bool:
    """Two texts by UTF-16 code unit, anything else as numbers; NaN is before nothing."""
    if isinstance(left, str) and isinstance(right, str):
        first, second = left.encode("utf-16-be"), right.encode("utf-16-be")
        return first <= second if or_equal else first < second
    a = number_of_text(left) if isinstance(left, str) else left
    b = number_of_text(right) if isinstance(right, str) else right
    return a <= b if or_equal else a < b


def ordered_names(mapping: dict[Any, Any]) -> list[str]:
    """The names of a map's members but for those like array indices, which always come first and by number.

    Raises Refused for a key that isn't text."""
    names = [known(name) for name in dict.keys(mapping)]
    if not all(isinstance(name, str) for name in names):
        raise Refused
    return [name for name in names if not _is_index(name)]


def _is_index(name: str) -> bool:
    if not (name.isascii() and name.isdigit()) or len(name) > 10:
        return False
    return str(int(name)) == name and int(name) <= _MOST_INDEX


class Scripted(Scopes):
    """What ECMAScript sees of lists and maps, counted in steps. Everything may raise Refused, or what a hostile key raises."""

    def text(self, value: Any, depth: int = 1) -> str:
        """ToString: a list's elements joined with commas, null among them as nothing; a map only says that it is one."""
        if value is None:
            return "null"
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return number_text(value)
        if isinstance(value, dict):
            return "[object Object]"
        if depth > MAX_DEPTH:
            raise Refused
        joined = ",".join("" if item is None else self.text(item, depth + 1) for item in self.items(value))
        if len(joined) > MAX_TEXT:
            raise Refused
        self.spend_on(joined)
        return joined

    def spend_on(self, text: str) -> None:
        self.spend(len(text) // CHARACTERS_PER_STEP)

    def primitive(self, value: Any) -> str | int | float:
        """ToPrimitive, and what isn't text as a number."""
        if isinstance(value, list | tuple | dict):
            value = self.text(value)
        if isinstance(value, str):
            self.spend_on(value)
            return value
        return int(value or 0) if value is None or isinstance(value, bool) else double(value)

    def number(self, value: Any) -> int | float:
        """ToNumber: null 0, booleans 0 and 1, a text its number, a list and a map that of their text."""
        number = self.primitive(value)
        return number_of_text(number) if isinstance(number, str) else number

    def member(self, path: Any, scope: Any) -> Any:
        """What lies at a dotted path of the scope, or MISSING: a map's by key, a list's by index, or its ``length``."""
        if path is None:
            return MISSING if scope is ROOT else scope
        text = as_text(path)
        if text is None:
            return MISSING
        value = self.view.context if scope is ROOT else scope
        steps = text.split(".")
        self.spend(len(steps))
        for step in steps:
            value = self.step(value, step)
            if value is MISSING:
                return MISSING
        return known(value)

    def step(self, value: Any, step: str) -> Any:
        if isinstance(value, dict):
            return entry(value, step)
        if not isinstance(value, list | tuple):
            return MISSING
        if step == "length":
            return list.__len__(value) if isinstance(value, list) else tuple.__len__(value)
        return self.element(value, list_index(step))

    def same_json(self, value: Any, form: Any, depth: int = 1) -> bool:
        """Whether JSON.stringify would write the value as the form says: a scalar is itself, ``["array", item, …]`` a list and
        ``["object", name, value, name, value, …]`` a map with its members in this order."""
        if depth > MAX_DEPTH:
            raise Refused
        if not isinstance(form, list | tuple):
            scalars = not isinstance(value, list | tuple | dict) and not isinstance(form, dict)
            return scalars and same_scalars(value, form)
        parts = self.items(form)
        if parts[:1] == ["array"] and isinstance(value, list | tuple):
            items = self.items(value)
            return len(items) == len(parts) - 1 and all(
                self.same_json(item, part, depth + 1) for item, part in zip(items, parts[1:], strict=True)
            )
        return parts[:1] == ["object"] and isinstance(value, dict) and self.same_members(value, parts[1:], depth)

    def same_members(self, value: dict[Any, Any], parts: list[Any], depth: int) -> bool:
        self.spend(dict.__len__(value))
        names = parts[::2]
        if len(parts) != 2 * dict.__len__(value) or not all(isinstance(name, str) for name in names):
            return False
        if ordered_names(value) != [name for name in names if not _is_index(name)]:
            return False
        for name, part in zip(names, parts[1::2], strict=True):
            found = entry(value, name)
            if found is MISSING or not self.same_json(known(found), part, depth + 1):
                return False
        return True


def truthy_text(value: Any) -> Any:
    """UNIT_TRUTHY: the text of a value that is truthy in ECMAScript's sense; MISSING for one that isn't.

    Raises Refused for a list that is too long or too deep."""
    value = known(value)
    if not truthy(value) and not isinstance(value, list | tuple):
        return MISSING
    return Scripted(None).text(value)  # type: ignore[arg-type]  # nothing here looks at the context
