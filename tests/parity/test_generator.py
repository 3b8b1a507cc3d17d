"""The generator reaches everything that a snapshot can say: an operator it forgot would never be compared."""

import struct
from collections import defaultdict
from functools import cache
from random import Random

import pytest

from config_sync.lower import lower
from evaluator.snapshot import layout
from evaluator.snapshot import opcodes as codes
from tests.parity import programs

PROGRAMS = 1_500
WITHOUT_ELEMENTS = {codes.OP_WINDOW, codes.OP_NOW, codes.OP_BUCKET, codes.OP_PREREQUISITE, codes.OP_EXPRESSION}
FAMILIES = {
    ("conditions", "op"): range(1, codes.OP_LAST + 1),
    ("nodes", "op"): range(1, codes.NODE_LAST + 1),
    ("outcomes", "kind"): range(codes.OUTCOME_LAST + 1),
    ("outcomes", "hash"): range(1, codes.HASH_LAST + 1),
    ("outcomes", "space"): range(codes.SPACE_LAST + 1),
    ("outcomes", "unit"): range(codes.UNIT_LAST + 1),
    ("outcomes", "on_missing"): range(codes.ON_LAST + 1),
    ("outcomes", "past_end"): range(codes.ON_LAST + 1),
    ("variants", "kind"): range(codes.KIND_OBJECT + 1),
    ("variants", "flags"): range(codes.VARIANT_IS_ON + 1),
    ("flags", "state"): range(codes.STATE_TOMBSTONE + 1),
    ("attributes", "flags"): {lacking | how for lacking in range(4) for how in (0, *programs.CONVERSIONS)}
    | {codes.ATTRIBUTE_PATH_ONLY, codes.ATTRIBUTE_GUARDED, codes.ATTRIBUTE_GUARDED | codes.ATTRIBUTE_GUARD_OPTIONAL},
    ("conditions", "each"): set(range(1, codes.OP_LAST + 1)) - WITHOUT_ELEMENTS,
}
TARGETS = ("on_false", "on_true", "on_unknown", "on_missing")


@cache
def _seen() -> dict[tuple[str, str], set[int]]:
    """(section, field) -> the values that occur in many generated snapshots."""
    rows = dict(layout.SECTIONS)
    seen: dict[tuple[str, str], set[int]] = defaultdict(set)
    for seed in range(PROGRAMS):
        tables = lower(programs.project(Random(seed))).body.tables
        for number, (section, _) in enumerate(layout.SECTIONS):
            start, count = struct.unpack_from("<II", tables, number * 8)
            row = rows[section]
            for index in range(count if len(row.fields) > 1 else 0):
                for (field, _), value in zip(
                    row.fields, row.packer.unpack_from(tables, start * 8 + index * row.size), strict=True
                ):
                    seen[section, field].add(value)
                if section == "conditions":
                    op, mode = row.packer.unpack_from(tables, start * 8 + index * row.size)[:2]
                    seen[section, "each"].update([op] if mode & codes.MODE_EACH else [])
    return seen


@pytest.mark.parametrize(("section", "field"), sorted(FAMILIES), ids=str)
def test_every_code_is_generated(section: str, field: str) -> None:
    missing = set(FAMILIES[section, field]) - _seen()[section, field]
    names = [name for name, value in vars(codes).items() if isinstance(value, int) and value in missing]
    assert not missing, f"{section}.{field} never takes {sorted(missing)} (among {names})"


def test_every_section_is_generated() -> None:
    tables = [lower(programs.project(Random(seed))).sizes for seed in range(300)]
    assert [name for name, _ in layout.SECTIONS if not any(sizes[name] for sizes in tables)] == []


@pytest.mark.parametrize("target", TARGETS)
def test_every_kind_of_jump_is_generated(target: str) -> None:
    jumps = _seen()["conditions", target]
    assert {codes.JUMP_MATCH, codes.JUMP_FAIL, 1, 2} <= jumps


def test_generation_repeats() -> None:
    assert lower(programs.project(Random(3))).body == lower(programs.project(Random(3))).body
