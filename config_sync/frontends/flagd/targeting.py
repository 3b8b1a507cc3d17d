"""From targeting rules in JSON to value expressions; ``$ref`` is filled in. Used by the flagd front end only."""

import math
from decimal import Decimal
from typing import Any

import msgspec

from config_sync.diagnostics import Diagnostics
from config_sync.frontends.flagd.notes import Notes, plain_number
from config_sync.frontends.flagd.operators import OPERATORS, check_arguments, similar
from config_sync.ir import Expression, Origin
from config_sync.limits import MAX_EXPRESSION_NODES
from evaluator.snapshot import opcodes as codes

NULL = Expression(codes.NODE_CONSTANT)

_MAX_CHAIN = 32  # of evaluators that name each other
_MAX_CONSTANT_DEPTH = 8  # constant lists nested deeper are written as nodes
_LEAST, _MOST = -(2**63), 2**64 - 1  # what a snapshot's integers hold; beyond, JSON's numbers are doubles


class _Evaluator(msgspec.Struct):
    """One of ``$evaluators``, translated when it is first named; ``size`` and ``depth`` are those of its expression."""

    rule: Any
    origin: Origin
    expression: Expression | None = None
    size: int = 0
    depth: int = 0
    state: str = "new"  # then "open" while its own references are filled in, then "sound" or "broken"


class Evaluators:
    """The reusable rules of one document, by name."""

    def __init__(self, rules: dict[str, Any], origin: Origin, diagnostics: Diagnostics, fractional: int) -> None:
        self._evaluators = {name: _Evaluator(rule, origin.child(name)) for name, rule in rules.items()}
        self._diagnostics = diagnostics
        self._open = 0
        self.fractional = fractional

    def find(self, name: str) -> _Evaluator | None:
        """The evaluator, translated; None if there is none of this name."""
        found = self._evaluators.get(name)
        if found is not None and found.state == "new":
            self._translate(found)
        return found

    def check_all(self) -> None:
        """Translates those that no flag names, for their diagnostics."""
        for name in self._evaluators:
            self.find(name)

    def _translate(self, evaluator: _Evaluator) -> None:
        evaluator.state = "open"
        notes = Notes(self._diagnostics)
        reader = TargetingReader(self, notes)
        self._open += 1
        if self._open > _MAX_CHAIN:
            message = f"a chain of more than {_MAX_CHAIN} evaluators, each naming the next"
            notes.error("LIMIT-EXPRESSION-DEPTH", message, evaluator.origin, "shorten it")
        else:
            evaluator.expression = reader.read(evaluator.rule, evaluator.origin)
        self._open -= 1
        evaluator.size, evaluator.depth = reader.size, reader.deepest
        evaluator.state = "broken" if notes.first_error else "sound"


class TargetingReader:
    """Reads one rule. ``size`` and ``deepest`` count the nodes of what it has read, references filled in."""

    def __init__(self, evaluators: Evaluators, notes: Notes) -> None:
        self._evaluators = evaluators
        self._notes = notes
        self.size = 0
        self.deepest = 0

    def read(self, rule: Any, origin: Origin) -> Expression:
        """The rule as an expression; where something is wrong, a null stands in and ``notes`` has an error."""
        expression = self._read(rule, origin, 1)
        if self.deepest > codes.MAX_EXPRESSION_DEPTH:
            message = f"rules within rules, {self.deepest} deep, more than {codes.MAX_EXPRESSION_DEPTH}"
            self._notes.error("LIMIT-EXPRESSION-DEPTH", message, origin, "split it over several flags, or simplify it")
        elif self.size > MAX_EXPRESSION_NODES:
            message = f"{self.size} operators and values, more than {MAX_EXPRESSION_NODES}"
            self._notes.error("LIMIT-EXPRESSION", message, origin, "split it over several flags, or simplify it")
        return expression

    def _read(self, rule: Any, origin: Origin, depth: int) -> Expression:
        self._count(1, depth)
        if depth > codes.MAX_EXPRESSION_DEPTH or self.size > MAX_EXPRESSION_NODES:
            return NULL  # said once, by read()
        if isinstance(rule, dict):
            return self._operation(rule, origin, depth)
        if isinstance(rule, list | tuple):
            return self._list(rule, origin, depth)
        return Expression(codes.NODE_CONSTANT, value=self._scalar(rule, origin))

    def _count(self, size: int, depth: int) -> None:
        self.size += size
        self.deepest = max(self.deepest, depth)

    def _operation(self, rule: dict[Any, Any], origin: Origin, depth: int) -> Expression:
        if len(rule) != 1:
            what = f"one with {len(rule)} entries" if rule else "an empty one"
            self._notes.error("NOT-A-RULE", f"a rule is a mapping of one operator to its arguments, not {what}", origin)
            return NULL
        (name, arguments), *_ = rule.items()
        origin = origin.child(name if isinstance(name, str | int) else str(name))
        if name == "$ref":
            return self._reference(arguments, origin, depth)
        if name not in OPERATORS:
            self._notes.error("UNKNOWN-OPERATOR", f"there is no operator {name!r}", origin, similar(str(name)))
            return NULL
        listed = isinstance(arguments, list | tuple)
        places = [origin.child(index) for index in range(len(arguments))] if listed else [origin]
        values = arguments if listed else [arguments]
        children = tuple(self._read(value, place, depth + 1) for value, place in zip(values, places, strict=True))
        node = self._evaluators.fractional if name == "fractional" else OPERATORS[name].node
        expression = Expression(node, children)
        check_arguments(name, expression, origin, self._notes)
        return expression

    def _reference(self, name: Any, origin: Origin, depth: int) -> Expression:
        found = self._evaluators.find(name) if isinstance(name, str) else None
        if found is None:
            message = f"there is no evaluator {name!r} in $evaluators"
            self._notes.error("UNKNOWN-REFERENCE", message, origin, "define it there, or write the rule here")
        elif found.state == "open":
            self._notes.error("CYCLIC-REFERENCE", f"the evaluator {name!r} refers to itself", origin, "break the circle")
        elif found.state == "broken":
            self._notes.fail(f"the evaluator {name!r} has errors")
        elif found.expression is not None:
            self._count(found.size, depth + found.depth - 1)
            return found.expression
        return NULL

    def _list(self, items: list[Any] | tuple[Any, ...], origin: Origin, depth: int) -> Expression:
        places = [origin.child(index) for index in range(len(items))]
        if not any(isinstance(item, dict | list | tuple) for item in items):  # perhaps a long one: not a node each
            return Expression(codes.NODE_CONSTANT, value=[self._scalar(*each) for each in zip(items, places, strict=True)])
        children = tuple(self._read(item, place, depth + 1) for item, place in zip(items, places, strict=True))
        if all(child.op == codes.NODE_CONSTANT and _depth(child.value) < _MAX_CONSTANT_DEPTH for child in children):
            return Expression(codes.NODE_CONSTANT, value=[child.value for child in children])
        return Expression(codes.NODE_LIST, children)

    def _scalar(self, value: Any, origin: Origin) -> Any:
        """Null, a boolean, a number that a snapshot holds, or text."""
        if isinstance(value, Decimal):
            value = plain_number(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return value if _LEAST <= value <= _MOST else self._double(value, origin)
        if isinstance(value, float) and math.isfinite(value):
            return value
        if isinstance(value, str) and _is_unicode(value):
            return value
        self._notes.error("NOT-JSON", f"{value!r:.80} is no JSON value", origin)
        return None

    def _double(self, value: int, origin: Origin) -> float | None:
        try:
            return float(value)
        except OverflowError:
            self._notes.error("NOT-JSON", "this number is too large", origin)
            return None


def _depth(value: Any) -> int:
    """How deep lists are nested in a constant."""
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
