"""The operators that look at a value: one small function each, chosen by the OP_* code (docs/snapshot-format.md, section 3).

``test(program, row, value)`` answers True, False, or None for "unknown". NOW, BUCKET, PREREQUISITE and EXPRESSION look at
no value; ``walk`` answers them. Used by ``_pure.walk`` only.
"""

from __future__ import annotations

import hashlib
import struct
from bisect import bisect_left
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from evaluator._pure.hashing import murmur3_32
from evaluator._pure.networks import is_in_network, parse_address
from evaluator._pure.operands import DIGEST_ITEM, as_double, as_integer, networks_of, number_operand
from evaluator._pure.places import as_place, distance, in_window
from evaluator._pure.rows import ConditionRow
from evaluator._pure.texts import folded, text_as_wanted, text_of
from evaluator._pure.times import as_instant, is_full
from evaluator._pure.values import (
    BLANKS,
    MISSING,
    UNORDERED,
    as_items,
    as_number,
    at_path,
    deep_equal,
    dict_keys,
    is_nan,
    is_unicode,
    order_against,
    plain,
)
from evaluator._pure.versions import as_version, compare_versions, is_range, parse_version, same_range
from evaluator.snapshot import opcodes as codes

if TYPE_CHECKING:
    from evaluator._pure.program import Program

Truth = bool | None
Operator = Callable[["Program", ConditionRow, Any], Truth]

_WITHIN_UNITS: Final = 0.01  # what "equal" means for a distance
_SET_HEADER: Final = struct.Struct("<IIII")
_HEADER_BYTES: Final = 16


def test(program: Program, row: ConditionRow, value: Any) -> Truth:
    """The answer of a row's operator for a value that is there; with MODE_EACH, of a list: whether any element satisfies it."""
    if row.mode & codes.MODE_EACH and row.op != codes.OP_WINDOW and isinstance(value, list | tuple):
        return any(_test(program, row, item) is True for item in as_items(value) or () if _is_usable(item))
    return _test(program, row, value)


def _is_usable(item: object) -> bool:
    return not isinstance(item, str) or is_unicode(plain(item))


def _test(program: Program, row: ConditionRow, value: Any) -> Truth:
    """One value; unknown as well when anything in it raises."""
    value = plain(value)
    if value is None and row.op not in _NULL_OPERATORS:
        return None
    try:
        return _OPERATORS[row.op](program, row, value)
    except Exception:  # a hostile object's __eq__, __hash__ or __getattr__ must never reach the caller
        return None


def compare(code: int, order: int) -> bool:
    """A CMP_* code applied to an order of -1, 0 or 1."""
    return (order == 0, order != 0, order < 0, order <= 0, order > 0, order >= 0)[code & codes.CMP_MASK]


def order_of(left: int, right: int) -> int:
    return (left > right) - (left < right)


# --- equality and membership ------------------------------------------------------------------------------------------------


def _equal_text(program: Program, row: ConditionRow, value: Any) -> Truth:
    return isinstance(value, str) and value.encode() == program.slice(row.offset, row.length)


def _in_few_texts(program: Program, row: ConditionRow, value: Any) -> Truth:
    refs = program.text_refs[row.offset : row.offset + row.count]
    return isinstance(value, str) and any(program.slice(ref.offset, ref.length) == value.encode() for ref in refs)


def _in_text_table(program: Program, row: ConditionRow, value: Any) -> Truth:
    return isinstance(value, str) and _find_in_set(program.sets, row.offset * 8, value.encode())


def _find_in_set(sets: bytes, at: int, wanted: bytes) -> bool:
    """Linear probing from the hash's slot; every string must lie inside the heap, and the search ends after all slots."""
    _, slots, heap_bytes, _ = _SET_HEADER.unpack_from(sets, at)
    digest = murmur3_32(wanted, codes.SET_SEED)
    slot_area = at + _HEADER_BYTES
    heap = sets[slot_area + 4 * slots : slot_area + 4 * slots + heap_bytes]
    slot = (digest * slots) >> 32
    for _ in range(slots):
        (entry,) = struct.unpack_from("<I", sets, slot_area + 4 * slot)
        if entry == codes.SET_EMPTY_SLOT:
            return False
        if entry & 255 == digest & 255 and _string_at(heap, entry >> 8) == wanted:
            return True
        slot = (slot + 1) % slots
    return False


def _string_at(heap: bytes, offset: int) -> bytes | None:
    """The string with its u16 length at this place of the heap, or None if it doesn't fit."""
    if offset + 2 > len(heap):
        return None
    end = offset + 2 + int.from_bytes(heap[offset : offset + 2], "little")
    return heap[offset + 2 : end] if end <= len(heap) else None


def _equal_number(program: Program, row: ConditionRow, value: Any) -> Truth:
    number = as_number(value, coerce_text=False)
    return number is not None and number == number_operand(row)


def _in_integers(program: Program, row: ConditionRow, value: Any) -> Truth:
    return _in_numbers(program, row, value, as_integer)


def _in_floats(program: Program, row: ConditionRow, value: Any) -> Truth:
    return _in_numbers(program, row, value, as_double)


def _in_numbers(program: Program, row: ConditionRow, value: Any, decode: Callable[[int], float]) -> bool:
    """Integers and floats compare exactly in Python, so a whole float finds its integer and no other."""
    number = as_number(value, coerce_text=False)
    if number is None or is_nan(number):
        return False
    numbers = [decode(bits) for bits in program.numbers[row.offset : row.offset + row.count]]
    place = bisect_left(numbers, number)
    return place < len(numbers) and numbers[place] == number


def _equal_boolean(program: Program, row: ConditionRow, value: Any) -> Truth:
    return value is (row.payload == 1)


def _is_null(program: Program, row: ConditionRow, value: Any) -> Truth:
    return value is None


def _equal_value(program: Program, row: ConditionRow, value: Any) -> Truth:
    return deep_equal(program.values[row.offset], value, _boolean_number(row))


def _boolean_number(row: ConditionRow) -> bool:
    return bool(row.mode & codes.MODE_BOOLEAN_NUMBER)


def _exists(program: Program, row: ConditionRow, value: Any) -> Truth:
    return True


# --- order ------------------------------------------------------------------------------------------------------------------


def _in_order(program: Program, row: ConditionRow, value: Any) -> Truth:
    number = as_number(value, coerce_text=bool(row.mode & codes.MODE_COERCE_TEXT))
    if number is None or (row.mode & codes.MODE_EXACT_TEXT and isinstance(value, str) and value != value.strip(BLANKS)):
        return None
    operand = number_operand(row)
    if row.op == codes.OP_LESS:
        return number < operand
    if row.op == codes.OP_LESS_EQUAL:
        return number <= operand
    return number > operand if row.op == codes.OP_GREATER else number >= operand


def _order(program: Program, row: ConditionRow, value: Any) -> Truth:
    order = order_against(value, program.values[row.offset], _boolean_number(row))
    if order is None:
        return None
    return order != UNORDERED and compare(row.mode, order)


def _modulo(program: Program, row: ConditionRow, value: Any) -> Truth:
    number = as_number(value, coerce_text=False)
    if number is None:
        return None
    first, last = map(as_integer, program.numbers[row.offset : row.offset + row.count])
    return first <= number % as_integer(row.payload) <= last  # the remainder has the sign of the modulus, which is positive


def _time(program: Program, row: ConditionRow, value: Any) -> Truth:
    instant = instant_for(row, value)
    return None if instant is None else compare(row.mode, order_of(instant, as_integer(row.payload)))


def instant_for(row: ConditionRow, value: Any) -> int | None:
    """The value as an instant, in a string of the form that the row's mode wants."""
    if row.mode & codes.MODE_INSTANT_FULL and isinstance(value, str) and not is_full(value):
        return None
    return as_instant(value, row.mode)


def _version(program: Program, row: ConditionRow, value: Any) -> Truth:
    operand = parse_version(program.slice(row.offset, row.length).decode(), row.mode)
    version = as_version(value, row.mode, bool(row.count & codes.VERSION_TEXT_ONLY))
    if version is None or operand is None:
        return None
    if is_range(row.mode):
        return same_range(version, operand, row.mode)
    return compare(row.mode, compare_versions(version, operand))


def _length(program: Program, row: ConditionRow, value: Any) -> Truth:
    items = as_items(value)
    if items is not None:
        length = len(items)
    elif isinstance(value, str):
        length = len(value)
    elif isinstance(value, dict):
        length = dict.__len__(value)
    else:
        return None
    return compare(row.mode, order_of(length, as_integer(row.payload)))


def _distance(program: Program, row: ConditionRow, value: Any) -> Truth:
    place = as_place(value)
    if place is None:
        return None
    target = program.places[row.offset]
    far = distance(place, target)
    code = row.mode & codes.CMP_MASK
    if code in (codes.CMP_EQ, codes.CMP_NE):
        return (abs(far - target.radius) <= _WITHIN_UNITS) == (code == codes.CMP_EQ)
    return compare(code, (far > target.radius) - (far < target.radius))


def _window(program: Program, row: ConditionRow, value: Any) -> Truth:
    instant = instant_for(row, value)
    return None if instant is None else in_window(program.windows[row.offset], program.zones, instant)


# --- text -------------------------------------------------------------------------------------------------------------------


def _contains_text(program: Program, row: ConditionRow, value: Any) -> Truth:
    wanted = program.slice(row.offset, row.length)
    items = as_items(value)
    if items is not None:
        texts = (text_of(row, item) for item in items)
        return any(folded(row, text) == wanted for text in texts if text is not None)
    text = text_as_wanted(row, value)
    return None if text is None else wanted in folded(row, text)


def _starts_with(program: Program, row: ConditionRow, value: Any) -> Truth:
    text = text_as_wanted(row, value)
    return None if text is None else folded(row, text).startswith(program.slice(row.offset, row.length))


def _ends_with(program: Program, row: ConditionRow, value: Any) -> Truth:
    text = text_as_wanted(row, value)
    return None if text is None else folded(row, text).endswith(program.slice(row.offset, row.length))


def _matches(program: Program, row: ConditionRow, value: Any) -> Truth:
    text = text_as_wanted(row, value)
    return None if text is None else accepts(program.automata, row.payload * 8, text.encode())


def accepts(automata: bytes, at: int, text: bytes) -> bool:
    """Runs the automaton over the bytes and then the end of input; it stops where it is dead or has accepted."""
    _, classes, state, _ = _SET_HEADER.unpack_from(automata, at)
    class_of, table = at + _HEADER_BYTES, at + _HEADER_BYTES + 256
    inputs = [automata[class_of + byte] for byte in text] + [classes - 1]
    for column in inputs:
        if state in (codes.AUTOMATON_DEAD, codes.AUTOMATON_ACCEPT):
            break
        (state,) = struct.unpack_from("<H", automata, table + 2 * (state * classes + column))
    return bool(state == codes.AUTOMATON_ACCEPT)


def _digest(program: Program, row: ConditionRow, value: Any) -> Truth:
    """One of the value's parts has one of the digests; of a list, one of its texts."""
    texts = as_items(value)
    if texts is None and not isinstance(value, str):
        return None
    found = [text.encode() for text in texts or [] if isinstance(text, str) and is_unicode(text)]
    found += [value.encode()] if isinstance(value, str) else []
    return any(_has_digest(program, row, text) for text in found)


def _has_digest(program: Program, row: ConditionRow, text: bytes) -> bool:
    salt = program.slice(row.offset, row.length)
    for at in range(row.payload, row.payload + DIGEST_ITEM * row.count, DIGEST_ITEM):
        length = int.from_bytes(program.slice(at, 4), "little")
        part = _part(text, length, bool(row.mode & codes.MODE_FROM_END))
        if part is not None and hashlib.sha256(part + salt).digest() == program.slice(at + 4, 32):
            return True
    return False


def _part(text: bytes, length: int, from_end: bool) -> bytes | None:
    """The first or last bytes, as many as asked for; None if there aren't."""
    if length == codes.DIGEST_WHOLE:
        return text
    if length > len(text):
        return None
    return text[len(text) - length :] if from_end else text[:length]


# --- lists and paths --------------------------------------------------------------------------------------------------------


def _contains_values(program: Program, row: ConditionRow, value: Any) -> Truth:
    wanted, mode = program.values[row.offset], _boolean_number(row)
    every = all if row.op == codes.OP_CONTAINS_ALL else any
    if row.mode & codes.MODE_CONTAINER and isinstance(value, str):
        return every(part in value for part in wanted) if all(isinstance(part, str) for part in wanted) else None
    items = dict_keys(value) if row.mode & codes.MODE_CONTAINER and isinstance(value, dict) else as_items(value)
    if items is None:
        return None
    return every(any(deep_equal(part, item, mode) for item in items) for part in wanted)


def _within(program: Program, row: ConditionRow, value: Any) -> Truth:
    whole, mode = program.values[row.offset], _boolean_number(row)
    if isinstance(whole, str):
        return value in whole if isinstance(value, str) else None
    items = as_items(value)
    return None if items is None else all(any(deep_equal(wanted, item, mode) for wanted in whole) for item in items)


def _path(program: Program, row: ConditionRow, value: Any) -> Truth:
    if isinstance(value, str):
        from evaluator import json_text

        value = json_text.parse(value)  # what is no JSON raises, and so is unknown
    found = at_path(value, program.paths[row.offset])
    return None if found is MISSING else deep_equal(program.values[row.length], found)


def _in_network(program: Program, row: ConditionRow, value: Any) -> Truth:
    address = parse_address(value) if isinstance(value, str) else None
    if address is None:
        return None
    return any(is_in_network(address, network) for network in networks_of(program, row))


_NULL_OPERATORS: Final = frozenset(
    {codes.OP_EQ_TEXT, codes.OP_EQ_NUMBER, codes.OP_EQ_BOOLEAN, codes.OP_IS_NULL, codes.OP_EQ_VALUE, codes.OP_EXISTS}
)
_OPERATORS: Final[dict[int, Operator]] = {
    codes.OP_EQ_TEXT: _equal_text,
    codes.OP_IN_TEXT_SMALL: _in_few_texts,
    codes.OP_IN_TEXT_TABLE: _in_text_table,
    codes.OP_EQ_NUMBER: _equal_number,
    codes.OP_IN_INTEGER: _in_integers,
    codes.OP_IN_FLOAT: _in_floats,
    codes.OP_EQ_BOOLEAN: _equal_boolean,
    codes.OP_IS_NULL: _is_null,
    codes.OP_EQ_VALUE: _equal_value,
    codes.OP_LESS: _in_order,
    codes.OP_LESS_EQUAL: _in_order,
    codes.OP_GREATER: _in_order,
    codes.OP_GREATER_EQUAL: _in_order,
    codes.OP_CONTAINS_TEXT: _contains_text,
    codes.OP_STARTS_WITH: _starts_with,
    codes.OP_ENDS_WITH: _ends_with,
    codes.OP_MATCHES: _matches,
    codes.OP_TIME: _time,
    codes.OP_VERSION: _version,
    codes.OP_LENGTH: _length,
    codes.OP_DISTANCE: _distance,
    codes.OP_WINDOW: _window,
    codes.OP_CONTAINS_ALL: _contains_values,
    codes.OP_CONTAINS_ANY: _contains_values,
    codes.OP_PATH: _path,
    codes.OP_EXISTS: _exists,
    codes.OP_ORDER: _order,
    codes.OP_WITHIN: _within,
    codes.OP_MODULO: _modulo,
    codes.OP_IN_NETWORK: _in_network,
    codes.OP_DIGEST: _digest,
}
