"""GrowthBook's conditions: paths into a scope, each with a question, joined by and, or and not. Used by that front end only.

A scope is the attributes, an element of a list, or ``{"value": …}`` of a prerequisite.
"""

from typing import Any

import msgspec

from config_sync import ir
from config_sync.frontends.growthbook import ecmascript as js
from config_sync.frontends.growthbook.values import ValueTest, constant, node
from config_sync.ir import TARGETING_KEY, Attribute, Expression
from config_sync.limits import MAX_KEY_LENGTH, MAX_PATH_STEPS
from config_sync.walk import children_of, conditions_of
from evaluator.snapshot import opcodes as codes

UNIT = "id"  # the attribute that is the targeting key under another name
MAX_TESTS = 90  # beyond, a rule counts as complex
MAX_GROUP_DEPTH = 12


class Condition(msgspec.Struct, frozen=True):
    """A question about a scope; this one never holds, every other says when it does."""

    def holds(self, scope: Any) -> bool:
        return False

    def expression(self, at_root: bool) -> Expression:
        """The same of the scope that the expression is in; at the root, ``id`` may be the targeting key."""
        return constant(False)

    def tests(self) -> ir.Condition:
        """The same of the attributes, in tests where they are exact."""
        return ir.Any_(())


class At(Condition, frozen=True):
    """A question about what lies at a path."""

    path: str
    test: ValueTest

    def holds(self, scope: Any) -> bool:
        return self.test.holds(js.member(scope, self.path))

    def expression(self, at_root: bool) -> Expression:
        return self.test.expression(variable(self.path, at_root))

    def tests(self) -> ir.Condition:
        attribute = attribute_of(self.path)
        if attribute is None:
            return ir.Truthy(self.expression(at_root=True))
        return self.test.condition(attribute, variable(self.path, at_root=True))


class Both(Condition, frozen=True):
    """All of them; true when there is none."""

    children: tuple[Condition, ...]

    def holds(self, scope: Any) -> bool:
        return all(child.holds(scope) for child in self.children)

    def expression(self, at_root: bool) -> Expression:
        parts = [child.expression(at_root) for child in self.children]
        return node(codes.NODE_AND, *parts) if parts else constant(True)

    def tests(self) -> ir.Condition:
        return ir.All(tuple(child.tests() for child in self.children))


class Either(Condition, frozen=True):
    """One of them; false when there is none."""

    children: tuple[Condition, ...]

    def holds(self, scope: Any) -> bool:
        return any(child.holds(scope) for child in self.children)

    def expression(self, at_root: bool) -> Expression:
        parts = [child.expression(at_root) for child in self.children]
        return node(codes.NODE_OR, *parts) if parts else constant(False)

    def tests(self) -> ir.Condition:
        return ir.Any_(tuple(child.tests() for child in self.children))


class Neither(Condition, frozen=True):
    child: Condition

    def holds(self, scope: Any) -> bool:
        return not self.child.holds(scope)

    def expression(self, at_root: bool) -> Expression:
        return node(codes.NODE_NOT, self.child.expression(at_root))

    def tests(self) -> ir.Condition:
        return ir.Not(self.child.tests())


class OfElement(ValueTest, frozen=True):
    """A condition on an element of a list, which is its scope."""

    inside: Condition

    def holds(self, value: Any) -> bool:
        return self.inside.holds(value)

    def expression(self, subject: Expression) -> Expression:
        return self.inside.expression(at_root=False)


def lowered(condition: Condition, optimise: bool = True) -> ir.Condition:
    """The condition of a rule: in tests, or, where these are too many, as one expression."""
    if optimise:
        tests = condition.tests()
        leaves = sum(1 for part in conditions_of(tests) if not isinstance(part, ir.All | ir.Any_ | ir.Not))
        if leaves <= MAX_TESTS and _depth(tests) <= MAX_GROUP_DEPTH:
            return tests
    return ir.Truthy(condition.expression(at_root=True))


def _depth(condition: ir.Condition) -> int:
    return 1 + max(map(_depth, children_of(condition)), default=0)


def variable(path: str, at_root: bool) -> Expression:
    """What reads the path."""
    found = Expression(codes.NODE_VARIABLE, (constant(path),), mode=codes.MODE_MEMBERS)
    if not (at_root and path == UNIT):
        return found
    key = Expression(codes.NODE_VARIABLE, (constant(TARGETING_KEY.name),), mode=codes.MODE_MEMBERS)
    return Expression(codes.NODE_VARIABLE, (*found.children, key), mode=codes.MODE_MEMBERS)


def attribute_of(path: str) -> Attribute | None:
    """The attribute that a path names, if there is one: JavaScript also looks into lists, which an expression does."""
    if path == UNIT:
        return Attribute(UNIT, fallback=TARGETING_KEY)
    steps = path.split(".")
    if not path or len(path) + 2 > MAX_KEY_LENGTH:
        return None
    if len(steps) == 1:
        return Attribute(path)
    if len(steps) > MAX_PATH_STEPS or any(not step or js.is_index(step) or step == "length" for step in steps):
        return None
    return Attribute(f"$.{path}", tuple(steps))  # a name of its own: there are no flat entries with dots
