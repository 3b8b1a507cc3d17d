"""From a constraint to a condition. Used by the Unleash front end only.

Every constraint is a positive test, false where the value is missing or of no use, and denied as a whole by ``NOT_IN`` or
``inverted``. What an operator other than the texts' compares with is told by the value's form, not by the operator's name, as
in Unleash's engine: a date, a version or a number. A value that has none of these forms turns the toggle off.
"""

import math
import re
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from config_sync import ir
from config_sync.frontends.unleash.contexts import CURRENT_TIME, attribute
from config_sync.frontends.unleash.networks import network_in
from config_sync.frontends.unleash.reading import AlwaysOff, Mapping, Notes
from config_sync.instants import MAX_INSTANT, instant_in_text
from config_sync.ir import Attribute, Origin
from config_sync.limits import MAX_LIST_ITEMS
from evaluator.snapshot import opcodes as codes

ALWAYS, NEVER = ir.All(()), ir.Any_(())

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?(?:Z|[+-][0-9]{2}:[0-9]{2})")
_VERSION_FORM = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")
_NUMERIC = r"(?:0|[1-9][0-9]*)"
_IDENTIFIER = rf"(?:{_NUMERIC}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = re.compile(
    rf"({_NUMERIC})\.({_NUMERIC})\.({_NUMERIC})(?:-{_IDENTIFIER}(?:\.{_IDENTIFIER})*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"-?[1-9][0-9]{0,17}|0")
_FRACTION = re.compile(r"-?[0-9]+\.[0-9]+")
_EPSILON = 2.0**-52  # numbers closer than this are equal
_MAGNITUDE = 2**63 - 1  # a double's bits without its sign
_NUMBER_MODE = codes.MODE_COERCE_TEXT | codes.MODE_EXACT_TEXT
_LARGEST_PART = 2**64 - 1  # of a version

_COMPARISONS = {
    "NUM_EQ": codes.CMP_EQ,
    "NUM_GT": codes.CMP_GT,
    "NUM_GTE": codes.CMP_GE,
    "NUM_LT": codes.CMP_LT,
    "NUM_LTE": codes.CMP_LE,
    "DATE_AFTER": codes.CMP_GT,
    "DATE_BEFORE": codes.CMP_LT,
    "SEMVER_EQ": codes.CMP_EQ,
    "SEMVER_GT": codes.CMP_GT,
    "SEMVER_GTE": codes.CMP_GE,
    "SEMVER_LT": codes.CMP_LT,
    "SEMVER_LTE": codes.CMP_LE,
}
_TEXTS = {"STR_STARTS_WITH": "starts_with", "STR_ENDS_WITH": "ends_with", "STR_CONTAINS": "contains"}
_ORDERS = {
    codes.CMP_GT: "greater",
    codes.CMP_GE: "greater_equal",
    codes.CMP_LT: "less",
    codes.CMP_LE: "less_equal",
}


class _Asked(NamedTuple):
    """A constraint on its way: what is tested, what it says, where it stands."""

    attribute: Attribute
    data: Mapping
    origin: Origin
    notes: Notes

    def test(self, operator: str, operand: Any, compare: int = codes.CMP_EQ, mode: int = 0) -> ir.Test:
        return ir.Test(operator, self.attribute, operand, compare, mode, origin=self.origin)

    def values(self) -> list[str]:
        return self.notes.texts(self.data.get("values"), "a constraint's value", self.origin.child("values"))

    def value(self) -> str | None:
        return self.notes.optional_text(self.data.get("value"), "a constraint's value", self.origin.child("value"))

    def ignores_case(self) -> bool:
        return self.data.get("caseInsensitive") is True


def condition_of(data: Any, origin: Origin, notes: Notes) -> ir.Condition:
    """The condition of one constraint. Raises AlwaysOff where it turns its toggle off, and Malformed."""
    data = notes.mapping(data, "a constraint", origin)
    name = notes.text(data.get("contextName"), "a constraint's 'contextName'", origin.child("contextName"))
    operator = notes.text(data.get("operator"), "a constraint's 'operator'", origin.child("operator"))
    read = _OPERATORS.get(operator)
    if read is None:
        raise AlwaysOff(f"there is no operator {operator!r:.80}", origin.child("operator"))
    tested = attribute(name)
    asked = _Asked(tested or CURRENT_TIME, data, origin, notes)
    if operator.startswith("SEMVER_") and (asked.value() or "").startswith("v"):
        notes.warning("NEVER-MATCHES", "a version has no leading v; this never holds", origin.child("value"), "leave it out")
        return NEVER  # also if it is inverted
    positive = read(asked, operator)
    if tested is None:
        positive = NEVER  # no context has a property without a name
    denied = (operator == "NOT_IN") != (data.get("inverted") is True)
    return ir.Not(positive) if denied else positive


# --- texts ------------------------------------------------------------------------------------------------------------


def _in(asked: _Asked, operator: str) -> ir.Condition:
    values = asked.values()
    return in_list(asked.attribute, values, asked.origin) if values else NEVER


def in_list(tested: Attribute, values: list[str], origin: Origin) -> ir.Test:
    """Whether the value, as text, is one of these."""
    texts = list(dict.fromkeys(values))
    others = [item for text in texts for item in _written_as(text)] if 2 * len(texts) <= MAX_LIST_ITEMS else []
    return ir.Test("one_of", tested, (*texts, *others), origin=origin)


def _written_as(text: str) -> list[int | float | bool]:
    """The number or boolean that is this text when it is written: a context may hold either."""
    if text in ("true", "false"):
        return [text == "true"]
    if _INTEGER.fullmatch(text):
        return [int(text)]
    if _FRACTION.fullmatch(text) and repr(float(text)) == text and not float(text).is_integer():
        return [float(text)]
    return []


def _text(asked: _Asked, operator: str) -> ir.Condition:
    values = list(dict.fromkeys(asked.values()))
    if not values:
        raise AlwaysOff(f"{operator} has no values to compare with", asked.origin)
    if not asked.ignores_case():
        return ir.Any_(tuple(asked.test(_TEXTS[operator], value) for value in values))
    return ir.Any_(tuple(asked.test(_TEXTS[operator], value.lower(), mode=codes.MODE_LOWERCASE) for value in values))


def _pattern(asked: _Asked, operator: str) -> ir.Condition:
    """A pattern that is none never matches, as in Unleash; one that only this compiler refuses loses the toggle."""
    from config_sync.regex import (
        PatternError,
        UnsupportedPattern,
        compile_pattern,
    )  # only toggles with patterns pay for the import

    pattern = asked.value() or ""
    try:
        compile_pattern(pattern, asked.ignores_case())
    except UnsupportedPattern as error:
        message = f"the pattern {pattern[:60]!r}: {error}"
        raise asked.notes.malformed("INVALID-PATTERN", message, asked.origin.child("value"), "see docs/regex.md") from error
    except PatternError as error:
        message = f"the pattern {pattern[:60]!r} never matches: {error}"
        asked.notes.warning("NEVER-MATCHES", message, asked.origin.child("value"), "patterns follow RE2's syntax")
        return NEVER
    return asked.test("matches", pattern, mode=codes.MODE_CASEFOLD if asked.ignores_case() else 0)


def _network(asked: _Asked, operator: str) -> ir.Condition:
    values = asked.values()
    if not values:
        raise AlwaysOff(f"{operator} has no networks to look into", asked.origin)
    return in_networks(values, asked.attribute, asked.origin.child("values"), asked.notes)


def in_networks(texts: list[str], address: Attribute, origin: Origin, notes: Notes) -> ir.Condition:
    """Whether an address lies in one of the networks; what is no network is left out."""
    networks = [network_in(text) for text in texts]
    for text, network in zip(texts, networks, strict=True):
        if network is None:
            hint = "such as 10.0.0.0/8, 10.1.2.3 or 2001:db8::/32"
            notes.warning("NEVER-MATCHES", f"{text!r:.80} is no address and no network; it is left out", origin, hint)
    found = tuple(network for network in networks if network is not None)
    return ir.Test("in_network", address, found, origin=origin) if found else NEVER


# --- numbers, dates, versions -----------------------------------------------------------------------------------------


def _compared(asked: _Asked, operator: str) -> ir.Condition:
    """By the form of the value: a date, a version, a number."""
    value, compare = (asked.value() or "").strip(" \t"), _COMPARISONS[operator]
    if _DATE.fullmatch(value):
        return _date(asked, value, compare)
    if _VERSION_FORM.fullmatch(value):
        return _version(asked, value, compare)
    if _NUMBER.fullmatch(value) and math.isfinite(float(value)):
        return _number(asked, float(value), compare)
    raise AlwaysOff(f"{value[:60]!r} is no date, no version and no number", asked.origin.child("value"))


def _date(asked: _Asked, value: str, compare: int) -> ir.Condition:
    instant = instant_in_text(value)
    if instant is None:
        raise AlwaysOff(f"{value!r} isn't in the calendar", asked.origin.child("value"))
    if asked.attribute == CURRENT_TIME:  # without one, a window looks at the clock
        return asked.test("window", ir.Window(absolute=_span(instant, compare)), mode=codes.MODE_INSTANT_FULL)
    return asked.test("time", instant, compare, codes.MODE_INSTANT_FULL)


def _span(instant: int, compare: int) -> tuple[int, int]:
    """The instants that compare so, first and last."""
    first = {codes.CMP_GT: instant + 1, codes.CMP_GE: instant, codes.CMP_EQ: instant}.get(compare, -MAX_INSTANT)
    last = {codes.CMP_LT: instant - 1, codes.CMP_LE: instant, codes.CMP_EQ: instant}.get(compare, MAX_INSTANT)
    return first, last


def _version(asked: _Asked, value: str, compare: int) -> ir.Condition:
    match = _VERSION.fullmatch(value)
    if match is None or any(int(part) > _LARGEST_PART for part in match.groups()):
        raise AlwaysOff(f"{value[:60]!r} is no semantic version", asked.origin.child("value"))
    return asked.test("version", value, compare)


def _number(asked: _Asked, number: float, compare: int) -> ir.Condition:
    if compare != codes.CMP_EQ:
        return asked.test(_ORDERS[compare], number, mode=_NUMBER_MODE)
    low, high = equal_numbers(number)
    return ir.All((asked.test("greater_equal", low, mode=_NUMBER_MODE), asked.test("less_equal", high, mode=_NUMBER_MODE)))


def equal_numbers(number: float) -> tuple[float, float]:
    """The least and the greatest double whose distance from ``number``, in doubles, is below 2^-52: these count as equal."""
    return _last_near(number, number - 2 * _EPSILON), _last_near(number, number + 2 * _EPSILON)


def _last_near(number: float, far: float) -> float:
    """The double nearest to ``far`` that still counts as equal. Distances don't descend on the way, so halving finds it."""
    near, beyond = _place(number), _place(far)
    while abs(near - beyond) > 1:
        middle = (near + beyond) // 2
        near, beyond = (middle, beyond) if abs(_double(middle) - number) < _EPSILON else (near, middle)
    return _double(near)


def _place(number: float) -> int:
    """The double's place among all of them in order; 0 and -0 share one."""
    (bits,) = struct.unpack("<q", struct.pack("<d", number))
    place: int = bits if bits >= 0 else -(bits & _MAGNITUDE)
    return place


def _double(place: int) -> float:
    found: float = math.copysign(struct.unpack("<d", struct.pack("<q", abs(place)))[0], place)
    return found


_OPERATORS: dict[str, Callable[[_Asked, str], ir.Condition]] = {
    "IN": _in,
    "NOT_IN": _in,
    "REGEX": _pattern,
    "IN_CIDR": _network,
    **dict.fromkeys(_TEXTS, _text),
    **dict.fromkeys(_COMPARISONS, _compared),
}
