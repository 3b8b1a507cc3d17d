"""GrowthBook's operators as questions about one value (``values.ValueTest``). Used by the growthbook front end only."""

from collections.abc import Sequence
from typing import Any

from config_sync import ir
from config_sync.frontends.growthbook import ecmascript as js
from config_sync.frontends.growthbook.values import (
    ELEMENT,
    NumberIs,
    Same,
    ValueTest,
    constant,
    is_list,
    is_number,
    node,
    truth,
)
from config_sync.ir import Attribute, Expression
from config_sync.regex import PatternError, accepts, compile_pattern
from evaluator.snapshot import opcodes as codes

NEVER = ir.Any_(())

_ITEMS_AT_ONCE = 500  # of a list in one operand, which is limited in bytes
_MOST_BYTES = 32 * 1024

_TESTS = {"$lt": "less", "$lte": "less_equal", "$gt": "greater", "$gte": "greater_equal"}
_LENGTHS = {"$lt": codes.CMP_LT, "$lte": codes.CMP_LE, "$gt": codes.CMP_GT, "$gte": codes.CMP_GE}


class Ordered(ValueTest, frozen=True):
    """``value < operand`` and its kin, by JavaScript's rules for texts and numbers."""

    operator: str
    operand: Any

    def _inclusive(self) -> bool:
        return self.operator.endswith("e")

    def holds(self, value: Any) -> bool:
        if self.operator.startswith("$l"):
            return js.is_before(value, self.operand, self._inclusive())
        return js.is_before(self.operand, value, self._inclusive())

    def expression(self, subject: Expression) -> Expression:
        op = codes.NODE_NOT_AFTER if self._inclusive() else codes.NODE_BEFORE
        if self.operator.startswith("$l"):
            return node(op, subject, constant(self.operand))
        return node(op, constant(self.operand), subject)

    def condition(self, attribute: Attribute, subject: Expression) -> ir.Condition:
        whole = ir.Truthy(self.expression(subject))
        if js.kind_of(self.operand) != "number" or not abs(self.operand) < js.EXACT:
            return whole
        number = ir.Test(_TESTS[self.operator], attribute, self.operand, missing=truth(self.holds(None)))
        return ir.Any_((number, ir.All((ir.Not(is_number(attribute, ir.TRUE)), whole))))


class OneOf(ValueTest, frozen=True):
    """``items.includes(value)``, or a list's element's; perhaps texts in lower case. Only scalars can be included."""

    items: tuple[Any, ...]
    lower: bool = False

    def holds(self, value: Any) -> bool:
        values = value if isinstance(value, list | tuple) else [value]
        return any(js.is_same(self._folded(item), self._folded(found)) for item in self.items for found in values)

    def _folded(self, value: Any) -> Any:
        return value.lower() if self.lower and isinstance(value, str) else value

    def expression(self, subject: Expression) -> Expression:
        parts = [constant(list(map(self._folded, part))) for part in _chunks(self.items)]
        element = node(codes.NODE_OR, *(node(codes.NODE_IN, self._lowered(ELEMENT), part) for part in parts))
        return node(
            codes.NODE_OR,
            *(node(codes.NODE_IN, self._lowered(subject), part) for part in parts),
            node(codes.NODE_SOME, subject, element),
        )

    def _lowered(self, subject: Expression) -> Expression:
        return node(codes.NODE_LOWER, subject) if self.lower else subject

    def condition(self, attribute: Attribute, subject: Expression) -> ir.Condition:
        if self.lower:
            return ir.Truthy(self.expression(subject))
        one = ir.Test("one_of", attribute, self.items, missing=truth(None in self.items))
        parts = tuple(ir.Test("contains_any", attribute, part) for part in _chunks(self.items))
        return ir.Any_((one, parts[0] if len(parts) == 1 else ir.All((is_list(attribute), ir.Any_(parts)))))


def _chunks(items: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The items in operands that aren't too large."""
    parts: list[list[Any]] = [[]]
    size = 0
    for item in items:
        size += len(item.encode("utf-8", "surrogatepass")) if isinstance(item, str) else 8
        if len(parts[-1]) == _ITEMS_AT_ONCE or (parts[-1] and size > _MOST_BYTES):
            parts.append([])
            size = 0
        parts[-1].append(item)
    return [tuple(part) for part in parts]


class Kind(ValueTest, frozen=True):
    """``$type``."""

    kind: str

    def holds(self, value: Any) -> bool:
        return js.kind_of(value) == self.kind

    def expression(self, subject: Expression) -> Expression:
        return node(codes.NODE_SAME, node(codes.NODE_KIND, subject), constant(self.kind))


class Matches(ValueTest, frozen=True):
    """``RegExp(…).test(value)`` of a pattern that is translated."""

    pattern: str

    def holds(self, value: Any) -> bool:
        try:
            automaton = compile_pattern(self.pattern)
        except PatternError:  # the checks say what is wrong with it
            return False
        return accepts(automaton, js.text_of(value).encode("utf-8", "replace"))

    def expression(self, subject: Expression) -> Expression:
        return node(codes.NODE_MATCHES, node(codes.NODE_TEXT, subject), constant(self.pattern))

    def condition(self, attribute: Attribute, subject: Expression) -> ir.Condition:
        """The test is for texts and booleans; a number's text isn't JavaScript's everywhere, and lists and null have none."""
        numeric = is_number(attribute, ir.FALSE)
        found = ir.Test("matches", attribute, self.pattern, missing=truth(self.holds(None)))
        has_text = ir.Test("starts_with", attribute, "", missing=ir.TRUE)
        others = ir.All((ir.Any_((ir.Not(has_text), numeric)), ir.Truthy(self.expression(subject))))
        return ir.Any_((ir.All((found, ir.Not(numeric))), others))


class Version(ValueTest, frozen=True):
    """``$veq`` and its kin: padded versions compared as texts."""

    operator: str
    operand: str  # padded

    def _order(self) -> Ordered:
        return Ordered(f"${self.operator[2:]}", self.operand)

    def holds(self, value: Any) -> bool:
        version = js.padded_version(value)
        return version == self.operand if self.operator == "$veq" else self._order().holds(version)

    def expression(self, subject: Expression) -> Expression:
        version = node(codes.NODE_PADDED_VERSION, subject)
        return Same(self.operand).expression(version) if self.operator == "$veq" else self._order().expression(version)


# --- lists ------------------------------------------------------------------------------------------------------------


class Size(ValueTest, frozen=True):
    """A list's length, tested."""

    test: ValueTest

    def holds(self, value: Any) -> bool:
        return isinstance(value, list | tuple) and self.test.holds(len(value))

    def expression(self, subject: Expression) -> Expression:
        return node(codes.NODE_AND, Kind("array").expression(subject), self.test.expression(_length(subject)))

    def condition(self, attribute: Attribute, subject: Expression) -> ir.Condition:
        test, compare = self.test, codes.CMP_EQ
        size: Any = test.number if isinstance(test, NumberIs) else None
        if isinstance(test, Ordered):
            size, compare = test.operand, _LENGTHS[test.operator]
        if isinstance(size, bool) or not isinstance(size, int) or abs(size) >= js.EXACT:
            return ir.Truthy(self.expression(subject))
        return ir.All((is_list(attribute), ir.Test("length", attribute, size, compare=compare)))


def _length(subject: Expression) -> Expression:
    """The member ``length`` of what the subject reads."""
    path = subject.children[0].value + ".length" if subject.children else "length"
    return Expression(codes.NODE_VARIABLE, (constant(path),), mode=codes.MODE_MEMBERS)


class SomeElement(ValueTest, frozen=True):
    """A list has an element of which the test holds; ``with_null``: null elements are tested too."""

    test: ValueTest
    with_null: bool

    def holds(self, value: Any) -> bool:
        items = value if isinstance(value, list | tuple) else []
        return any((self.with_null or item is not None) and self.test.holds(item) for item in items)

    def expression(self, subject: Expression) -> Expression:
        body = self.test.expression(ELEMENT)
        if not self.with_null:
            body = node(codes.NODE_AND, node(codes.NODE_NOT_SAME, ELEMENT, constant(None)), body)
        return node(codes.NODE_SOME, subject, body)


# --- together ---------------------------------------------------------------------------------------------------------


class Every(ValueTest, frozen=True):
    tests: tuple[ValueTest, ...]

    def holds(self, value: Any) -> bool:
        return all(test.holds(value) for test in self.tests)

    def expression(self, subject: Expression) -> Expression:
        if not self.tests:
            return constant(True)
        return node(codes.NODE_AND, *(test.expression(subject) for test in self.tests))

    def condition(self, attribute: Attribute, subject: Expression) -> ir.Condition:
        return ir.All(tuple(test.condition(attribute, subject) for test in self.tests))


class Never(ValueTest, frozen=True):
    def condition(self, attribute: Attribute, subject: Expression) -> ir.Condition:
        return NEVER


class Denied(ValueTest, frozen=True):
    test: ValueTest

    def holds(self, value: Any) -> bool:
        return not self.test.holds(value)

    def expression(self, subject: Expression) -> Expression:
        return node(codes.NODE_NOT, self.test.expression(subject))

    def condition(self, attribute: Attribute, subject: Expression) -> ir.Condition:
        return ir.Not(self.test.condition(attribute, subject))
