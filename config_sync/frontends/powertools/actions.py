"""From an action, a key and a value to a condition that holds exactly when it does in Powertools. Used by the front end only.

Powertools compares with Python's own operators, and what raises is no match. So ``1 == True == 1.0``, also deep inside lists
and maps; ``in`` looks for elements of lists, parts of text and keys of maps; text is ordered by code points. Every condition
here is two-valued: what is unknown to an operator is said to be false, or true where Python's ``!=`` and ``not in`` are.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from config_sync import ir
from config_sync.frontends.powertools.notes import Notes
from config_sync.frontends.powertools.schedules import between_datetimes, between_times, on_days
from config_sync.ir import Origin
from evaluator.snapshot import opcodes as codes

_NEVER = ir.Any_(())
_LOOSE = codes.MODE_BOOLEAN_NUMBER
_ORDERS: dict[int, str] = {
    codes.CMP_LT: "less",
    codes.CMP_LE: "less_equal",
    codes.CMP_GT: "greater",
    codes.CMP_GE: "greater_equal",
}
_MODULUS = ("BASE", "START", "END")


class Question(msgspec.Struct, frozen=True):
    """One condition as it is written. ``missing_is_null``: a key that the context doesn't have counts as null."""

    key: str
    value: Any
    action: str
    origin: Origin
    notes: Notes
    missing_is_null: bool

    def test(self, operator: str, operand: Any, null: bool = False, mistyped: bool = False, **fields: Any) -> ir.Test:
        """A test of the key. ``null``: whether it holds for a null. ``mistyped``: for what the operator doesn't apply to."""
        return ir.Test(
            operator,
            ir.Attribute(self.key),
            operand,
            missing=ir.TRUE if null and self.missing_is_null else ir.FALSE,
            mistyped=ir.TRUE if mistyped else ir.FALSE,
            origin=self.origin,
            **fields,
        )

    def never(self, why: str) -> ir.Condition:
        """A condition that no context satisfies, with a word about it."""
        hint = "Powertools finds this out at every evaluation, and the rule never matches"
        self.notes.warning("NEVER-TRUE", f"{self.action} never holds: {why}", self.origin.child("value"), hint)
        return _NEVER

    def wrong(self, message: str, hint: str = "", code: str = "INVALID-OPERAND") -> ir.Condition:
        self.notes.error(code, message, self.origin.child("value"), hint)
        return _NEVER


Builder = Callable[[Question], ir.Condition]


# --- equality and membership ------------------------------------------------------------------------------------------------


def _equal(question: Question) -> ir.Condition:
    return ir.Any_(_equalities(question, question.value))


def _not_equal(question: Question) -> ir.Condition:
    return ir.All(_equalities(question, question.value, negate=True))


def _equalities(question: Question, value: Any, negate: bool = False) -> tuple[ir.Test, ...]:
    """Tests of which one holds (negated: all hold) when the key's value is (isn't) equal to the value, which isn't null."""
    if isinstance(value, list | dict):
        return (question.test("equal", value, null=negate, mistyped=negate, negate=negate, mode=_equality(value)),)
    alike = (value, *_twins(value))
    return tuple(question.test("equal", item, null=negate, mistyped=negate, negate=negate) for item in alike)


def _equality(value: Any) -> int:
    """The mode of a comparison with the value, or with what is in it: booleans are told from numbers where that is the same."""
    if isinstance(value, list | dict):
        return max(map(_equality, value.values() if isinstance(value, dict) else value), default=0)
    return _LOOSE if _twins(value) else 0


def _twins(value: Any) -> tuple[Any, ...]:
    """The boolean that a number equals in Python, or the number that a boolean does."""
    if isinstance(value, bool):
        return (int(value),)
    return (bool(value),) if isinstance(value, int | float) and value in (0, 1) else ()


def _in(question: Question) -> ir.Condition:
    return _membership(question, negate=False)


def _not_in(question: Question) -> ir.Condition:
    return _membership(question, negate=True)


def _membership(question: Question, negate: bool) -> ir.Condition:
    """The key's value in the condition's: an element of a list, a part of a text, a key of a map."""
    value = question.value
    if isinstance(value, str):
        return question.test("within", value, negate=negate)
    if isinstance(value, dict):
        return ir.All((_among(question, list(value), negate), _hashable(question)))
    if isinstance(value, list):
        return _among(question, value, negate)
    return question.never("nothing is in a number or boolean")


def _among(question: Question, items: list[Any], negate: bool) -> ir.Condition:
    simple = [item for item in items if not isinstance(item, list | dict)]
    simple += [twin for item in simple for twin in _twins(item)]
    null = (None in simple) != negate
    tests = [question.test("one_of", tuple(simple), null=null, mistyped=negate, negate=negate)]
    for item in items:
        if isinstance(item, list | dict):
            tests += _equalities(question, item, negate)
    return ir.All(tuple(tests)) if negate else ir.Any_(tuple(tests))


def _hashable(question: Question) -> ir.Condition:
    """Python looks for text, numbers, booleans and null among a map's keys; for a list or map it raises."""
    return ir.Any_((ir.Not(question.test("length", 0, compare=codes.CMP_GE)), question.test("starts_with", "", null=True)))


def _holds(question: Question) -> ir.Condition:
    return _containment(question, negate=False)


def _holds_not(question: Question) -> ir.Condition:
    return _containment(question, negate=True)


def _containment(question: Question, negate: bool) -> ir.Condition:
    """The condition's value in the key's. A list or map is no part of a text, and Python can't look for it among keys."""
    simple = not isinstance(question.value, list | dict)
    mode = _equality(question.value) | (codes.MODE_CONTAINER if simple else 0)
    return question.test("contains_any", (question.value,), negate=negate, mode=mode)


# --- lists ------------------------------------------------------------------------------------------------------------------


def _lists(build: Builder) -> Builder:
    def checked(question: Question) -> ir.Condition:
        if not isinstance(question.value, list):
            return question.wrong(f"{question.action} needs a list")
        return build(question)

    return checked


def _any_in(question: Question) -> ir.Condition:
    return question.test("contains_any", tuple(question.value), mode=_equality(question.value))


def _none_in(question: Question) -> ir.Condition:
    return question.test("contains_any", tuple(question.value), mode=_equality(question.value), negate=True)


def _all_in(question: Question) -> ir.Condition:
    return question.test("within", tuple(question.value), mode=_equality(question.value))


# --- order, text, remainders ------------------------------------------------------------------------------------------------


def _ordered(compare: int) -> Builder:
    def build(question: Question) -> ir.Condition:
        value = question.value
        if isinstance(value, str | list):
            return question.test("order", value, compare=compare, mode=_LOOSE if isinstance(value, list) else 0)
        if isinstance(value, dict):
            return question.never("maps have no order")
        number = int(value) if isinstance(value, bool) else value
        held = (flag for flag in (False, True) if _compares(compare, flag, number))
        booleans = (question.test("equal", flag) for flag in held)
        return ir.Any_((question.test(_ORDERS[compare], number), *booleans))

    return build


def _compares(compare: int, left: float, right: float) -> bool:
    if compare in (codes.CMP_LE, codes.CMP_GE) and left == right:
        return True
    return left < right if compare in (codes.CMP_LT, codes.CMP_LE) else left > right


def _affix(operator: str) -> Builder:
    def build(question: Question) -> ir.Condition:
        if not isinstance(question.value, str):
            return question.never("the value is no text")
        of_text = question.test("length", 0, compare=codes.CMP_GE)  # the other test would take numbers and booleans as text
        return ir.All((question.test(operator, question.value), of_text))

    return build


def _modulo(question: Question) -> ir.Condition:
    value = question.value
    parts = [value.get(name) for name in _MODULUS] if isinstance(value, dict) else []
    integers = [int(part) for part in parts if isinstance(part, int)]
    hint = 'for example {"BASE": 100, "START": 0, "END": 29}'
    if len(integers) < len(_MODULUS):
        return question.wrong("MODULO_RANGE needs the integers BASE, START and END", hint)
    base, first, last = integers
    if not 0 <= first <= last < base:
        return question.wrong("MODULO_RANGE needs 0 <= START <= END <= BASE - 1", hint)
    held = (flag for flag in (False, True) if first <= flag % base <= last)
    booleans = (question.test("equal", flag) for flag in held)
    return ir.Any_((question.test("modulo", (base, first, last)), *booleans))


# --- the clock --------------------------------------------------------------------------------------------------------------


def _scheduled(key: str, build: Callable[[Question], ir.Condition]) -> Builder:
    """A condition on the clock, which has a key of its own that isn't read."""

    def checked(question: Question) -> ir.Condition:
        if question.key != key:
            where = question.origin.child("key")
            question.notes.error("INVALID-OPERAND", f"the key of {question.action} is {key}", where, f'write "key": "{key}"')
        if not isinstance(question.value, dict):
            return question.wrong(f"{question.action} needs a mapping")
        return build(question)

    return checked


ACTIONS: dict[str, Builder] = {
    "EQUALS": _equal,
    "NOT_EQUALS": _not_equal,
    "KEY_GREATER_THAN_VALUE": _ordered(codes.CMP_GT),
    "KEY_GREATER_THAN_OR_EQUAL_VALUE": _ordered(codes.CMP_GE),
    "KEY_LESS_THAN_VALUE": _ordered(codes.CMP_LT),
    "KEY_LESS_THAN_OR_EQUAL_VALUE": _ordered(codes.CMP_LE),
    "STARTSWITH": _affix("starts_with"),
    "ENDSWITH": _affix("ends_with"),
    "IN": _in,
    "NOT_IN": _not_in,
    "KEY_IN_VALUE": _in,
    "KEY_NOT_IN_VALUE": _not_in,
    "VALUE_IN_KEY": _holds,
    "VALUE_NOT_IN_KEY": _holds_not,
    "ALL_IN_VALUE": _lists(_all_in),
    "ANY_IN_VALUE": _lists(_any_in),
    "NONE_IN_VALUE": _lists(_none_in),
    "SCHEDULE_BETWEEN_TIME_RANGE": _scheduled("CURRENT_TIME", between_times),
    "SCHEDULE_BETWEEN_DATETIME_RANGE": _scheduled("CURRENT_DATETIME", between_datetimes),
    "SCHEDULE_BETWEEN_DAYS_OF_WEEK": _scheduled("CURRENT_DAY_OF_WEEK", on_days),
    "MODULO_RANGE": _modulo,
}
