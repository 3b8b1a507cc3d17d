"""From a snapshot's bytes to a checked program (docs/snapshot-format.md, sections 1, 2, 5): the twin of ``_fast.load``.

``load`` is the only way to a ``Program``.
"""

import struct
from itertools import pairwise
from typing import Any, Final

from evaluator._pure import rows
from evaluator._pure.checks import unsupported_flags
from evaluator._pure.hashing import checksum
from evaluator._pure.msgpack import Reader
from evaluator._pure.operands import is_flat_map
from evaluator._pure.program import Program
from evaluator.errors import SnapshotError
from evaluator.snapshot.layout import SECTION_ENTRY, SECTIONS
from evaluator.snapshot.opcodes import FORMAT_VERSION, HEADER_BYTES, MAGIC, OLDEST_FORMAT_VERSION

_HEADER: Final = struct.Struct("<8sIIQ")
_BODY_ELEMENTS: Final = 9


def load(data: bytes) -> Program:
    """A checked program from a snapshot's bytes. Raises SnapshotError."""
    program = Program()
    program.version = f"{_check_envelope(data):016x}"
    tables = _read_body(program, data)
    _read_tables(program, tables)
    program.unsupported = unsupported_flags(program)
    program.row_of = {key: row for row, key in enumerate(program.flag_keys)}
    return program


def _check_envelope(data: bytes) -> int:
    """Checks the first 24 bytes; gives the checksum."""
    if len(data) < HEADER_BYTES:
        raise SnapshotError("the snapshot is shorter than its header")
    magic, version, flags, expected = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise SnapshotError("not a snapshot: the magic bytes are missing")
    if not OLDEST_FORMAT_VERSION <= version <= FORMAT_VERSION:
        raise SnapshotError(f"unsupported snapshot format version {version}")
    if flags:
        raise SnapshotError("the snapshot has unknown flags in its header")
    if checksum(memoryview(data)[HEADER_BYTES:]) != expected:
        raise SnapshotError("the snapshot's checksum doesn't match its content")
    return int(expected)


def _read_body(program: Program, data: bytes) -> bytes:
    """Reads the body's nine elements into the program; gives the last, the tables."""
    reader = Reader(data, HEADER_BYTES)
    first = reader.take(1)[0]
    if not (0x90 <= first < 0xA0 or first in (0xDC, 0xDD)) or reader.kind_and_size(first) != ("array", _BODY_ELEMENTS):
        raise SnapshotError("the snapshot's body is no array of nine elements")
    meta, flag_keys, attribute_names, paths, variant_names, rule_ids, values, padding, tables = (
        reader.value(2) for _ in range(_BODY_ELEMENTS)
    )
    if reader.position != len(data):
        raise SnapshotError("there are bytes after the snapshot's body")
    if not isinstance(tables, bytes) or not isinstance(padding, bytes) or len(padding) > 7 or (len(data) - len(tables)) % 8:
        raise SnapshotError("the snapshot's tables are no aligned binary")
    program.meta = _checked_meta(meta)
    program.flag_keys = _checked_texts(flag_keys, "flag_keys")
    program.attribute_names = _checked_texts(attribute_names, "attribute_names")
    program.variant_names = _checked_texts(variant_names, "variant_names")
    program.rule_ids = _checked_texts(rule_ids, "rule_ids")
    program.paths = _checked_paths(paths)
    if not isinstance(values, list):
        raise SnapshotError("the body's values are no array")
    program.values = values
    if any(left >= right for left, right in pairwise(program.flag_keys)):
        raise SnapshotError("the flag keys are not strictly ascending")
    return tables


def _checked_texts(value: object, name: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise SnapshotError(f"the body's {name} are no array of texts")
    return value


def _checked_paths(value: object) -> list[list[str | int]]:
    if not isinstance(value, list) or not all(isinstance(path, list) for path in value):
        raise SnapshotError("the body's paths are no array of arrays")
    if not all(type(step) in (str, int) for path in value for step in path):
        raise SnapshotError("a path has a step that is neither text nor integer")
    return value


def _checked_meta(value: object) -> dict[str, Any]:
    if not isinstance(value, dict) or not isinstance(value.get("compiler"), str) or not isinstance(value.get("dialect"), str):
        raise SnapshotError("the body's meta is no map with a compiler and a dialect")
    if not is_flat_map(value.get("metadata", {})):
        raise SnapshotError("the flag set's metadata are no flat map")
    return value


_ROW_TYPES: Final[dict[str, Any]] = {
    "flags": rows.FlagRow,
    "rules": rows.RuleRow,
    "conditions": rows.ConditionRow,
    "outcomes": rows.OutcomeRow,
    "ranges": rows.RangeRow,
    "variants": rows.VariantRow,
    "attributes": rows.AttributeRow,
    "text_refs": rows.TextRefRow,
    "nodes": rows.NodeRow,
    "windows": rows.WindowRow,
    "places": rows.PlaceRow,
}


def _read_tables(program: Program, tables: bytes) -> None:
    """Decodes every section into the program's attribute of its name."""
    for (name, row), data in zip(SECTIONS, _sections(tables), strict=True):
        if name in _ROW_TYPES:
            setattr(program, name, [_ROW_TYPES[name]._make(fields) for fields in row.packer.iter_unpack(data)])
        elif name == "numbers":
            program.numbers = [bits for (bits,) in row.packer.iter_unpack(data)]
        else:
            setattr(program, name, data)


def _sections(tables: bytes) -> list[bytes]:
    """The bytes of each section, in the order of ``SECTIONS``."""
    table_bytes = SECTION_ENTRY.size * len(SECTIONS)
    if len(tables) < table_bytes:
        raise SnapshotError("the section table is cut off")
    spans = []
    entries = SECTION_ENTRY.packer.iter_unpack(tables[:table_bytes])
    for (name, row), (start, count) in zip(SECTIONS, entries, strict=True):
        begin, end = start * 8, start * 8 + count * row.size
        if count and (begin < table_bytes or end > len(tables)):
            raise SnapshotError(f"section {name} lies outside the tables")
        spans.append((begin, end) if count else (table_bytes, table_bytes))
    used = sorted(span for span in spans if span[0] < span[1])
    if any(left[1] > right[0] for left, right in pairwise(used)):
        raise SnapshotError("two sections overlap")
    return [tables[begin:end] for begin, end in spans]
