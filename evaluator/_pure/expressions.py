"""The interpreter of value expressions: JSONLogic, flagd's four operators and ECMAScript's view over rows of ``nodes``.

Semantics and limits: docs/dialects/flagd.md, section 3, and docs/snapshot-format.md, 4.9. Nodes are at most 64 deep (checked at
load) and everything else is counted in steps, so every evaluation ends soon. Nothing raises: a failure is ``UNUSABLE``. Used by
``_pure`` only.
"""

from collections.abc import Callable
from typing import Any, Final

from evaluator._pure import ecmascript, fractional, jsonlogic
from evaluator._pure.ecmascript import Scripted
from evaluator._pure.hashing import NotCbor, canonical_cbor, murmur3_32
from evaluator._pure.jsonlogic import is_list, text_of, truthy
from evaluator._pure.matching import accepts
from evaluator._pure.rows import NodeRow
from evaluator._pure.scopes import ROOT, Refused
from evaluator._pure.values import MISSING, UNUSABLE, as_text
from evaluator._pure.versions import as_version, compare_versions
from evaluator._pure.view import View
from evaluator.snapshot import opcodes as codes

__all__ = ["evaluate_expression", "truthy"]

MAX_TEXT: Final = 65_536  # characters of a concatenation
CHARACTERS_PER_STEP: Final = 64

_VERSION_MODE: Final = codes.MODE_VERSION_PREFIX | codes.MODE_VERSION_PARTIAL


def evaluate_expression(program: Any, node: int, view: View) -> object:
    """The value of the expression whose root is this row of ``program.nodes``; UNUSABLE when it fails."""
    try:
        return _Run(program, view).value(node, ROOT)
    except Exception:
        return UNUSABLE


class _Run(Scripted):
    """One evaluation of one expression. The methods named by ``_OPERATORS`` give the value of one node in a scope."""

    def __init__(self, program: Any, view: View) -> None:
        super().__init__(view)
        self.nodes: list[NodeRow] = program.nodes
        self.values: list[Any] = program.values
        self.automata: bytes = program.automata

    def value(self, node: int, scope: Any) -> Any:
        self.spend(1)
        row = self.nodes[node]
        return _OPERATORS[row.op](self, row, scope)

    def arguments(self, row: NodeRow, scope: Any) -> list[Any]:
        return [self.value(node, scope) for node in range(row.first_child, row.first_child + row.count)]

    def argument(self, row: NodeRow, number: int, scope: Any) -> Any:
        """The value of one child; null if there are fewer."""
        return self.value(row.first_child + number, scope) if number < row.count else None

    # --- data ---------------------------------------------------------------------------------------------------------

    def constant(self, row: NodeRow, scope: Any) -> Any:
        return self.values[row.value]

    def listed(self, row: NodeRow, scope: Any) -> Any:
        return self.arguments(row, scope)

    def variable(self, row: NodeRow, scope: Any) -> Any:
        path = self.argument(row, 0, scope)
        found = self.member(path, scope) if row.mode & codes.MODE_MEMBERS else self.find(path, scope)
        return self.argument(row, 1, scope) if found is MISSING else found

    def missing(self, row: NodeRow, scope: Any) -> Any:
        keys = self.arguments(row, scope)
        if keys and is_list(keys[0]):
            keys = self.items(keys[0])
        return self.those_missing(keys, scope)

    def missing_some(self, row: NodeRow, scope: Any) -> Any:
        needed = jsonlogic.to_number(self.argument(row, 0, scope))
        keys = self.argument(row, 1, scope)
        options = self.items(keys) if is_list(keys) else [keys]
        absent = self.those_missing(options, scope)
        return [] if needed is not None and len(options) - len(absent) >= needed else absent

    def those_missing(self, keys: list[Any], scope: Any) -> list[Any]:
        return [key for key in keys if self.is_absent(self.find(key, scope))]

    def is_absent(self, found: Any) -> bool:
        return found is MISSING or found is None or (isinstance(found, str) and found == "")

    # --- logic --------------------------------------------------------------------------------------------------------

    def condition(self, row: NodeRow, scope: Any) -> Any:
        """Condition, result, condition, result, …, perhaps a last result."""
        for number in range(0, row.count - 1, 2):
            if truthy(self.argument(row, number, scope)):
                return self.argument(row, number + 1, scope)
        return self.argument(row, row.count - 1, scope) if row.count % 2 else None

    def conjunction(self, row: NodeRow, scope: Any) -> Any:
        """The first value that isn't truthy, else the last."""
        value = None
        for number in range(row.count):
            value = self.argument(row, number, scope)
            if not truthy(value):
                break
        return value

    def disjunction(self, row: NodeRow, scope: Any) -> Any:
        """The first truthy value, else the last."""
        value = None
        for number in range(row.count):
            value = self.argument(row, number, scope)
            if truthy(value):
                break
        return value

    def negation(self, row: NodeRow, scope: Any) -> Any:
        return not truthy(self.argument(row, 0, scope))

    def truth(self, row: NodeRow, scope: Any) -> Any:
        return truthy(self.argument(row, 0, scope))

    # --- comparison ---------------------------------------------------------------------------------------------------

    def equal(self, row: NodeRow, scope: Any) -> Any:
        return self.loosely_equal(self.argument(row, 0, scope), self.argument(row, 1, scope))

    def not_equal(self, row: NodeRow, scope: Any) -> Any:
        return not self.equal(row, scope)

    def same(self, row: NodeRow, scope: Any) -> Any:
        return self.strictly_equal(self.argument(row, 0, scope), self.argument(row, 1, scope), 1)

    def not_same(self, row: NodeRow, scope: Any) -> Any:
        return not self.same(row, scope)

    def less(self, row: NodeRow, scope: Any) -> Any:
        return self.ascending(row, scope, row.op == codes.NODE_LESS_EQUAL)

    def greater(self, row: NodeRow, scope: Any) -> Any:
        values = self.arguments(row, scope)
        return len(values) > 1 and jsonlogic.less(values[1], values[0], row.op == codes.NODE_GREATER_EQUAL)

    def ascending(self, row: NodeRow, scope: Any, or_equal: bool) -> bool:
        """Two values in order, or the second between the first and the third."""
        values = self.arguments(row, scope)
        if len(values) < 2 or not jsonlogic.less(values[0], values[1], or_equal):
            return False
        return len(values) < 3 or jsonlogic.less(values[1], values[2], or_equal)

    def contained(self, row: NodeRow, scope: Any) -> Any:
        """Whether the second value, a text or a list, has the first."""
        needle, haystack = self.argument(row, 0, scope), self.argument(row, 1, scope)
        if isinstance(haystack, str):
            part = as_text(needle)
            self.spend(len(haystack) // CHARACTERS_PER_STEP)
            return part is not None and part in haystack
        return any(self.strictly_equal(needle, item, 1) for item in self.items(haystack))

    # --- numbers and text ---------------------------------------------------------------------------------------------

    def arithmetic(self, row: NodeRow, scope: Any) -> Any:
        values = self.arguments(row, scope)
        if row.op in (codes.NODE_MINIMUM, codes.NODE_MAXIMUM):
            return jsonlogic.extreme(values, row.op == codes.NODE_MAXIMUM)
        return _ARITHMETIC[row.op](values)

    def concatenation(self, row: NodeRow, scope: Any) -> Any:
        parts, length = [], 0
        for value in self.arguments(row, scope):
            part = text_of(value)
            length += len(part)
            if length > MAX_TEXT:
                raise Refused
            parts.append(part)
        self.spend(length // CHARACTERS_PER_STEP)
        return "".join(parts)

    def substring(self, row: NodeRow, scope: Any) -> Any:
        values = self.arguments(row, scope)
        result = jsonlogic.substring(values)
        self.spend(len(result) // CHARACTERS_PER_STEP)
        return result

    # --- lists --------------------------------------------------------------------------------------------------------

    def mapped(self, row: NodeRow, scope: Any) -> Any:
        return [self.argument(row, 1, item) for item in self.items(self.argument(row, 0, scope))]

    def filtered(self, row: NodeRow, scope: Any) -> Any:
        return [item for item in self.items(self.argument(row, 0, scope)) if truthy(self.argument(row, 1, item))]

    def reduced(self, row: NodeRow, scope: Any) -> Any:
        items = self.items(self.argument(row, 0, scope))
        result = self.argument(row, 2, scope)
        for item in items:
            result = self.argument(row, 1, {"current": item, "accumulator": result})
        return result

    def every(self, row: NodeRow, scope: Any) -> Any:
        """False for an empty list."""
        items = self.items(self.argument(row, 0, scope))
        return bool(items) and all(truthy(self.argument(row, 1, item)) for item in items)

    def some(self, row: NodeRow, scope: Any) -> Any:
        return any(truthy(self.argument(row, 1, item)) for item in self.items(self.argument(row, 0, scope)))

    def no(self, row: NodeRow, scope: Any) -> Any:
        return not self.some(row, scope)

    def merged(self, row: NodeRow, scope: Any) -> Any:
        result: list[Any] = []
        for value in self.arguments(row, scope):
            result += self.items(value) if is_list(value) else [value]
        return result

    # --- ECMAScript ---------------------------------------------------------------------------------------------------

    def written(self, row: NodeRow, scope: Any) -> Any:
        return self.text(self.argument(row, 0, scope))

    def numeric(self, row: NodeRow, scope: Any) -> Any:
        return self.number(self.argument(row, 0, scope))

    def before(self, row: NodeRow, scope: Any) -> Any:
        left, right = self.primitive(self.argument(row, 0, scope)), self.primitive(self.argument(row, 1, scope))
        return ecmascript.before(left, right, row.op == codes.NODE_NOT_AFTER)

    def kind(self, row: NodeRow, scope: Any) -> Any:
        return ecmascript.kind_of(self.argument(row, 0, scope))

    def lower(self, row: NodeRow, scope: Any) -> Any:
        return ecmascript.lower(self.charged(self.argument(row, 0, scope)))

    def padded_version(self, row: NodeRow, scope: Any) -> Any:
        return ecmascript.padded_version(self.charged(self.argument(row, 0, scope)))

    def matches(self, row: NodeRow, scope: Any) -> Any:
        """Whether the pattern is found in a text; false for anything else. The second child, its source, isn't asked."""
        text = self.charged(self.argument(row, 0, scope))
        return isinstance(text, str) and accepts(self.automata, row.value * 8, text.encode())

    def as_json(self, row: NodeRow, scope: Any) -> Any:
        return self.same_json(self.argument(row, 0, scope), self.argument(row, 1, scope))

    def charged(self, value: Any) -> Any:
        """The value, its characters paid for if it is a text."""
        if isinstance(value, str):
            self.spend_on(value)
        return value

    # --- flagd's own --------------------------------------------------------------------------------------------------

    def affix(self, row: NodeRow, scope: Any) -> Any:
        """``starts_with`` and ``ends_with``: null unless given two texts."""
        values = self.arguments(row, scope)
        if len(values) != 2 or not (isinstance(values[0], str) and isinstance(values[1], str)):
            return None
        if row.op == codes.NODE_STARTS_WITH:
            return values[0].startswith(values[1])
        return values[0].endswith(values[1])

    def version(self, row: NodeRow, scope: Any) -> Any:
        """``sem_ver``: null unless given a version, an operator and a version."""
        values = self.arguments(row, scope)
        if len(values) != 3 or not isinstance(values[1], str) or values[1] not in _VERSION_TESTS:
            return None
        value, operand = as_version(values[0], _VERSION_MODE), as_version(values[2], _VERSION_MODE)
        if value is None or operand is None:
            return None
        return _VERSION_TESTS[values[1]](value, operand)

    def fractional(self, row: NodeRow, scope: Any) -> Any:
        values = self.arguments(row, scope)
        cbor = row.op == codes.NODE_FRACTIONAL_CBOR
        data = self.unit_of_any(row, values) if cbor else self.unit_of_text(values)
        if data is None:
            return None
        parsed = fractional.parse_weights(values)
        if parsed is None or parsed[1] == 0:
            return None
        choose = fractional.choose_signed if row.op == codes.NODE_FRACTIONAL_SIGNED else fractional.choose
        return choose(*parsed, murmur3_32(data, 0))

    def unit_of_text(self, values: list[Any]) -> bytes | None:
        """v1 and v2: a text as it is, else flag key and targeting key in one; takes the unit out of ``values``."""
        if values and isinstance(values[0], str):
            return str(values.pop(0)).encode()
        if values and values[0] is None:
            del values[0]
        key = self.targeting_key()
        return (self.view.flag_key + key).encode() if key else None

    def unit_of_any(self, row: NodeRow, values: list[Any]) -> bytes | None:
        """v3: the CBOR of the first argument's value, or, when that is written as a list, of [flag key, targeting key]."""
        if not values:
            return None
        if self.is_literal_list(row.first_child):
            key = self.targeting_key()
            unit: Any = [self.view.flag_key, key] if key else None
        else:
            unit = values.pop(0)
        try:
            return None if unit is None else canonical_cbor(unit)
        except NotCbor:
            return None

    def is_literal_list(self, node: int) -> bool:
        row = self.nodes[node]
        return row.op == codes.NODE_LIST or (row.op == codes.NODE_CONSTANT and is_list(self.values[row.value]))


_ARITHMETIC: Final[dict[int, Callable[[list[Any]], Any]]] = {
    codes.NODE_ADD: jsonlogic.total,
    codes.NODE_SUBTRACT: jsonlogic.difference,
    codes.NODE_MULTIPLY: jsonlogic.product,
    codes.NODE_DIVIDE: jsonlogic.quotient,
    codes.NODE_MODULO: jsonlogic.remainder,
}
_VERSION_TESTS: Final[dict[Any, Callable[[Any, Any], bool]]] = {
    "=": lambda value, operand: compare_versions(value, operand) == 0,
    "!=": lambda value, operand: compare_versions(value, operand) != 0,
    "<": lambda value, operand: compare_versions(value, operand) < 0,
    "<=": lambda value, operand: compare_versions(value, operand) <= 0,
    ">": lambda value, operand: compare_versions(value, operand) > 0,
    ">=": lambda value, operand: compare_versions(value, operand) >= 0,
    "^": lambda value, operand: value[0] == operand[0],
    "~": lambda value, operand: value[:2] == operand[:2],
}
_OPERATORS: Final[dict[int, Callable[[_Run, NodeRow, Any], Any]]] = {
    codes.NODE_CONSTANT: _Run.constant,
    codes.NODE_VARIABLE: _Run.variable,
    codes.NODE_LIST: _Run.listed,
    codes.NODE_IF: _Run.condition,
    codes.NODE_AND: _Run.conjunction,
    codes.NODE_OR: _Run.disjunction,
    codes.NODE_NOT: _Run.negation,
    codes.NODE_TRUTH: _Run.truth,
    codes.NODE_EQUAL: _Run.equal,
    codes.NODE_NOT_EQUAL: _Run.not_equal,
    codes.NODE_SAME: _Run.same,
    codes.NODE_NOT_SAME: _Run.not_same,
    codes.NODE_LESS: _Run.less,
    codes.NODE_LESS_EQUAL: _Run.less,
    codes.NODE_GREATER: _Run.greater,
    codes.NODE_GREATER_EQUAL: _Run.greater,
    codes.NODE_IN: _Run.contained,
    codes.NODE_CONCATENATE: _Run.concatenation,
    codes.NODE_ADD: _Run.arithmetic,
    codes.NODE_SUBTRACT: _Run.arithmetic,
    codes.NODE_MULTIPLY: _Run.arithmetic,
    codes.NODE_DIVIDE: _Run.arithmetic,
    codes.NODE_MODULO: _Run.arithmetic,
    codes.NODE_MINIMUM: _Run.arithmetic,
    codes.NODE_MAXIMUM: _Run.arithmetic,
    codes.NODE_MAP: _Run.mapped,
    codes.NODE_FILTER: _Run.filtered,
    codes.NODE_REDUCE: _Run.reduced,
    codes.NODE_ALL: _Run.every,
    codes.NODE_NO: _Run.no,
    codes.NODE_SOME: _Run.some,
    codes.NODE_MERGE: _Run.merged,
    codes.NODE_SUBSTRING: _Run.substring,
    codes.NODE_MISSING: _Run.missing,
    codes.NODE_MISSING_SOME: _Run.missing_some,
    codes.NODE_STARTS_WITH: _Run.affix,
    codes.NODE_ENDS_WITH: _Run.affix,
    codes.NODE_VERSION: _Run.version,
    codes.NODE_FRACTIONAL: _Run.fractional,
    codes.NODE_FRACTIONAL_SIGNED: _Run.fractional,
    codes.NODE_FRACTIONAL_CBOR: _Run.fractional,
    codes.NODE_TEXT: _Run.written,
    codes.NODE_NUMBER: _Run.numeric,
    codes.NODE_BEFORE: _Run.before,
    codes.NODE_NOT_AFTER: _Run.before,
    codes.NODE_KIND: _Run.kind,
    codes.NODE_LOWER: _Run.lower,
    codes.NODE_MATCHES: _Run.matches,
    codes.NODE_PADDED_VERSION: _Run.padded_version,
    codes.NODE_SAME_JSON: _Run.as_json,
}
