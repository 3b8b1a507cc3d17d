"""Snapshots with codes of a newer compiler: tools show and compare them like any other, and no reference leads them astray."""

import struct
from typing import Any

import pytest

from config_sync import ir
from config_sync.diff import compare
from config_sync.disasm import disassemble
from config_sync.verify import verify
from evaluator.snapshot import opcodes as codes
from evaluator.snapshot.codec import decode_body, encode
from evaluator.snapshot.layout import SECTION_ENTRY, SECTIONS
from evaluator.snapshot.schema import Body
from tests.config_sync.build import check, flag, snapshot

_JUNK = 0xFF  # in every byte of the row that comes after the code and isn't a jump


def project() -> bytes:
    split = ir.Split(ir.Bucketing(), (ir.Range(5, "on"), ir.Range(9, "off")))
    constant = ir.Expression(codes.NODE_CONSTANT, value="on")
    computed = ir.Computed(ir.Expression(codes.NODE_OR, (constant, constant)))
    return snapshot(
        flag("a", check("equal", "p", "x")),
        flag("b", ir.Rule(split, codes.REASON_SPLIT)),
        flag("c", ir.Rule(computed, codes.REASON_TARGETING_MATCH)),
        flag("d", ir.Prerequisite("a", ("on",))),
    )


def altered(data: bytes, section: str, number: int, changes: dict[int, int]) -> bytes:
    """The snapshot with these bytes of a row changed, and a checksum that fits."""
    body = decode_body(data)
    place = [name for name, _ in SECTIONS].index(section)
    start, count = SECTION_ENTRY.packer.unpack_from(body.tables, place * SECTION_ENTRY.size)
    size = SECTIONS[place][1].size
    tables = bytearray(body.tables)
    for offset, value in changes.items():
        tables[start * 8 + (number % count) * size + offset] = value
    fields: dict[str, Any] = {name: getattr(body, name) for name in Body.__struct_fields__}
    return encode(Body(**{**fields, "tables": bytes(tables)}))


def row_of(section: str, offset: int, value: int) -> int:
    """The first row of the project's section with this byte at this offset."""
    body = decode_body(project())
    place = [name for name, _ in SECTIONS].index(section)
    start, count = struct.unpack_from("<II", body.tables, place * 8)
    size = SECTIONS[place][1].size
    return next(row for row in range(count) if body.tables[start * 8 + row * size + offset] == value)


SPLIT_ROW, COMPUTED_ROW = row_of("outcomes", 0, codes.OUTCOME_SPLIT), row_of("outcomes", 0, codes.OUTCOME_EXPRESSION)
CONSTANT_ROW = row_of("outcomes", 0, codes.OUTCOME_CONSTANT)
JUNK_AFTER = {offset: _JUNK for offset in range(8, 16)}
NEWER: list[tuple[str, int, dict[int, int]]] = [
    ("conditions", 0, {0: 200, 2: 0x77, 3: 0x77, **{offset: _JUNK for offset in range(12, 32)}}),
    ("outcomes", SPLIT_ROW, {0: 77, **JUNK_AFTER}),
    ("outcomes", SPLIT_ROW, {1: 77, **JUNK_AFTER}),
    ("outcomes", SPLIT_ROW, {2: 77, **JUNK_AFTER}),
    ("outcomes", SPLIT_ROW, {3: 77, **JUNK_AFTER}),
    ("outcomes", SPLIT_ROW, {6: 77, **JUNK_AFTER}),
    ("outcomes", COMPUTED_ROW, {0: 77, **JUNK_AFTER}),
    ("outcomes", CONSTANT_ROW, {0: 77, **JUNK_AFTER}),
    ("nodes", 0, {0: 200, 2: 0xFF, 4: 0xFF, 5: 0xFF}),
    ("rules", 0, {6: 200}),
    ("flags", 0, {18: 200}),
    ("flags", 0, {19: 7}),
]


@pytest.mark.parametrize(("section", "number", "changes"), NEWER)
def test_codes_of_a_newer_compiler_are_shown_and_compared(section: str, number: int, changes: dict[int, int]) -> None:
    old, new = project(), altered(project(), section, number, changes)
    assert old != new
    assert disassemble(new).count("\nflag ") == 4
    assert not compare(new, new)
    assert compare(old, new).changed
    assert verify(new).ok
