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
SCRIPTED = range(codes.NODE_TEXT, codes.NODE_SAME_JSON + 1)
PLAIN = [number for number in range(2, codes.NODE_LAST + 1) if number != codes.NODE_MATCHES]
PATTERNS = ("US", "^user-", "[0-9]+$", "a|b", "^$", "^null$", "object", "ß", "[^a-z]")
SCRIPTS: tuple[Any, ...] = (
    "", " ", "0x1F", "0xfffffffffffff8001", "0b101", "0o17", "0b12", "0x", "-Infinity", "Infinity", "\u00a012\ufeff", "1e21",
    "1.5e-7", "\ue000", "\U0001f600", "ΑΣ", "İ", "v1.2.3+x", "1.2.3", "1-2", "1.2.3-rc.1", "v1\n+2+3", "12345.123456", 1e21,
    1e-7, 123456789.125, 2**53 + 1, -0.0, [], [1, [None, "a"], True], [[]], {"b": 1, "a": 2}, {"a": 2, "b": 1},
    {"1": 1, "x": 2, "0": 3}, {"x": 2, "1": 1, "0": 3}, [{"a": 1}], ["array"], ["array", 1, ["array", None, "a"], True],
    ["object", "a", 2, "b", 1],
    ["object", "0", 3, "1", 1, "x", 2], ["object", "a"], ["object", 1, 2], None, True, False, 0, "5", ["5"],
)  # fmt: skip
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
    return Expression(codes.NODE_VARIABLE, tuple(children), mode=chance.choice((0, 0, codes.MODE_MEMBERS)))


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


def _scripted(chance: Random, depth: int) -> Expression:
    """ECMAScript's view: values it is particular about, one inside the other, and comparisons of them."""

    def operand() -> Expression:
        kind = chance.randrange(4)
        if kind == 0 and depth > 0:
            return _scripted(chance, depth - 1)
        return constant(chance.choice(SCRIPTS)) if kind < 3 else variable(chance)

    op = chance.choice(SCRIPTED)
    if op == codes.NODE_MATCHES:
        text = Expression(codes.NODE_TEXT, (operand(),)) if chance.randrange(2) else operand()
        return Expression(op, (text, constant(chance.choice(PATTERNS))))
    if not chance.randrange(3):
        return Expression(codes.NODE_SAME, (Expression(op, (operand(), operand())), operand()))
    return Expression(op, tuple(operand() for _ in range(chance.choice((0, 1, 2, 2)))))


def expression(chance: Random, depth: int) -> Expression:
    """A tree of at most ``depth`` levels below its root."""
    kind = chance.randrange(12) if depth > 0 else 0
    if kind < 3:
        return _leaf(chance)
    if kind == 3:
        return _fractional(chance, depth)
    if kind == 4:
        return _iterator(chance, depth)
    if kind == 5:
        return _version(chance)
    if kind in (6, 7):
        return _scripted(chance, depth - 1)
    children = tuple(expression(chance, depth - 1) for _ in range(chance.randrange(4)))
    op = chance.choice(PLAIN)
    if op in (codes.NODE_STARTS_WITH, codes.NODE_ENDS_WITH, codes.NODE_IN) and chance.randrange(2):
        children = (constant(chance.choice(values.TEXTS)), constant(chance.choice(("a", "US", "user-", ""))))
    return Expression(op, children)
