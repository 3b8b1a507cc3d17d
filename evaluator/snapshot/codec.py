"""The snapshot's envelope and body: the writer, and a reader for tools. Needs msgspec and mmh3, so no core imports it.

Imported by ``config_sync`` and tests. The bytes are described in docs/snapshot-format.md sections 1 to 3.
"""

import struct
from collections import namedtuple
from collections.abc import Mapping
from typing import Any

import mmh3
import msgspec

from evaluator.errors import SnapshotError
from evaluator.snapshot.layout import SECTION_ENTRY, SECTIONS, Row
from evaluator.snapshot.opcodes import FORMAT_VERSION, HEADER_BYTES, MAGIC, OLDEST_FORMAT_VERSION
from evaluator.snapshot.schema import Body

_HEADER = struct.Struct("<8sIIQ")
_BIN32 = b"\xc6"
_SMALL_BIN = b"\xc4"


def encode_tables(sections: Mapping[str, bytes | bytearray]) -> bytes:
    """The ``tables`` element: the section table, then each section at a multiple of 8. Missing sections are empty."""
    entries: list[bytes] = []
    parts: list[bytes | bytearray] = []
    position = SECTION_ENTRY.size * len(SECTIONS)
    for name, row in SECTIONS:
        data = sections.get(name, b"")
        entries.append(SECTION_ENTRY.packer.pack(position // 8, len(data) // row.size))
        padding = -len(data) % 8
        parts += [data, bytes(padding)]
        position += len(data) + padding
    return b"".join([*entries, *parts])


def encode(body: Body) -> bytes:
    """A whole snapshot; ``body.padding`` is ignored and chosen anew, so that the tables' data start at a multiple of 8."""
    fields = [getattr(body, name) for name in Body.__struct_fields__[:-2]]
    head = b"\x99" + b"".join(msgspec.msgpack.encode(field) for field in fields)
    # The tables always get the 5-byte form of a bin header, so that their place doesn't depend on their size.
    before = HEADER_BYTES + len(head) + 2 + 5
    padding = bytes(-before % 8)
    parts = (head, _SMALL_BIN, bytes([len(padding)]), padding, _BIN32, struct.pack(">I", len(body.tables)), body.tables)
    payload = b"".join(parts)
    return _HEADER.pack(MAGIC, FORMAT_VERSION, 0, checksum(payload)) + payload


def checksum(payload: bytes) -> int:
    """``h1`` of MurmurHash3_x64_128 with seed 0, of everything after the header."""
    return mmh3.hash64(payload, seed=0, x64arch=True, signed=False)[0]


def decode_body(snapshot: bytes) -> Body:
    """The body of a snapshot, for tools; raises ``SnapshotError`` when the envelope or the body's shape is wrong."""
    if len(snapshot) < HEADER_BYTES:
        raise SnapshotError("the snapshot is shorter than its header")
    magic, version, _flags, expected = _HEADER.unpack_from(snapshot)
    if magic != MAGIC:
        raise SnapshotError("not a snapshot: the magic bytes are missing")
    if not OLDEST_FORMAT_VERSION <= version <= FORMAT_VERSION:
        raise SnapshotError(f"unsupported snapshot format version {version}")
    payload = snapshot[HEADER_BYTES:]
    if checksum(payload) != expected:
        raise SnapshotError("the snapshot's checksum doesn't match its content")
    try:
        return msgspec.msgpack.decode(payload, type=Body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(f"the snapshot's body is malformed: {error}") from error


class Decoded:
    """A snapshot laid open for tools: the body's lists, every section of rows as a list of named tuples, the byte sections as
    bytes, and ``version``. What it holds is checked no further; a core checks it (``evaluator.Evaluator``)."""

    def __init__(self, snapshot: bytes) -> None:
        body = decode_body(snapshot)
        self.version = f"{_HEADER.unpack_from(snapshot)[3]:016x}"
        self.meta, self.values, self.paths = body.meta, body.values, body.paths
        self.flag_keys, self.attribute_names = body.flag_keys, body.attribute_names
        self.variant_names, self.rule_ids = body.variant_names, body.rule_ids
        entries = SECTION_ENTRY.packer.iter_unpack(body.tables[: SECTION_ENTRY.size * len(SECTIONS)])
        self._sections = {name: (row, *entry) for (name, row), entry in zip(SECTIONS, entries, strict=True)}
        self._tables = body.tables

    def __getattr__(self, name: str) -> Any:
        """Sections are attributes by their names in the layout; each is taken apart when somebody first looks at it."""
        section = vars(self).get("_sections", {}).get(name)
        if section is None:
            raise AttributeError(name)
        row, start, count = section
        data = self._tables[start * 8 : start * 8 + count * row.size]
        setattr(self, name, data if row.size == 1 else _rows(row, data))
        return vars(self)[name]


def _rows(row: Row, data: bytes) -> list[Any]:
    """Rows as named tuples with the layout's field names; plain numbers where a row is one."""
    if len(row.fields) == 1:
        return [bits for (bits,) in row.packer.iter_unpack(data)]
    record = namedtuple(row.name, [name for name, _ in row.fields])  # type: ignore[misc]
    return [record._make(fields) for fields in row.packer.iter_unpack(data)]
