"""The envelope, the body and the section table: whatever is cut off, flipped or misplaced is refused, by both cores alike."""

import struct
from collections.abc import Callable
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator import SnapshotError
from evaluator.snapshot import codec
from evaluator.snapshot import opcodes as codes
from evaluator.snapshot.layout import SECTION_ENTRY, SECTIONS
from tests.conftest import core
from tests.evaluator.sound import sound


def sealed(payload: bytes) -> bytes:
    """A snapshot around any body."""
    return struct.pack("<8sIIQ", codes.MAGIC, codes.FORMAT_VERSION, 0, codec.checksum(payload)) + payload


@pytest.mark.parametrize("core_name", ["pure", "fast"])
def test_every_truncation_is_refused(core_name: str) -> None:
    implementation, snapshot = core(core_name), sound().snapshot()
    for size in range(len(snapshot)):
        with pytest.raises(SnapshotError):
            implementation.Evaluator(snapshot[:size])
    with pytest.raises(SnapshotError):
        implementation.Evaluator(snapshot + b"\0")


@pytest.mark.parametrize("core_name", ["pure", "fast"])
def test_every_bit_flip_is_refused(core_name: str) -> None:
    implementation, snapshot = core(core_name), sound().snapshot()
    for position in range(len(snapshot)):
        flipped = bytearray(snapshot)
        flipped[position] ^= 1 << position % 8
        with pytest.raises(SnapshotError):
            implementation.Evaluator(bytes(flipped))


@pytest.mark.parametrize("core_name", ["pure", "fast"])
def test_every_truncated_body_is_refused_even_with_its_checksum(core_name: str) -> None:
    implementation, payload = core(core_name), sound().snapshot()[codes.HEADER_BYTES :]
    for size in range(len(payload)):
        with pytest.raises(SnapshotError):
            implementation.Evaluator(sealed(payload[:size]))
    with pytest.raises(SnapshotError):
        implementation.Evaluator(sealed(payload + b"\xc0"))


@given(st.integers(0, 10**6), st.integers(0, 255))
def test_a_sealed_change_is_refused_or_answered_alike(position: int, byte: int) -> None:
    """Whoever can compute the checksum can say anything; both cores then say the same, and neither falls over."""
    payload = bytearray(sound().snapshot()[codes.HEADER_BYTES :])
    payload[position % len(payload)] = byte
    answers = []
    for name in ("pure", "fast"):
        try:
            evaluator = core(name).Evaluator(sealed(bytes(payload)))
        except SnapshotError:
            answers.append(None)
            continue
        answers.append(repr([evaluator.evaluate_all({"a": "1.2.3", "b": "u"}, None, 5), evaluator.evaluate_all({}, None, 5)]))
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"burgee\r\n" + data[8:],
        lambda data: data[:8] + struct.pack("<I", codes.FORMAT_VERSION + 1) + data[12:],
        lambda data: data[:8] + struct.pack("<I", codes.OLDEST_FORMAT_VERSION - 1) + data[12:],
        lambda data: data[:12] + struct.pack("<I", 1) + data[16:],
        lambda data: b"",
        lambda data: data[:24],
        lambda data: sealed(b""),
        lambda data: sealed(b"\xc0"),
        lambda data: sealed(b"\x98" + data[25:]),
        lambda data: sealed(b"\xdd\xff\xff\xff\xff" + data[25:]),
    ],
)
def test_envelopes(implementation: ModuleType, change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(SnapshotError):
        implementation.Evaluator(change(sound().snapshot()))


def with_values(raw: bytes) -> bytes:
    """A snapshot without flags whose ``values`` are these msgpack bytes."""
    tables = codec.encode_tables({})
    head = b"\x99" + msgspec.msgpack.encode({"compiler": "x", "dialect": "x"}) + b"\x90" * 5 + raw
    padding = bytes(-(codes.HEADER_BYTES + len(head) + 2 + 5) % 8)
    return sealed(head + b"\xc4" + bytes([len(padding)]) + padding + b"\xc6" + struct.pack(">I", len(tables)) + tables)


MSGPACK: list[tuple[bytes, bool]] = [
    (b"\x90", True),
    (b"\x9f" + bytes(range(10)) + b"\xc0\xc2\xc3\xe0\xff", True),
    (b"\x97\xcc\xff\xcd\xff\xff\xce\xff\xff\xff\xff\xcf" + b"\xff" * 8 + b"\xd0\x80\xd1\x80\x00\xd2\x80\0\0\0", True),
    (b"\x93\xd3" + b"\x80" + bytes(7) + b"\xca\x3f\x80\0\0\xcb\x3f\xf0" + bytes(6), True),
    (b"\x95\xa1a\xd9\x01a\xda\0\x01a\xdb\0\0\0\x01a\xa2\xc3\xbc", True),
    (b"\x94\x81\xa1a\x01\xde\0\x01\xa1a\x01\xdf\0\0\0\x01\xa1a\x01\x82\xa1a\x01\xa1a\x02", True),
    (b"\xdc\0\x01\x01", True),
    (b"\xdd\0\0\0\x01\x01", True),
    (b"\x91\xa1\xff", False),
    (b"\x91\xa3\xed\xa0\x80", False),
    (b"\x91\xc1", False),
    (b"\x91\xd4\x01\x00", False),
    (b"\x91\xc7\x01\x01\x00", False),
    (b"\x91\xd6\xff" + bytes(4), False),
    (b"\x91\x81\x01\x01", False),
    (b"\x91\x81\xc0\x01", False),
    (b"\x91\xdd\xff\xff\xff\xff", False),
    (b"\x91\xdf\xff\xff\xff\xff", False),
    (b"\x91\xdb\xff\xff\xff\xff", False),
    (b"\x91" * 63 + b"\x01", True),
    (b"\x91" * 64 + b"\x01", False),
    (b"\x91" * 62 + b"\x81\xa1a\x01", True),
    (b"\x91" * 63 + b"\x81\xa1a\x01", False),
    (b"\x91" * 63 + b"\x90", False),
]


@pytest.mark.parametrize(("raw", "is_sound"), MSGPACK)
def test_msgpack(implementation: ModuleType, raw: bytes, is_sound: bool) -> None:
    if is_sound:
        assert implementation.Evaluator(with_values(raw)).flag_keys() == []
    else:
        with pytest.raises(SnapshotError):
            implementation.Evaluator(with_values(raw))


def with_sections(change: Callable[[dict[str, list[int]]], Any]) -> bytes:
    """The sound snapshot with another section table: name -> [start, count]."""
    found = codec.decode_body(sound().snapshot())
    size = SECTION_ENTRY.size * len(SECTIONS)
    entries = {
        name: list(SECTION_ENTRY.packer.unpack_from(found.tables, index * SECTION_ENTRY.size))
        for index, (name, _) in enumerate(SECTIONS)
    }
    change(entries)
    table = b"".join(SECTION_ENTRY.packer.pack(*entries[name]) for name, _ in SECTIONS)
    return codec.encode(msgspec.structs.replace(found, tables=table + found.tables[size:]))


def test_the_section_table(implementation: ModuleType) -> None:
    assert implementation.Evaluator(with_sections(lambda entries: None)).evaluate("one", {}).variant == "on"
    changes: list[Callable[[dict[str, list[int]]], Any]] = [
        lambda entries: entries["text"].__setitem__(1, 1 << 20),
        lambda entries: entries["zones"].__setitem__(0, 0xFFFFFFFF),
        lambda entries: entries["flags"].__setitem__(0, 0),
        lambda entries: entries["flags"].__setitem__(0, 15),
        lambda entries: entries["numbers"].__setitem__(1, 0xFFFFFFFF),
        lambda entries: entries["ranges"].__setitem__(0, entries["variants"][0]),
        lambda entries: entries["text"].__setitem__(1, entries["text"][1] + 8),
    ]
    for change in changes:
        with pytest.raises(SnapshotError):
            implementation.Evaluator(with_sections(change))


def test_tables_must_be_aligned_and_whole(implementation: ModuleType) -> None:
    payload = sound().snapshot()[codes.HEADER_BYTES :]
    found = codec.decode_body(sound().snapshot())
    at = payload.index(b"\xc4" + bytes([len(found.padding)]) + found.padding + b"\xc6")
    size = struct.pack(">I", len(found.tables))
    head, tail = payload[:at], b"\xc6" + size + found.tables
    assert implementation.Evaluator(sealed(head + b"\xc4" + bytes([len(found.padding)]) + found.padding + tail))
    other = bytes((len(found.padding) + 1) % 8)
    for padding in (
        b"\xc4" + bytes([len(other)]) + other,
        b"\xc4" + bytes([len(found.padding) + 8]) + bytes(len(found.padding) + 8),
    ):
        with pytest.raises(SnapshotError):
            implementation.Evaluator(sealed(head + padding + tail))
    for tables in (b"", found.tables[:127]):
        with pytest.raises(SnapshotError):
            implementation.Evaluator(codec.encode(msgspec.structs.replace(found, tables=tables)))
