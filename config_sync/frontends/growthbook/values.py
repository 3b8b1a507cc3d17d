"""What a condition asks of one value, in three ways: as an expression, as tests for the usual kinds, and of a constant.

Here is what they have in common, and the plain values; ``operators`` has the rest. A test answers only for the kinds of which
it is exact; for all others the expression is asked, behind a guard that says which they are. ``holds`` answers before anyone
asks, for prerequisites. Used by the growthbook front end only.
"""

from typing import Any

import msgspec

from config_sync import ir
from config_sync.frontends.growthbook import ecmascript as js
from config_sync.ir import Attribute, Expression
from evaluator.snapshot import opcodes as codes

_LARGEST = 1.7976931348623157e308


def constant(value: Any) -> Expression:
    return Expression(codes.NODE_CONSTANT, value=value)


def node(op: int, *children: Expression) -> Expression:
    return Expression(op, children)


ELEMENT = Expression(codes.NODE_VARIABLE, mode=codes.MODE_MEMBERS)  # what a list operator is at


class ValueTest(msgspec.Struct, frozen=True):
    """A question about one value; this one never holds, every other says when it does. Missing values are null."""

    def holds(self, value: Any) -> bool:
        return False

    def expression(self, subject: Expression) -> Expression:
        """True of the subject's value exactly when the question holds."""
        return constant(False)

    def condition(self, attribute: Attribute, subject: Expression) -> ir.Condition:
        """The same of an attribute, which the subject reads."""
        return ir.Truthy(self.expression(subject))


# --- guards -----------------------------------------------------------------------------------------------------------


def is_list(attribute: Attribute) -> ir.Condition:
    return ir.Test("contains_all", attribute, ())


def is_number(attribute: Attribute, missing: int) -> ir.Condition:
    """True of numbers but for infinity and NaN, which go the way of everything else."""
    return ir.Test("less_equal", attribute, _LARGEST, missing=missing)


def truth(holds: bool) -> int:
    return ir.TRUE if holds else ir.FALSE


# --- plain values -----------------------------------------------------------------------------------------------------


class TextIs(ValueTest, frozen=True):
    """``value + "" === text``, perhaps in lower case."""

    text: str
    lower: bool = False

    def holds(self, value: Any) -> bool:
        text = js.text_of(value)
        return text.lower() == self.text.lower() if self.lower else text == self.text

    def expression(self, subject: Expression) -> Expression:
        text = node(codes.NODE_TEXT, subject)
        if self.lower:
            return node(codes.NODE_SAME, node(codes.NODE_LOWER, text), constant(self.text.lower()))
        return node(codes.NODE_SAME, text, constant(self.text))

    def condition(self, attribute: Attribute, subject: Expression) -> ir.Condition:
        """Texts are compared by the test; so are the boolean, the number, the null with this text. Lists: the expression."""
        whole = ir.Truthy(self.expression(subject))
        if self.lower or self.text == "[object Object]":
            return whole
        same = [ir.Test("equal", attribute, self.text, missing=truth(self.text == "null"))]
        if self.text in ("null", "true", "false"):
            same.append(ir.Test("equal", attribute, {"null": None, "true": True, "false": False}[self.text]))
        number = js.number_of(self.text)
        if js.number_text(number) == self.text:
            if not abs(number) < js.EXACT:
                return whole
            same.append(ir.Test("equal", attribute, number))
        return ir.Any_((*same, ir.All((is_list(attribute), whole))))


class NumberIs(ValueTest, frozen=True):
    """``value * 1 === number``."""

    number: int | float

    def holds(self, value: Any) -> bool:
        return js.number_of(value) == self.number

    def expression(self, subject: Expression) -> Expression:
        return node(codes.NODE_SAME, node(codes.NODE_NUMBER, subject), constant(self.number))

    def condition(self, attribute: Attribute, subject: Expression) -> ir.Condition:
        whole = ir.Truthy(self.expression(subject))
        if not abs(self.number) < js.EXACT:
            return whole
        same = ir.Test("equal", attribute, self.number, missing=truth(self.number == 0))
        return ir.Any_((same, ir.All((ir.Not(is_number(attribute, ir.TRUE)), whole))))


class TruthIs(ValueTest, frozen=True):
    """``value !== null && !!value === truth``."""

    truth: bool

    def holds(self, value: Any) -> bool:
        return value is not None and js.is_truthy(value) == self.truth

    def expression(self, subject: Expression) -> Expression:
        truthy = node(codes.NODE_OR, subject, node(codes.NODE_SAME, subject, constant([])))
        if self.truth:
            return truthy
        there = node(codes.NODE_NOT_SAME, subject, constant(None))
        return node(codes.NODE_AND, there, node(codes.NODE_NOT, truthy))

    def condition(self, attribute: Attribute, subject: Expression) -> ir.Condition:
        other = (ir.Test("exists", attribute), ir.Not(ir.Test("equal", attribute, not self.truth)))
        return ir.Any_((ir.Test("equal", attribute, self.truth), ir.All((*other, ir.Truthy(self.expression(subject))))))


class Same(ValueTest, frozen=True):
    """``value === operand`` of a scalar; null for a missing value too."""

    operand: bool | int | float | str | None

    def holds(self, value: Any) -> bool:
        return js.is_same(value, self.operand)

    def expression(self, subject: Expression) -> Expression:
        return node(codes.NODE_SAME, subject, constant(self.operand))

    def condition(self, attribute: Attribute, subject: Expression) -> ir.Condition:
        return ir.Test("equal", attribute, self.operand, missing=truth(self.operand is None))


class Json(ValueTest, frozen=True):
    """``JSON.stringify(value) === JSON.stringify(operand)`` of a list or an object."""

    operand: Any

    def holds(self, value: Any) -> bool:
        return _same_form(js.json_form(value), js.json_form(self.operand))

    def expression(self, subject: Expression) -> Expression:
        return node(codes.NODE_SAME_JSON, subject, constant(js.json_form(self.operand)))

    def condition(self, attribute: Attribute, subject: Expression) -> ir.Condition:
        if _has_order(self.operand):
            return ir.Truthy(self.expression(subject))
        return ir.Test("equal", attribute, self.operand)


def _same_form(left: Any, right: Any) -> bool:
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same_form, left, right))
    return not isinstance(left, list) and js.is_same(left, right)


def _has_order(value: Any) -> bool:
    """Whether an object in it has members whose order counts."""
    if isinstance(value, dict):
        return sum(not js.is_index(name) for name in value) > 1 or any(map(_has_order, value.values()))
    return isinstance(value, list | tuple) and any(map(_has_order, value))
