"""Random value expressions (``ir.Expression``): every node, in the shapes it expects and others. Parity tests only."""

from random import Random
from typing import Any

from config_sync.ir import Expression
from evaluator.snapshot import opcodes as codes
from tests.parity import values

PATHS = (
    "a",
    "b",
    "user.name",
    "list.0",
    "list.1.name",
    "",
    "targetingKey",
    "$flagd.flagKey",
    "$flagd.timestamp",
    "absent",
    0,
    None,
    "current",
    "accumulator",
)
FRACTIONALS = (codes.NODE_FRACTIONAL, codes.NODE_FRACTIONAL_SIGNED, codes.NODE_FRACTIONAL_CBOR)
ITERATORS = (codes.NODE_MAP, codes.NODE_FILTER, codes.NODE_REDUCE, codes.NODE_ALL, codes.NODE_NO, codes.NODE_SOME)
OPERATORS = [number for number in range(1, codes.NODE_LAST + 1) if number != codes.NODE_CONSTANT]
COMPARISONS = ("=", "!=", "<", "<=", ">", ">=", "^", "~", "?")


def constant(value: Any) -> Expression:
    return Expression(codes.NODE_CONSTANT, value=value)


def _list(*children: Expression) -> Expression:
    return Expression(codes.NODE_LIST, children)


def _leaf(chance: Random) -> Expression:
    if chance.randrange(2):
        return variable(chance)
    return constant(chance.choice((values.json_value(chance, 1), True, "on", "off", "US", 1, [1, 2, 3])))


def variable(chance: Random) -> Expression:
    children = [constant(chance.choice(PATHS))]
    if not chance.randrange(3):
        children.append(constant(values.json_value(chance, 0)))
    return Expression(codes.NODE_VARIABLE, tuple(children))


def _fractional(chance: Random, depth: int) -> Expression:
    pairs = [
        _list(
            constant(chance.choice(("on", "off", "US", 1, True, None))),
            constant(chance.choice((50, 1, 0, -5, 33.0, 2**31, "x", None))),
        )
        for _ in range(chance.randrange(4))
    ]
    if not chance.randrange(3):
        pairs.append(_list(constant("on")))
    unit = [expression(chance, depth - 1)] if chance.randrange(2) else []
    return Expression(chance.choice(FRACTIONALS), (*unit, *pairs))


def _iterator(chance: Random, depth: int) -> Expression:
    """The body sees the element as the variable of the empty path."""
    over = chance.choice((constant([1, 2, "US", None]), variable(chance), expression(chance, depth - 1)))
    body = Expression(chance.choice((codes.NODE_ADD, codes.NODE_EQUAL, codes.NODE_TRUTH)), (variable(chance), constant(1)))
    op = chance.choice(ITERATORS)
    rest = (constant(0),) if op == codes.NODE_REDUCE else ()
    return Expression(op, (over, chance.choice((body, expression(chance, depth - 1))), *rest))


def _version(chance: Random) -> Expression:
    texts = ("1.2.3", "v1.2", "1.2.3-alpha.1", "x", 1)
    return Expression(
        codes.NODE_VERSION,
        (constant(chance.choice(texts)), constant(chance.choice(COMPARISONS)), constant(chance.choice(texts))),
    )


def expression(chance: Random, depth: int) -> Expression:
    """A tree of at most ``depth`` levels below its root."""
    kind = chance.randrange(10) if depth > 0 else 0
    if kind < 3:
        return _leaf(chance)
    if kind == 3:
        return _fractional(chance, depth)
    if kind == 4:
        return _iterator(chance, depth)
    if kind == 5:
        return _version(chance)
    children = tuple(expression(chance, depth - 1) for _ in range(chance.randrange(4)))
    op = chance.choice(OPERATORS)
    if op in (codes.NODE_STARTS_WITH, codes.NODE_ENDS_WITH, codes.NODE_IN) and chance.randrange(2):
        children = (constant(chance.choice(values.TEXTS)), constant(chance.choice(("a", "US", "user-", ""))))
    return Expression(op, children)
