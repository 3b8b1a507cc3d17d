"""The envelope and the body: alignment, checksum, and what tools refuse to read."""

import mmh3
import pytest

from evaluator.errors import SnapshotError
from evaluator.snapshot.codec import Decoded, decode_body, encode, encode_tables
from evaluator.snapshot.opcodes import HEADER_BYTES, MAGIC
from evaluator.snapshot.schema import Body
from tests.config_sync.build import check, flag, snapshot


def body(keys: list[str], tables: bytes = b"") -> Body:
    return Body({"compiler": "c", "dialect": "d"}, keys, [], [], [], [], [], b"", tables)


@pytest.mark.parametrize("length", range(40))
def test_tables_start_at_a_multiple_of_eight_from_byte_zero(length: int) -> None:
    tables = b"\x01TABLES\xff" * 9
    data = encode(body(["k" * length], tables))
    assert data.endswith(tables) and (len(data) - len(tables)) % 8 == 0
    assert decode_body(data).tables == tables


def test_the_header_holds_magic_version_and_checksum() -> None:
    data = encode(body(["a"]))
    assert data[:8] == MAGIC and data[8:16] == b"\1\0\0\0\0\0\0\0"
    digest = mmh3.mmh3_x64_128_digest(data[HEADER_BYTES:], 0)
    assert data[16:24] == digest[:8]


def test_every_flipped_bit_and_every_cut_is_noticed() -> None:
    data = snapshot(flag("f", check("equal", "p", "x")))
    for place in range(0, len(data) * 8, 7):
        damaged = bytearray(data)
        damaged[place // 8] ^= 1 << place % 8
        if 12 <= place // 8 < 16:
            continue  # the header's flags: a core looks at those
        with pytest.raises(SnapshotError):
            decode_body(bytes(damaged))
    for length in range(0, len(data), 5):
        with pytest.raises(SnapshotError):
            decode_body(data[:length])


@pytest.mark.parametrize("payload", [b"", b"\xc1", b"\x90", b"\x99" + b"\xc0" * 9, b"\x91" * 3_000])
def test_a_body_of_another_shape_is_refused(payload: bytes) -> None:
    header = MAGIC + (1).to_bytes(4, "little") + bytes(4) + mmh3.mmh3_x64_128_digest(payload, 0)[:8]
    with pytest.raises(SnapshotError):
        decode_body(header + payload)


def test_sections_are_placed_at_multiples_of_eight() -> None:
    tables = encode_tables({"text": b"abc", "sets": b"12345678"})
    decoded = Decoded(encode(body([], tables)))
    assert (decoded.text, decoded.sets, decoded.flags) == (b"abc", b"12345678", [])


def test_decoded_rows_have_the_layouts_fields() -> None:
    decoded = Decoded(snapshot(flag("f", check("equal", "p", "x"))))
    assert decoded.flag_keys == ["f"]
    assert (decoded.flags[0].rule_count, decoded.flags[0].variant_count, decoded.conditions[0].length) == (1, 2, 1)
    with pytest.raises(AttributeError):
        _ = decoded.nothing
