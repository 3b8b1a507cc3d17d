"""flagd's operators: their nodes, how many arguments they take, and what can be said of constant arguments beforehand.

Used by the flagd front end only.
"""

import difflib
from collections.abc import Callable
from typing import NamedTuple

from config_sync.frontends.flagd.constants import VERSION_OPERATORS, is_version, weight_of
from config_sync.frontends.flagd.notes import Notes
from config_sync.ir import Expression, Origin
from evaluator.snapshot import opcodes as codes

FRACTIONALS = (codes.NODE_FRACTIONAL, codes.NODE_FRACTIONAL_SIGNED, codes.NODE_FRACTIONAL_CBOR)

_MANY = 65_535  # children of a node are counted in 16 bits


class Operator(NamedTuple):
    """The node, and how many arguments make sense; fewer are nulls, more are ignored."""

    node: int
    least: int = 1
    most: int = _MANY


OPERATORS: dict[str, Operator] = {
    "var": Operator(codes.NODE_VARIABLE, 0, 2),
    "missing": Operator(codes.NODE_MISSING, 0),
    "missing_some": Operator(codes.NODE_MISSING_SOME, 2, 2),
    "if": Operator(codes.NODE_IF),
    "?:": Operator(codes.NODE_IF, 3, 3),
    "==": Operator(codes.NODE_EQUAL, 2, 2),
    "===": Operator(codes.NODE_SAME, 2, 2),
    "!=": Operator(codes.NODE_NOT_EQUAL, 2, 2),
    "!==": Operator(codes.NODE_NOT_SAME, 2, 2),
    "!": Operator(codes.NODE_NOT, 1, 1),
    "!!": Operator(codes.NODE_TRUTH, 1, 1),
    "and": Operator(codes.NODE_AND),
    "or": Operator(codes.NODE_OR),
    "<": Operator(codes.NODE_LESS, 2, 3),
    "<=": Operator(codes.NODE_LESS_EQUAL, 2, 3),
    ">": Operator(codes.NODE_GREATER, 2, 2),
    ">=": Operator(codes.NODE_GREATER_EQUAL, 2, 2),
    "in": Operator(codes.NODE_IN, 2, 2),
    "cat": Operator(codes.NODE_CONCATENATE),
    "substr": Operator(codes.NODE_SUBSTRING, 2, 3),
    "+": Operator(codes.NODE_ADD),
    "-": Operator(codes.NODE_SUBTRACT, 1, 2),
    "*": Operator(codes.NODE_MULTIPLY),
    "/": Operator(codes.NODE_DIVIDE, 2, 2),
    "%": Operator(codes.NODE_MODULO, 2, 2),
    "min": Operator(codes.NODE_MINIMUM),
    "max": Operator(codes.NODE_MAXIMUM),
    "map": Operator(codes.NODE_MAP, 2, 2),
    "filter": Operator(codes.NODE_FILTER, 2, 2),
    "reduce": Operator(codes.NODE_REDUCE, 3, 3),
    "all": Operator(codes.NODE_ALL, 2, 2),
    "none": Operator(codes.NODE_NO, 2, 2),
    "some": Operator(codes.NODE_SOME, 2, 2),
    "merge": Operator(codes.NODE_MERGE),
    "starts_with": Operator(codes.NODE_STARTS_WITH, 2, 2),
    "ends_with": Operator(codes.NODE_ENDS_WITH, 2, 2),
    "sem_ver": Operator(codes.NODE_VERSION, 3, 3),
    "fractional": Operator(codes.NODE_FRACTIONAL),
}


def similar(name: str) -> str:
    """A hint for an operator that there isn't."""
    close = difflib.get_close_matches(name, OPERATORS, 1)
    return f"did you mean {close[0]!r}?" if close else "see docs/dialects/flagd.md for the operators that there are"


def check_arguments(name: str, node: Expression, origin: Origin, notes: Notes) -> None:
    """Warnings about arguments that make the operator's answer the same for everyone."""
    operator = OPERATORS[name]
    if not operator.least <= len(node.children) <= operator.most:
        wanted = str(operator.least) if operator.least == operator.most else f"{operator.least} to {operator.most}"
        message = f"{name!r} takes {wanted} arguments, not {len(node.children)}"
        notes.warning("ARGUMENT-COUNT", message, origin, "missing ones count as null, and what is too much is ignored")
    elif name in _CHECKS:
        _CHECKS[name](node, origin, notes)


def _check_variable(node: Expression, origin: Origin, notes: Notes) -> None:
    path = node.children[0].value if node.children else None
    if isinstance(path, str) and path.startswith("$flagd.") and path not in ("$flagd.flagKey", "$flagd.timestamp"):
        notes.warning("UNKNOWN-PROPERTY", f"there is no {path!r}", origin, "flagd adds $flagd.flagKey and $flagd.timestamp")


def _check_texts(node: Expression, origin: Origin, notes: Notes) -> None:
    if any(child.op == codes.NODE_CONSTANT and not isinstance(child.value, str) for child in node.children):
        notes.warning("ALWAYS-NULL", "this compares text with a value that is none, which is always null", origin)


def _check_version(node: Expression, origin: Origin, notes: Notes) -> None:
    left, operator, right = node.children
    if operator.op == codes.NODE_CONSTANT and operator.value not in VERSION_OPERATORS:
        message = f"{operator.value!r} is no comparison of versions, so this is always null"
        notes.warning("ALWAYS-NULL", message, origin, f"use one of {' '.join(VERSION_OPERATORS)}")
    for child in (left, right):
        if child.op == codes.NODE_CONSTANT and not is_version(child.value):
            message = f"{child.value!r} is no version, so this is always null"
            notes.warning("ALWAYS-NULL", message, origin, "write it as major.minor.patch")


def _check_fractional(node: Expression, origin: Origin, notes: Notes) -> None:
    pairs = [child for child in node.children if is_list_node(child)]
    if node.children and node.children[0].op == codes.NODE_CONSTANT and isinstance(node.children[0].value, str):
        notes.warning("CONSTANT-UNIT", "this buckets by a constant, so everyone gets the same", origin, "use {'var': …}")
    for pair in pairs:
        items = _items(pair)
        weight = items[1] if len(items) > 1 else Expression(codes.NODE_CONSTANT)
        if weight.op == codes.NODE_CONSTANT:
            _check_weight(weight.value, origin, notes)


def _check_weight(weight: object, origin: Origin, notes: Notes) -> None:
    if weight_of(weight) is None:
        message = f"{weight!r} is no weight, so this is always null"
        notes.warning("ALWAYS-NULL", message, origin, "a weight is a whole number from 0 to 2147483647")
    elif isinstance(weight, int | float) and weight < 0:
        notes.warning("NEGATIVE-WEIGHT", f"the weight {weight!r} counts as 0", origin, "write 0 if that is meant")


def is_list_node(node: Expression) -> bool:
    """Whether the expression is written as a list."""
    return node.op == codes.NODE_LIST or (node.op == codes.NODE_CONSTANT and isinstance(node.value, list))


def _items(node: Expression) -> list[Expression]:
    if node.op == codes.NODE_LIST:
        return list(node.children)
    return [Expression(codes.NODE_CONSTANT, value=item) for item in node.value]


_CHECKS: dict[str, Callable[[Expression, Origin, Notes], None]] = {
    "var": _check_variable,
    "starts_with": _check_texts,
    "ends_with": _check_texts,
    "sem_ver": _check_version,
    "fractional": _check_fractional,
}
