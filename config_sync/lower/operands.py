"""From a test's semantic operator to physical rows: which opcode, which operand. Used by the lowering only.

A test becomes a chain of leaves, joined by *or*: mostly one, more when a list mixes types. The choice follows from the
operand's type alone, so that evaluation never asks what it compares with.
"""

from typing import Any, NamedTuple

from config_sync import ir
from config_sync.lower.sections import double_bits, signed_bits, text_prefix
from config_sync.lower.sets import build_sets
from config_sync.lower.tables import Tables
from config_sync.lower.windows import add_window
from evaluator.snapshot import opcodes as codes
from evaluator.snapshot.layout import NUMBER, TEXT_REF

SMALL_LIST = 4  # texts compared one by one rather than looked up
SMALL_LIST_OF_CODES = 16  # the same when each fits the 8 bytes that are compared first
CODE_BYTES = 8
_EXACT = 1 << 53


class Leaf(NamedTuple):
    """One condition row without its jumps."""

    op: int
    mode: int = 0
    rows: int = 0
    offset: int = 0
    length: int = 0
    payload: int = 0


_COMPARISONS = {
    "less": codes.OP_LESS,
    "less_equal": codes.OP_LESS_EQUAL,
    "greater": codes.OP_GREATER,
    "greater_equal": codes.OP_GREATER_EQUAL,
}
_TEXT_OPERATORS = {"contains": codes.OP_CONTAINS_TEXT, "starts_with": codes.OP_STARTS_WITH, "ends_with": codes.OP_ENDS_WITH}
_LIST_OPERATORS = {"contains_all": codes.OP_CONTAINS_ALL, "contains_any": codes.OP_CONTAINS_ANY}
_INTEGER_OPERATORS = {"time": codes.OP_TIME, "length": codes.OP_LENGTH, "now": codes.OP_NOW}

# Operators that say "unknown" about a null; the others see a null as just another value.
_NULL_IS_UNKNOWN = {codes.OP_IN_TEXT_SMALL, codes.OP_IN_TEXT_TABLE, codes.OP_IN_INTEGER, codes.OP_IN_FLOAT}


def whole(value: int | float) -> int | float:
    """A float that is a whole number, and exact, as that integer: the cores compare integers faster."""
    if isinstance(value, float) and -_EXACT <= value <= _EXACT and value == int(value):
        return int(value)
    return value


def fits_integer(value: int | float) -> bool:
    return isinstance(value, int) and -(1 << 63) <= value < 1 << 63


class Operands:
    """Lowers operands into the tables; one that flags share through a segment is lowered once."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._automata: dict[tuple[str, int], int] = {}
        self._lists: dict[int, tuple[Any, list[Leaf]]] = {}  # by identity of the operand, which is kept alive beside

    def chain(self, test: ir.Test) -> list[Leaf]:
        """The leaves of one test. A first leaf that finds null comes before those to which null is unknown."""
        leaves = self._chain(test)
        return [leaf._replace(mode=leaf.mode | codes.MODE_EACH) for leaf in leaves] if test.mode & codes.MODE_EACH else leaves

    def _chain(self, test: ir.Test) -> list[Leaf]:
        operator = test.operator
        if operator == "equal":
            return [self._equal(test.operand, test.mode)]
        if operator == "one_of":
            known = self._lists.get(id(test.operand))
            if known is None:
                known = self._lists[id(test.operand)] = (test.operand, self._one_of(test.operand))
            return known[1]
        return [self._single(test)]

    def _single(self, test: ir.Test) -> Leaf:
        operator, operand, tables = test.operator, test.operand, self._tables
        if operator in _COMPARISONS:
            return self._number(_COMPARISONS[operator], operand, test.mode)
        if operator in _TEXT_OPERATORS:
            return self._text(_TEXT_OPERATORS[operator], operand, test.mode)
        if operator in _INTEGER_OPERATORS:
            return Leaf(_INTEGER_OPERATORS[operator], test.mode | test.compare, payload=signed_bits(operand))
        if operator == "version":
            leaf = self._text(codes.OP_VERSION, operand, test.mode | test.compare)
            return leaf._replace(rows=codes.VERSION_TEXT_ONLY) if test.text_only else leaf
        if operator in _LIST_OPERATORS:
            return Leaf(_LIST_OPERATORS[operator], test.mode, offset=tables.values.intern(list(operand)))
        return self._special(test)

    def _special(self, test: ir.Test) -> Leaf:
        operand, tables = test.operand, self._tables
        if test.operator == "matches":
            return self._matches(operand, test.mode)
        if test.operator == "window":
            return Leaf(codes.OP_WINDOW, test.mode, offset=add_window(tables, operand))
        if test.operator == "distance":
            place = (operand.latitude, operand.longitude, operand.radius, operand.km_per_unit)
            return Leaf(codes.OP_DISTANCE, test.compare, offset=tables.places.intern(*place))
        if test.operator == "path":
            path, expected = operand
            return Leaf(codes.OP_PATH, offset=tables.path(path), length=tables.values.intern(expected))
        if test.operator == "order":
            return Leaf(codes.OP_ORDER, test.mode | test.compare, offset=tables.values.intern(operand))
        if test.operator == "within":
            target = operand if isinstance(operand, str) else list(operand)
            return Leaf(codes.OP_WITHIN, test.mode, offset=tables.values.intern(target))
        if test.operator == "modulo":
            modulus, *span = operand
            numbers = tables.numbers.intern_run(b"".join(NUMBER.packer.pack(signed_bits(end)) for end in span))
            return Leaf(codes.OP_MODULO, 0, len(span), numbers, 0, modulus)
        if test.operator == "exists":
            return Leaf(codes.OP_EXISTS)
        if test.operator == "in_network":
            first = tables.numbers.intern_run(b"".join(map(_network, operand)))
            return Leaf(codes.OP_IN_NETWORK, 0, len(operand), first)
        if test.operator == "digest":
            return self._digest(operand, test.mode)
        raise ValueError(f"unknown operator {test.operator}")

    def _equal(self, operand: Any, mode: int) -> Leaf:
        if isinstance(operand, str):
            return self._text(codes.OP_EQ_TEXT, operand, 0)
        if operand is None:
            return Leaf(codes.OP_IS_NULL)
        if isinstance(operand, bool):
            return Leaf(codes.OP_EQ_BOOLEAN, payload=int(operand))
        if isinstance(operand, (int, float)):
            return self._number(codes.OP_EQ_NUMBER, operand, 0)
        return Leaf(codes.OP_EQ_VALUE, mode, offset=self._tables.values.intern(operand))

    def _text(self, op: int, operand: str, mode: int) -> Leaf:
        data = operand.encode()
        return Leaf(op, mode, 0, self._tables.text.intern(data), len(data), text_prefix(data))

    def _number(self, op: int, operand: int | float, mode: int) -> Leaf:
        value = whole(operand)
        if fits_integer(value):
            return Leaf(op, mode | codes.MODE_INTEGER, payload=signed_bits(int(value)))
        return Leaf(op, mode, payload=double_bits(float(value)))

    def _matches(self, pattern: str, mode: int) -> Leaf:
        from config_sync.regex import compile_for  # only a project with patterns pays for the import

        automaton = self._automata.get((pattern, mode))
        if automaton is None:
            table = compile_for(pattern, mode)
            automaton = self._automata[pattern, mode] = self._tables.automata.intern(table) // 8
        offset, length = self._tables.text_span(pattern)
        return Leaf(codes.OP_MATCHES, mode, 0, offset, length, automaton)

    def _digest(self, operand: ir.Digests, mode: int) -> Leaf:
        """Parts of one length together, so that each is hashed once."""
        parts = sorted((codes.DIGEST_WHOLE if length is None else length, digest) for length, digest in set(operand.items))
        items = self._tables.text.intern(b"".join(length.to_bytes(4, "little") + digest for length, digest in parts))
        offset, length = self._tables.text_span(operand.salt)
        return Leaf(codes.OP_DIGEST, mode, len(parts), offset, length, items)

    # --- lists --------------------------------------------------------------------------------------------------------

    def _one_of(self, items: tuple[Any, ...]) -> list[Leaf]:
        """Leaves in an order that keeps *or* exact: null and booleans, which are never unknown, before the rest."""
        leaves = [Leaf(codes.OP_IS_NULL)] if None in items else []
        leaves += [Leaf(codes.OP_EQ_BOOLEAN, payload=value) for value in sorted({int(x) for x in items if isinstance(x, bool)})]
        leaves += self._numbers([whole(x) for x in items if isinstance(x, (int, float)) and not isinstance(x, bool)])
        leaves += self._texts({x.encode() for x in items if isinstance(x, str)})
        return leaves

    def _numbers(self, items: list[int | float]) -> list[Leaf]:
        integers = sorted({int(x) for x in items if fits_integer(x)})
        floats = sorted({float(x) for x in items if not fits_integer(x)})
        leaves = []
        if integers:
            packed = b"".join(NUMBER.packer.pack(signed_bits(x)) for x in integers)
            leaves.append(Leaf(codes.OP_IN_INTEGER, 0, len(integers), self._tables.numbers.intern_run(packed)))
        if floats:
            packed = b"".join(NUMBER.packer.pack(double_bits(x)) for x in floats)
            leaves.append(Leaf(codes.OP_IN_FLOAT, 0, len(floats), self._tables.numbers.intern_run(packed)))
        return leaves

    def _texts(self, items: set[bytes]) -> list[Leaf]:
        if not items:
            return []
        few = SMALL_LIST_OF_CODES if max(map(len, items)) <= CODE_BYTES else SMALL_LIST
        if len(items) > few:
            tables = [self._tables.sets.intern(table) // 8 for table in build_sets(items)]
            return [Leaf(codes.OP_IN_TEXT_TABLE, offset=offset) for offset in tables]
        refs = [TEXT_REF.packer.pack(len(x), self._tables.text.intern(x), text_prefix(x)) for x in sorted(items)]
        return [Leaf(codes.OP_IN_TEXT_SMALL, 0, len(refs), self._tables.text_refs.intern_run(b"".join(refs)))]


def _network(network: ir.Network) -> bytes:
    """A network's numbers (NETWORK_NUMBERS): its kind, and its address without the bits that don't count."""
    bits = network.address << (96 if network.version == 4 else 0)
    bits &= (1 << 128) - (1 << (128 - network.prefix))
    numbers = (network.version << 8 | network.prefix, bits >> 64, bits & 0xFFFF_FFFF_FFFF_FFFF)
    return b"".join(map(NUMBER.packer.pack, numbers))


def sees_null(chain: list[Leaf]) -> bool:
    """Whether the chain of a list test answers for a null by itself: it has null as a member, or says unknown to it."""
    return any(leaf.op == codes.OP_IS_NULL or leaf.op in _NULL_IS_UNKNOWN for leaf in chain)
