"""What a condition row refers to: the checks of it at load, and the decoding of 64-bit payloads.

Used by ``_pure`` and ``snapshot.describe``.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sized
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from evaluator._pure.networks import is_network
from evaluator._pure.places import read_zone
from evaluator._pure.rows import ConditionRow
from evaluator._pure.values import is_nan
from evaluator.errors import SnapshotError
from evaluator.snapshot import opcodes as codes

if TYPE_CHECKING:
    from evaluator._pure.program import Program

_HEADER: Final = struct.Struct("<IIII")  # of a set and of an automaton
DIGEST_ITEM: Final = 36  # bytes: the length of the part, its SHA-256
_WITHOUT_ATTRIBUTE: Final = frozenset({codes.OP_NOW, codes.OP_BUCKET, codes.OP_PREREQUISITE, codes.OP_EXPRESSION})
_COMPARING: Final = frozenset(
    {codes.OP_TIME, codes.OP_VERSION, codes.OP_LENGTH, codes.OP_DISTANCE, codes.OP_NOW, codes.OP_ORDER}
)


def require(holds: bool, complaint: str) -> None:
    if not holds:
        raise SnapshotError(complaint)


def within(index: int, table: Sized, what: str) -> None:
    """An index that must be one of the table's."""
    require(index < len(table), f"{what} is not there")


def span(start: int, count: int, table: Sized, what: str) -> None:
    """A run of rows or bytes that must lie in the table; an empty one refers to nothing."""
    require(count == 0 or start + count <= len(table), f"{what} lie outside their table")


def text_prefix(text: bytes) -> int:
    """The first 8 bytes, zero-padded, as a little-endian number."""
    return int.from_bytes(text[:8], "little")


def as_integer(bits: int) -> int:
    """A payload as an i64."""
    return bits - (1 << 64) if bits >> 63 else bits


def as_double(bits: int) -> float:
    """A payload as a double."""
    value: float = struct.unpack("<d", bits.to_bytes(8, "little"))[0]
    return value


def number_operand(row: ConditionRow) -> int | float:
    """The operand of EQ_NUMBER and of the order operators."""
    return as_integer(row.payload) if row.mode & codes.MODE_INTEGER else as_double(row.payload)


def is_flat_map(value: object) -> bool:
    """A map whose values are texts, booleans, integers and finite floats."""
    return isinstance(value, dict) and all(_is_flat(item) for item in value.values())


def _is_flat(value: object) -> bool:
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def is_zone(zones: bytes, at: int) -> bool:
    try:
        transitions, _, _ = read_zone(zones, at)
    except struct.error:
        return False
    return all(left < right for left, right in pairwise(transitions))


def unknown_conditions(program: Program, nodes: list[bool], outcomes: list[bool]) -> list[bool]:
    """Checks what every condition refers to; says which of them have codes that this core doesn't know."""
    return [_condition_is_unknown(program, row, nodes, outcomes) for row in program.conditions]


def _condition_is_unknown(program: Program, row: ConditionRow, nodes: list[bool], outcomes: list[bool]) -> bool:
    if row.op not in _CHECKS:
        return True
    if _has_unknown_comparison(row):
        return True
    if row.op not in _WITHOUT_ATTRIBUTE and not (row.op == codes.OP_WINDOW and row.attribute == codes.NONE_16):
        within(row.attribute, program.attributes, "a condition's attribute")
    _CHECKS[row.op](program, row)
    if row.op == codes.OP_EXPRESSION:
        return nodes[row.offset]
    return row.op == codes.OP_BUCKET and outcomes[row.offset]


def _has_unknown_comparison(row: ConditionRow) -> bool:
    if row.op not in _COMPARING or row.mode & codes.CMP_MASK <= codes.CMP_GE:
        return False
    is_range = row.mode & (codes.MODE_VERSION_SAME_MINOR | codes.MODE_VERSION_SAME_MAJOR)
    return not (row.op == codes.OP_VERSION and is_range)


def _nothing(program: Program, row: ConditionRow) -> None:
    """The operand is the payload or the mode alone, and any is right."""


def _text(program: Program, row: ConditionRow) -> None:
    span(row.offset, row.length, program.text, "a condition's text")


def _equal_text(program: Program, row: ConditionRow) -> None:
    _text(program, row)
    require(text_prefix(program.slice(row.offset, row.length)) == row.payload, "a condition's text has another prefix")


def _text_refs(program: Program, row: ConditionRow) -> None:
    span(row.offset, row.count, program.text_refs, "a condition's texts")


def _text_table(program: Program, row: ConditionRow) -> None:
    at = row.offset * 8
    require(at + _HEADER.size <= len(program.sets), "a condition's set is not there")
    _, slots, heap_bytes, _ = _HEADER.unpack_from(program.sets, at)
    require(slots > 0 and at + _HEADER.size + 4 * slots + heap_bytes <= len(program.sets), "a condition's set is cut off")


def _integers(program: Program, row: ConditionRow) -> None:
    _ascending(program, row, as_integer)


def _floats(program: Program, row: ConditionRow) -> None:
    _ascending(program, row, as_double)


def _ascending(program: Program, row: ConditionRow, decode: Callable[[int], int | float]) -> None:
    span(row.offset, row.count, program.numbers, "a condition's numbers")
    numbers = [decode(bits) for bits in program.numbers[row.offset : row.offset + row.count]]
    is_sorted = all(left <= right for left, right in pairwise(numbers)) and not any(map(is_nan, numbers))
    require(is_sorted, "a condition's numbers are not sorted")


def networks_of(program: Program, row: ConditionRow) -> list[tuple[int, int, int]]:
    """The networks that a row refers to."""
    numbers = program.numbers[row.offset : row.offset + row.count * codes.NETWORK_NUMBERS]
    return list(zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True))


def _networks(program: Program, row: ConditionRow) -> None:
    span(row.offset, row.count * codes.NETWORK_NUMBERS, program.numbers, "a condition's networks")
    for kind, _, _ in networks_of(program, row):
        require(is_network(kind), "a condition's network is none")


def _boolean(program: Program, row: ConditionRow) -> None:
    require(row.payload <= 1, "a condition's boolean is neither 0 nor 1")


def _value(program: Program, row: ConditionRow) -> None:
    within(row.offset, program.values, "a condition's value")


def _list_value(program: Program, row: ConditionRow) -> None:
    _value(program, row)
    require(isinstance(program.values[row.offset], list), "a condition's value is no list")


def _whole(program: Program, row: ConditionRow) -> None:
    _value(program, row)
    require(isinstance(program.values[row.offset], str | list), "a condition's value is neither text nor list")


def _modulo(program: Program, row: ConditionRow) -> None:
    require(row.count == 2, "a condition has no two numbers")
    span(row.offset, row.count, program.numbers, "a condition's numbers")
    require(as_integer(row.payload) > 0, "a condition's modulus is not positive")


def _automaton(program: Program, row: ConditionRow) -> None:
    _text(program, row)
    check_automaton(program, row.payload * 8)


def check_automaton(program: Program, at: int) -> None:
    """The automaton at this place of its section: inside it, and leading nowhere else."""
    require(at + _HEADER.size + 256 <= len(program.automata), "an automaton is not there")
    states, classes, start, _ = _HEADER.unpack_from(program.automata, at)
    class_of, table = at + _HEADER.size, at + _HEADER.size + 256
    require(classes > 0 and start < states, "an automaton's header is wrong")
    require(table + 2 * states * classes <= len(program.automata), "an automaton is cut off")
    require(max(program.automata[class_of:table]) < classes, "an automaton has an unknown class")
    require(
        max(struct.unpack_from(f"<{states * classes}H", program.automata, table)) < states, "an automaton has an unknown state"
    )


def _digests(program: Program, row: ConditionRow) -> None:
    _text(program, row)
    span(row.payload, row.count * DIGEST_ITEM, program.text, "a condition's digests")


def _place(program: Program, row: ConditionRow) -> None:
    within(row.offset, program.places, "a condition's place")


def _window(program: Program, row: ConditionRow) -> None:
    within(row.offset, program.windows, "a condition's window")


def _bucket(program: Program, row: ConditionRow) -> None:
    within(row.offset, program.outcomes, "a condition's split")
    kind = program.outcomes[row.offset].kind
    require(kind == codes.OUTCOME_SPLIT or kind > codes.OUTCOME_LAST, "a condition's split is another outcome")


def _prerequisite(program: Program, row: ConditionRow) -> None:
    within(row.payload, program.flags, "a condition's flag")
    span(row.offset, row.count, program.numbers, "a condition's variants")
    for variant in program.numbers[row.offset : row.offset + row.count]:
        within(variant, program.variants, "a condition's variant")


def _expression(program: Program, row: ConditionRow) -> None:
    within(row.offset, program.nodes, "a condition's expression")


def _path(program: Program, row: ConditionRow) -> None:
    within(row.offset, program.paths, "a condition's path")
    within(row.length, program.values, "a condition's value at a path")


_CHECKS: Final[dict[int, Callable[[Program, ConditionRow], None]]] = {
    codes.OP_EQ_TEXT: _equal_text,
    codes.OP_IN_TEXT_SMALL: _text_refs,
    codes.OP_IN_TEXT_TABLE: _text_table,
    codes.OP_EQ_NUMBER: _nothing,
    codes.OP_IN_INTEGER: _integers,
    codes.OP_IN_FLOAT: _floats,
    codes.OP_EQ_BOOLEAN: _boolean,
    codes.OP_IS_NULL: _nothing,
    codes.OP_EQ_VALUE: _value,
    codes.OP_LESS: _nothing,
    codes.OP_LESS_EQUAL: _nothing,
    codes.OP_GREATER: _nothing,
    codes.OP_GREATER_EQUAL: _nothing,
    codes.OP_CONTAINS_TEXT: _text,
    codes.OP_STARTS_WITH: _text,
    codes.OP_ENDS_WITH: _text,
    codes.OP_MATCHES: _automaton,
    codes.OP_TIME: _nothing,
    codes.OP_VERSION: _text,
    codes.OP_LENGTH: _nothing,
    codes.OP_DISTANCE: _place,
    codes.OP_WINDOW: _window,
    codes.OP_NOW: _nothing,
    codes.OP_BUCKET: _bucket,
    codes.OP_PREREQUISITE: _prerequisite,
    codes.OP_EXPRESSION: _expression,
    codes.OP_CONTAINS_ALL: _list_value,
    codes.OP_CONTAINS_ANY: _list_value,
    codes.OP_PATH: _path,
    codes.OP_EXISTS: _nothing,
    codes.OP_ORDER: _value,
    codes.OP_WITHIN: _whole,
    codes.OP_MODULO: _modulo,
    codes.OP_IN_NETWORK: _networks,
    codes.OP_DIGEST: _digests,
}
