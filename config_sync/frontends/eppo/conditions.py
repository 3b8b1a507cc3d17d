"""The rules of an allocation as one condition. Used by the Eppo front end only.

Every condition is false about an attribute that is missing, null, or not of its kind, the negative ones too.
"""

import math
import re
from decimal import Decimal
from typing import Any

from config_sync import ir
from config_sync.frontends.eppo.reading import Malformed, checked, field, mappings, number, short
from config_sync.ir import All, Any_, Attribute, Condition, Origin, Test
from config_sync.regex import PatternError, compile_for
from evaluator.snapshot import opcodes as codes

_ORDER = {
    "LT": ("less", codes.CMP_LT),
    "LTE": ("less_equal", codes.CMP_LE),
    "GT": ("greater", codes.CMP_GT),
    "GTE": ("greater_equal", codes.CMP_GE),
}
_COERCION = codes.MODE_COERCE_TEXT | codes.MODE_EXACT_TEXT
_PATTERN = codes.MODE_RUST_SYNTAX | codes.MODE_DECIMAL
_OPERATORS = ("MATCHES", "NOT_MATCHES", "ONE_OF", "NOT_ONE_OF", "IS_NULL", *_ORDER)
_NUMERIC = r"(?:0|[1-9][0-9]*)"
_IDENTIFIER = rf"(?:{_NUMERIC}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = re.compile(
    rf"{_NUMERIC}\.{_NUMERIC}\.{_NUMERIC}(?:-{_IDENTIFIER}(?:\.{_IDENTIFIER})*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def read_rules(data: dict[Any, Any], origin: Origin) -> Condition | None:
    """That some rule of an allocation holds; None if there are no rules, so that it's open to all. Raises Malformed."""
    rules = mappings(data, "rules", origin, [])
    return Any_(tuple(_rule(rule, here) for rule, here in rules)) if rules else None


def _rule(rule: dict[Any, Any], origin: Origin) -> Condition:
    return All(tuple(_condition(each, here) for each, here in mappings(rule, "conditions", origin)))


def _condition(data: dict[Any, Any], origin: Origin) -> Condition:
    name, operator = field(data, "attribute", str, origin), field(data, "operator", str, origin)
    attribute = Attribute(name, fallback=ir.TARGETING_KEY if name == "id" else None)
    if operator not in _OPERATORS:
        hint = "known are " + ", ".join(_OPERATORS)
        raise Malformed("UNKNOWN-OPERATOR", f"there is no operator {short(operator)}", origin.child("operator"), hint)
    here, operand = origin.child("value"), data.get("value")
    if operator in _ORDER:
        return _comparison(operator, attribute, operand, here)
    if operator == "IS_NULL":
        return _null(attribute, checked(operand, bool, "the operand of IS_NULL", here), here)
    negate = operator.startswith("NOT_")
    read = _membership if operator.endswith("ONE_OF") else _pattern
    return read(attribute, operand, negate, here)


def _null(attribute: Attribute, wanted: bool, origin: Origin) -> Test:
    missing, unusable = (ir.TRUE, ir.FALSE) if wanted else (ir.FALSE, ir.TRUE)
    return Test("equal", attribute, None, negate=not wanted, missing=missing, mistyped=unusable, origin=origin)


# --- text -------------------------------------------------------------------------------------------------------------


def _pattern(attribute: Attribute, operand: Any, negate: bool, origin: Origin) -> Test:
    pattern = checked(operand, str, "a pattern", origin)
    try:
        compile_for(pattern, _PATTERN)
    except PatternError as error:
        hint = "patterns follow the syntax of Rust's regex crate: no back-references, no look-around"
        raise Malformed("INVALID-PATTERN", f"the pattern {pattern[:60]!r}: {error}", origin, hint) from None
    return Test("matches", attribute, pattern, mode=_PATTERN, negate=negate, origin=origin)


def _membership(attribute: Attribute, operand: Any, negate: bool, origin: Origin) -> Condition:
    """Texts; a number or boolean of the context is compared as its text, so what writes one is listed as one as well."""
    items: list[Any] = []
    for index, item in enumerate(checked(operand, list, "the operand of ONE_OF and NOT_ONE_OF", origin)):
        text = checked(item, str, "a value to be one of", origin.child(index))
        items += [text, *_written(text)]
    test = Test("one_of", attribute, tuple(items), negate=negate, origin=origin)
    if not negate:
        return test
    return All((test, Test("starts_with", attribute, "", origin=origin)))  # a list has no text, and so isn't one of others


def _written(text: str) -> list[bool | float]:
    """The booleans and numbers whose text this is."""
    if text in ("true", "false"):
        return [text == "true"]
    if not _NUMBER.fullmatch(text) or text == "-0":
        return []
    value = float(text)
    return [value] if math.isfinite(value) and decimal_text(value) == text else []


def decimal_text(value: float) -> str:
    """A finite double as eppo_core writes it: the fewest digits that mean it, never with an exponent."""
    return format(Decimal(repr(value)), "f").removesuffix(".0")


# --- order ------------------------------------------------------------------------------------------------------------


def _comparison(operator: str, attribute: Attribute, operand: Any, origin: Origin) -> Condition:
    """With a version if the operand is one, else with a number, which may be written as text."""
    name, compare = _ORDER[operator]
    if isinstance(operand, str) and _VERSION.fullmatch(operand):
        return Test("version", attribute, operand, compare=compare, origin=origin)
    found = float(operand) if isinstance(operand, str) and _NUMBER.fullmatch(operand) else number(operand)
    if found is None:
        what = f"{operator} compares with a number or a version (1.2.3), not with {short(operand)}"
        raise Malformed("INVALID-OPERAND", what, origin, "write a number, or a version with three parts")
    return Test(name, attribute, float(found), mode=_COERCION, origin=origin)
