"""What the builder of one operator gets to see, and the small answers that many builders share.

Used by the native front end only.
"""

import re
from typing import Any, NamedTuple

import msgspec

from config_sync import ir
from config_sync.frontends.native.buckets import Hashing
from config_sync.frontends.native.reading import Notes, described, did_you_mean, exact
from evaluator.snapshot import opcodes as codes

ATTRIBUTE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]*")  # RUL-19
MAX_ATTRIBUTE_NAME = 100

COMPARISONS = {
    "eq": codes.CMP_EQ,
    "ne": codes.CMP_NE,
    "gt": codes.CMP_GT,
    "gte": codes.CMP_GE,
    "lt": codes.CMP_LT,
    "lte": codes.CMP_LE,
}
COMPARISON_ALIASES = {"neq": "ne", "equals": "eq", "==": "eq", "!=": "ne", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}


class Scope(NamedTuple):
    """Where a condition stands: ``hashing`` salts percentage_bucket (RUL-17)."""

    hashing: Hashing


class Question(NamedTuple):
    """One comparison as written: operator, attribute, operands, and where."""

    operator: str
    attribute: ir.Attribute | None
    value: Any  # UNSET when absent
    extra: Any  # additional_value; UNSET when absent
    origin: ir.Origin
    notes: Notes
    scope: Scope

    def bad(self, message: str, hint: str = "", field: str = "value", code: str = "INVALID-OPERAND") -> ir.Condition | None:
        """Notes that the operand doesn't fit the operator; None, for the builder to return."""
        missing = (self.value if field == "value" else self.extra) is msgspec.UNSET
        self.notes.error(code, message, self.origin if missing else self.origin.child(field), hint)
        return None

    def expected(self, what: str, hint: str = "") -> ir.Condition | None:
        """Notes what the value should have been; None, for the builder to return."""
        got = "nothing" if self.value is msgspec.UNSET else described(self.value)
        return self.bad(f"{self.operator} needs {what}, not {got}", hint)

    def test(self, operator: str, operand: Any, **more: Any) -> ir.Test:
        """A test of this comparison's attribute, at its place."""
        return ir.Test(operator, self.attribute, operand, origin=self.origin, **more)

    def comparison(self, default: str = "eq") -> int | None:
        """The comparison that ``additional_value`` names, as a code; noted if it is none."""
        word = default if self.extra in (msgspec.UNSET, None) else self.extra
        return compare_code(self, word, "additional_value")


def compare_code(question: Question, word: Any, field: str) -> int | None:
    """``eq``, ``gte``, … as a code."""
    known = COMPARISON_ALIASES.get(word, word) if isinstance(word, str) else None
    if known in COMPARISONS:
        return COMPARISONS[known]
    hint = f"one of {', '.join(COMPARISONS)}"
    question.bad(f"{described(word)} is no comparison", did_you_mean(str(word), COMPARISONS) or hint, field)
    return None


def as_text(value: Any) -> str | None:
    """A scalar as text, as the cores do it (docs/snapshot-format.md, section 4.1)."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if abs(value) < 2**53 and value.is_integer() else repr(value)
    return str(value) if isinstance(value, int) else None


def as_number(value: Any) -> int | float | None:
    """A number, or a string that writes one (RUL-10); None for anything else."""
    if isinstance(value, str):
        number = exact(value)
        if number is None:
            return None
        return int(number) if number.denominator == 1 and abs(number) < 2**63 else float(number)
    return None if isinstance(value, bool) or not isinstance(value, (int, float)) else value
