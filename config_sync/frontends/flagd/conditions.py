"""From an expression in a condition's place to native tests that are true exactly when it is truthy.

What can't be said exactly in tests stays an expression. Several tests are *guards*: they say of which kind the value is, so
that a quick test answers for the usual kind and the expression for all others. Used by the flagd front end only.
"""

from typing import Any

from config_sync import ir
from config_sync.frontends.flagd.constants import is_truthy, is_version, number_in
from config_sync.ir import Attribute, Expression
from config_sync.limits import MAX_KEY_LENGTH, MAX_LIST_ITEM_BYTES, MAX_LIST_ITEMS, MAX_PATH_STEPS
from config_sync.walk import children_of, conditions_of
from evaluator.snapshot import opcodes as codes

MAX_GROUP_DEPTH = 8
MAX_TESTS = 90  # beyond, a rule counts as complex

ALWAYS, NEVER = ir.All(()), ir.Any_(())

_VERSION_MODE = codes.MODE_VERSION_PREFIX | codes.MODE_VERSION_PARTIAL
_LARGEST = 1.7976931348623157e308
_COMPARISONS = {
    "=": (codes.CMP_EQ, 0),
    "!=": (codes.CMP_NE, 0),
    "<": (codes.CMP_LT, 0),
    "<=": (codes.CMP_LE, 0),
    ">": (codes.CMP_GT, 0),
    ">=": (codes.CMP_GE, 0),
    "^": (codes.CMP_EQ, codes.MODE_VERSION_SAME_MAJOR),
    "~": (codes.CMP_EQ, codes.MODE_VERSION_SAME_MINOR),
}
_ORDERS = {  # node -> (the test, and its mirror image for a constant on the left)
    codes.NODE_LESS: ("less", "greater"),
    codes.NODE_LESS_EQUAL: ("less_equal", "greater_equal"),
    codes.NODE_GREATER: ("greater", "less"),
    codes.NODE_GREATER_EQUAL: ("greater_equal", "less_equal"),
}


def condition_of(node: Expression) -> ir.Condition:
    """True exactly when the expression is truthy."""
    condition = _condition(node)
    tests = sum(1 for part in conditions_of(condition) if not isinstance(part, ir.All | ir.Any_ | ir.Not))
    return condition if tests <= MAX_TESTS and _depth(condition) <= MAX_GROUP_DEPTH else ir.Truthy(node)


def _depth(condition: ir.Condition) -> int:
    """Groups within groups; an expression is at most 64 deep, so this ends soon."""
    return 1 + max(map(_depth, children_of(condition)), default=0)


def _condition(node: Expression) -> ir.Condition:
    first = node.children[0] if node.children else None
    if node.op == codes.NODE_CONSTANT:
        return ALWAYS if is_truthy(node.value) else NEVER
    if node.op == codes.NODE_NOT:
        return ALWAYS if first is None else ir.Not(_condition(first))
    if node.op == codes.NODE_TRUTH:
        return NEVER if first is None else _condition(first)
    if node.op == codes.NODE_AND and node.children:
        return ir.All(tuple(map(_condition, node.children)))
    if node.op == codes.NODE_OR:
        return ir.Any_(tuple(map(_condition, node.children)))
    return _test(node) or ir.Truthy(node)


def _test(node: Expression) -> ir.Condition | None:
    """The condition of an operator on an attribute and constants, if it can be said in tests."""
    if node.op == codes.NODE_VARIABLE:
        attribute = attribute_of(node)
        return None if attribute is None else _truth(attribute, node)
    if node.op in (codes.NODE_NOT_EQUAL, codes.NODE_NOT_SAME):
        equal = _equality(node, node.op == codes.NODE_NOT_SAME)
        return None if equal is None else ir.Not(equal)
    if node.op in (codes.NODE_EQUAL, codes.NODE_SAME):
        return _equality(node, node.op == codes.NODE_SAME)
    if node.op in _ORDERS:
        return _order(node)
    if node.op == codes.NODE_IN:
        return _membership(node)
    if node.op in (codes.NODE_STARTS_WITH, codes.NODE_ENDS_WITH):
        return _affix(node)
    return _version(node) if node.op == codes.NODE_VERSION else None


def attribute_of(node: Expression) -> Attribute | None:
    """The attribute that a ``var`` reads, if it is one: a constant path, no default, not ``$flagd``, no list positions."""
    if node.op != codes.NODE_VARIABLE or not 1 <= len(node.children) <= 2:
        return None
    path, *default = node.children
    if default and not (default[0].op == codes.NODE_CONSTANT and default[0].value is None):
        return None
    if path.op != codes.NODE_CONSTANT or not isinstance(path.value, str) or not path.value:
        return None
    steps = path.value.split(".")
    if steps[0] == "$flagd" or len(path.value) + 2 > MAX_KEY_LENGTH:
        return None
    if len(steps) == 1:
        return Attribute(path.value)
    if len(steps) > MAX_PATH_STEPS or any(not step or step.isdigit() for step in steps):
        return None
    return Attribute(f"$.{path.value}", tuple(steps))  # a name of its own: JSONLogic has no flat entries with dots


def _attribute_and_constant(node: Expression) -> tuple[Attribute, Any, bool] | None:
    """(attribute, constant, whether the constant stands first) of a binary operator."""
    if len(node.children) != 2:
        return None
    for number, child in enumerate(node.children):
        attribute, other = attribute_of(child), node.children[1 - number]
        if attribute is not None and other.op == codes.NODE_CONSTANT:
            return attribute, other.value, number == 1
    return None


def _is_operand(constant: Any) -> bool:
    """Whether a test can compare with it: a boolean, a text that isn't long, a number of 64 bits."""
    if isinstance(constant, str):
        return len(constant) <= MAX_LIST_ITEM_BYTES // 4
    return isinstance(constant, float) or (isinstance(constant, int) and -(2**63) <= constant < 2**63)


def _truth(attribute: Attribute, node: Expression) -> ir.Condition:
    """A boolean is answered by tests, anything else that is there by the expression."""
    others = ir.All((ir.Test("exists", attribute), ir.Not(ir.Test("equal", attribute, False)), ir.Truthy(node)))
    return ir.Any_((ir.Test("equal", attribute, True), others))


def _equality(node: Expression, strict: bool) -> ir.Condition | None:
    found = _attribute_and_constant(node)
    if found is None or not _is_operand(found[1]):
        return None
    attribute, constant, _ = found
    same = ir.Test("equal", attribute, constant)
    if strict:
        return same
    if isinstance(constant, bool):
        others = (ir.Test("exists", attribute), ir.Not(ir.Test("equal", attribute, not constant)))
        positive = ir.Test("equal", attribute, True) if constant else ir.Test("equal", attribute, False)
        loose = ir.Truthy(ir.Expression(codes.NODE_EQUAL, node.children))
        return ir.Any_((positive, ir.All((*others, loose))))
    return _loose_text(attribute, constant) if isinstance(constant, str) else _loose_number(attribute, constant)


def _loose_text(attribute: Attribute, constant: str) -> ir.Condition | None:
    """A text equals itself, and, if it writes a number, that number and what counts as it."""
    same, number = ir.Test("equal", attribute, constant), number_in(constant)
    if number is None:
        return same
    if not abs(number) <= _LARGEST:
        return None
    return ir.Any_((same, ir.Test("equal", attribute, number), *_booleans(attribute, number)))


def _loose_number(attribute: Attribute, constant: int | float) -> ir.Condition | None:
    """A number equals itself, texts that write it, and what counts as it. 0 is also every blank text: not sayable."""
    if constant == 0:
        return None
    mode = codes.MODE_COERCE_TEXT
    between = (ir.Test("less_equal", attribute, constant, mode=mode), ir.Test("greater_equal", attribute, constant, mode=mode))
    booleans = _booleans(attribute, constant)
    return ir.Any_((ir.All(between), *booleans)) if booleans else ir.All(between)


def _booleans(attribute: Attribute, number: int | float) -> tuple[ir.Condition, ...]:
    return (ir.Test("equal", attribute, number == 1),) if number in (0, 1) else ()


def _order(node: Expression) -> ir.Condition | None:
    """Numbers are compared by the test, anything else by the expression."""
    found = _attribute_and_constant(node)
    if found is None or isinstance(found[1], bool | str) or not _is_operand(found[1]):
        return None
    attribute, constant, mirrored = found
    is_number = ir.Test("less_equal", attribute, _LARGEST)
    return ir.Any_(
        (
            ir.All((ir.Test(_ORDERS[node.op][mirrored], attribute, constant), is_number)),
            ir.All((ir.Not(is_number), ir.Truthy(node))),
        )
    )


def _membership(node: Expression) -> ir.Condition | None:
    found = _attribute_and_constant(node)
    if found is None:
        return None
    attribute, constant, constant_first = found
    if constant_first:
        return _part_of(attribute, constant, node) if isinstance(constant, str) and _is_operand(constant) and constant else None
    if not isinstance(constant, list) or len(constant) > MAX_LIST_ITEMS or not all(map(_is_operand, constant)):
        return None
    return ir.Test("one_of", attribute, tuple(constant)) if constant else NEVER


def _part_of(attribute: Attribute, part: str, node: Expression) -> ir.Condition:
    """Texts are searched by the test, lists by the expression; nothing else contains a text."""
    in_list = ir.All((ir.Test("contains_all", attribute, ()), ir.Truthy(node)))
    in_text = ir.All((_has_length(attribute), ir.Not(ir.Test("contains_all", attribute, ())), _contains(attribute, part)))
    return ir.Any_((in_text, in_list))


def _contains(attribute: Attribute, part: str) -> ir.Condition:
    return ir.Test("contains", attribute, part)


def _has_length(attribute: Attribute) -> ir.Condition:
    """True of texts, lists and maps: the test for text would also take numbers and booleans."""
    return ir.Test("length", attribute, 0, compare=codes.CMP_GE)


def _affix(node: Expression) -> ir.Condition | None:
    found = _attribute_and_constant(node)
    if found is None or found[2] or not isinstance(found[1], str) or not found[1] or not _is_operand(found[1]):
        return None
    attribute, constant, _ = found
    operator = "starts_with" if node.op == codes.NODE_STARTS_WITH else "ends_with"
    return ir.All((ir.Test(operator, attribute, constant), _has_length(attribute)))


def _version(node: Expression) -> ir.Condition | None:
    if len(node.children) != 3 or any(child.op != codes.NODE_CONSTANT for child in node.children[1:]):
        return None
    attribute, operator, operand = attribute_of(node.children[0]), node.children[1].value, node.children[2].value
    if attribute is None or not isinstance(operator, str) or operator not in _COMPARISONS or not isinstance(operand, str):
        return None
    if not is_version(operand):
        return NEVER
    compare, mode = _COMPARISONS[operator]
    return ir.Test("version", attribute, operand, compare=compare, mode=_VERSION_MODE | mode)
