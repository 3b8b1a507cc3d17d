"""LaunchDarkly's operators: from a clause's operator and values to tests that hold when any of the values is met.

Values of the wrong type meet nothing, as in LaunchDarkly. Used by the launchdarkly front end only.
"""

import math
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from config_sync import ir
from config_sync.instants import MAX_INSTANT, instant_in_text
from config_sync.ir import Attribute, Origin
from config_sync.regex import PatternError, accepts, compile_pattern
from evaluator.snapshot import opcodes as codes

_NUMERIC = r"(?:0|[1-9][0-9]*)"
_IDENTIFIER = rf"(?:{_NUMERIC}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = re.compile(
    rf"{_NUMERIC}(?:\.{_NUMERIC}){{0,2}}(?:-{_IDENTIFIER}(?:\.{_IDENTIFIER})*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})")
_TIME_MODE = codes.MODE_INSTANT_MILLISECONDS | codes.MODE_INSTANT_RFC3339
_TEXT_OPERATORS = {"startsWith": "starts_with", "endsWith": "ends_with", "contains": "contains", "matches": "matches"}
_ORDERS = {  # the test, and which of several values decides
    "lessThan": ("less", max),
    "lessThanOrEqual": ("less_equal", max),
    "greaterThan": ("greater", min),
    "greaterThanOrEqual": ("greater_equal", min),
}
_TIMES: dict[str, tuple[int, Callable[[Iterable[int]], int]]] = {"before": (codes.CMP_LT, max), "after": (codes.CMP_GT, min)}
_VERSIONS = {"semVerEqual": codes.CMP_EQ, "semVerLessThan": codes.CMP_LT, "semVerGreaterThan": codes.CMP_GT}

OPERATORS = ("in", *_TEXT_OPERATORS, *_ORDERS, *_TIMES, *_VERSIONS, "segmentMatch")


class Part(NamedTuple):
    """One test without its attribute."""

    operator: str
    operand: Any
    mode: int = 0
    compare: int = codes.CMP_EQ


class Unusable(Exception):
    """A pattern that other engines may understand, and this one doesn't: which answer would be right can't be said."""


def parts_of(operator: str, values: list[Any]) -> list[Part]:
    """The tests of which any must hold; none if no value can ever be met. Raises Unusable."""
    if operator == "in":
        return _membership(values)
    if operator in _TEXT_OPERATORS:
        texts = dict.fromkeys(value for value in values if isinstance(value, str))
        if operator == "matches":
            texts = dict.fromkeys(text for text in texts if is_pattern(text))
        return [Part(_TEXT_OPERATORS[operator], text, codes.MODE_TEXT_ONLY) for text in texts]
    if operator in _ORDERS:
        name, deciding = _ORDERS[operator]
        numbers = [number for number in map(_number, values) if number is not None]
        return [Part(name, deciding(numbers))] if numbers else []
    if operator in _TIMES:
        compare, of = _TIMES[operator]
        instants = [instant for instant in map(instant_of, values) if instant is not None]
        return [Part("time", of(instants), _TIME_MODE, compare)] if instants else []
    if operator in _VERSIONS:
        versions = dict.fromkeys(value for value in values if isinstance(value, str) and _VERSION.fullmatch(value))
        return [Part("version", text, codes.MODE_VERSION_PARTIAL, _VERSIONS[operator]) for text in versions]
    return []


def _membership(values: list[Any]) -> list[Part]:
    scalars = tuple(_scalar(value) for value in values if not isinstance(value, list | dict))
    others = [Part("equal", value) for value in values if isinstance(value, list | dict)]
    return ([Part("one_of", scalars)] if scalars else []) + others


def _scalar(value: Any) -> Any:
    """Integers that a row can't hold are the doubles that they are in JSON."""
    return value if isinstance(value, bool) or not isinstance(value, int) else _number(value)


def _number(value: Any) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isinstance(value, float) or -(2**63) <= value < 2**63 else float(value)


def instant_of(value: Any) -> int | None:
    """Epoch milliseconds, or a whole RFC 3339 timestamp, in µs."""
    if isinstance(value, str):
        return instant_in_text(value) if _TIMESTAMP.fullmatch(value) else None
    number = _number(value)
    if number is None:
        return None
    micros = number * 1_000 if isinstance(number, int) else number * 1e3 + 0.5
    return math.floor(micros) if abs(micros) <= MAX_INSTANT else None


def is_pattern(text: str) -> bool:
    """Whether the text is a pattern; one that no engine takes never matches. Raises Unusable for one that only others take."""
    try:
        compile_pattern(text)
    except PatternError as problem:
        try:
            re.compile(text)
        except (re.error, RecursionError, OverflowError):
            return False
        raise Unusable(f"the pattern {text[:60]!r}: {problem}") from None
    return True


def holds_for(part: Part, value: Any) -> bool:
    """Whether a test holds for a text or a boolean: what a clause says of a value that a context needn't spell out."""
    if part.operator == "one_of":
        return any(type(item) is type(value) and item == value for item in part.operand)
    if not isinstance(value, str) or not isinstance(part.operand, str):
        return False
    if part.operator == "matches":
        return accepts(compile_pattern(part.operand), value.encode())
    if part.operator == "contains":
        return part.operand in value
    if part.operator == "starts_with":
        return value.startswith(part.operand)
    return part.operator == "ends_with" and value.endswith(part.operand)


def any_of(parts: list[Part], attribute: Attribute, negate: bool, otherwise: int, origin: Origin) -> ir.Condition:
    """Whether any part holds of the attribute, or, negated, none does. ``otherwise``: the truth when it is missing or null."""
    tests = tuple(
        ir.Test(
            part.operator,
            attribute,
            part.operand,
            part.compare,
            part.mode | codes.MODE_EACH,
            negate,
            otherwise,
            ir.TRUE if negate else ir.FALSE,
            origin,
            text_only=part.operator == "version",
        )
        for part in parts
    )
    if tests:
        return ir.All(tests) if negate else ir.Any_(tests)
    held = ir.TRUE if negate else ir.FALSE  # no value can be met: all that counts is whether the attribute is there
    if held == otherwise:
        return ir.All(()) if negate else ir.Any_(())
    return ir.Test("exists", attribute, negate=not negate, missing=otherwise, mistyped=held, origin=origin)
