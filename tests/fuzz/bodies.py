"""Ways to spoil a snapshot that the parity tests' byte edits seldom hit: its msgpack body as values, and its byte sections.

Everything is sealed again (the checksum is right) and the tables stay aligned, so that the checks behind those are reached.
"""

import struct
from random import Random
from typing import Any

from evaluator.snapshot import codec, layout
from evaluator.snapshot.opcodes import HEADER_BYTES
from tests.parity import corruption

BODY_ELEMENTS = 7  # those before the padding
DEEP = (3, 60, 61, 62, 63, 64, 200, 5_000, 100_000)  # containers around a value; 64 are allowed


class Raw:
    """Bytes that go into the body as they are."""

    def __init__(self, data: bytes) -> None:
        self.data = data


def pack(value: Any, chance: Random) -> bytes:
    """msgpack, now and then in a longer form than needed."""
    if isinstance(value, Raw):
        return value.data
    if value is None or isinstance(value, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
    if isinstance(value, int):
        return _integer(value, chance)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogatepass")
        return _length(len(data), chance, {5: 0xA0, 8: 0xD9, 16: 0xDA, 32: 0xDB}) + data
    if isinstance(value, bytes):
        return _length(len(value), chance, {8: 0xC4, 16: 0xC5, 32: 0xC6}) + value
    if isinstance(value, dict):
        items = b"".join(pack(key, chance) + pack(item, chance) for key, item in value.items())
        return _length(len(value), chance, {4: 0x80, 16: 0xDE, 32: 0xDF}) + items
    return _length(len(value), chance, {4: 0x90, 16: 0xDC, 32: 0xDD}) + b"".join(pack(item, chance) for item in value)


def _integer(value: int, chance: Random) -> bytes:
    forms: list[tuple[int, str, int, int]] = [
        (0xCC, ">B", 0, 2**8),
        (0xCD, ">H", 0, 2**16),
        (0xCE, ">I", 0, 2**32),
        (0xCF, ">Q", 0, 2**64),
        (0xD0, ">b", -(2**7), 2**7),
        (0xD1, ">h", -(2**15), 2**15),
        (0xD2, ">i", -(2**31), 2**31),
        (0xD3, ">q", -(2**63), 2**63),
    ]
    fitting = [struct.pack("B", code) + struct.pack(form, value) for code, form, low, end in forms if low <= value < end]
    if -32 <= value < 128:
        fitting.insert(0, struct.pack("b", value))
    return fitting[0] if chance.randrange(8) else chance.choice(fitting)


def _length(length: int, chance: Random, codes: dict[int, int]) -> bytes:
    """The first byte and the length, by the bits that the length may have; 4 and 5 bits lie in the first byte itself."""
    widths = [bits for bits in codes if length < 1 << bits]
    bits = widths[0] if chance.randrange(8) else chance.choice(widths)
    if bits < 8:
        return bytes([codes[bits] | length])
    return bytes([codes[bits]]) + length.to_bytes(bits // 8, "big")


def nested(depth: int, chance: Random) -> Raw:
    """Arrays or maps inside each other."""
    return Raw(chance.choice((b"\x91", b"\x81\xa0")) * depth + b"\xc0")


RAW = tuple(
    Raw(bytes.fromhex(data))
    for data in (
        "c1", "c7010061", "d40061", "d6ff00000000",  # no type, extension types
        "a1ff", "a3eda080",  # texts that aren't UTF-8
        "ca7fc00000", "ca3f800000",  # single precision
        "ddffffffff", "df80000000", "dbffffffff", "c6ffffffff",  # lengths beyond everything
        "dd00000001c0", "82a16101a16102", "81c0c0", "", "c0c0",
    )
)  # fmt: skip


def odd(chance: Random) -> Any:
    """What has no business where it will stand."""
    return chance.choice(
        (
            None, True, 0, -1, 2**64 - 1, -(2**63), 1.5, float("nan"), float("inf"), "", "a", "\ud800", "x" * 70_000, b"", b"a",
            [], {}, [[]], {"": []}, {1: 2}, {"a": b""}, [1, "a", None], {"a": {"b": 1}}, {"metadata": {"a": [1]}},
            *RAW, nested(chance.choice(DEEP), chance),
        )
    )  # fmt: skip


def edit(value: Any, chance: Random) -> Any:
    """A copy of a JSON value with one place changed, dropped or doubled."""
    if isinstance(value, list | dict) and value and chance.randrange(8):
        items = list(value.items()) if isinstance(value, dict) else list(value)
        index = chance.randrange(len(items))
        if isinstance(value, dict):
            key, item = items[index]
            return {**value, key: edit(item, chance)} if chance.randrange(4) else {**value, odd_key(chance): item}
        what = chance.randrange(8)
        replaced = [items[index], items[index]] if what == 0 else [] if what == 1 else [edit(items[index], chance)]
        return items[:index] + replaced + items[index + 1 :]
    return odd(chance)


def odd_key(chance: Random) -> Any:
    return chance.choice(("", "metadata", "dialect", "compiler", 1, None, True, b"a", 1.5, "\ud800"))


def assemble(elements: list[Any], tables: bytes, chance: Random) -> bytes:
    """A sealed snapshot of these first seven elements and the tables, aligned."""
    head = b"\x99" + b"".join(pack(element, chance) for element in elements)
    padding = bytes(-(HEADER_BYTES + len(head) + 2 + 5) % 8)
    tail = b"\xc4" + bytes([len(padding)]) + padding + b"\xc6" + struct.pack(">I", len(tables)) + tables
    return corruption.sealed(head + tail)


def taken_apart(snapshot: bytes) -> tuple[list[Any], bytes]:
    body = codec.decode_body(snapshot)
    return [getattr(body, name) for name in type(body).__struct_fields__[:BODY_ELEMENTS]], bytes(body.tables)


def repack(snapshot: bytes, chance: Random) -> bytes:
    """The same snapshot in other bytes: longer forms of some lengths and numbers. Both cores must take it."""
    elements, tables = taken_apart(snapshot)
    return assemble(elements, tables, chance)


def edit_body(snapshot: bytes, chance: Random) -> bytes:
    """One value of the body changed."""
    elements, tables = taken_apart(snapshot)
    index = chance.randrange(BODY_ELEMENTS)
    elements[index] = edit(elements[index], chance)
    return assemble(elements, tables, chance)


def edit_section(snapshot: bytes, chance: Random) -> bytes:
    """A few numbers of one byte section changed, in the widths that sets, automata and zones are made of."""
    elements, tables = taken_apart(snapshot)
    spoiled = bytearray(tables)
    wanted = chance.choice(("sets", "automata", "zones", "text", "numbers"))
    index = [name for name, _ in layout.SECTIONS].index(wanted)
    start, count = struct.unpack_from("<II", spoiled, index * 8)
    start, size = start * 8, count * layout.SECTIONS[index][1].size
    for _ in range(chance.randrange(1, 4)):
        width = chance.choice((1, 2, 4, 8))
        if size < width:
            break
        place = start + chance.randrange(size // width) * width
        near = chance.choice((0, chance.randrange(min(size, 64) // width + 1) * width))  # headers stand first
        place = start + near if chance.randrange(2) and near + width <= size else place
        value = chance.choice((*corruption.INTERESTING, chance.randrange(256), chance.getrandbits(64)))
        spoiled[place : place + width] = (value % (1 << 8 * width)).to_bytes(width, "little")
    return assemble(elements, bytes(spoiled), chance)


def spoil(snapshot: bytes, chance: Random) -> bytes:
    """One of all the ways, here and in the parity tests."""
    return chance.choice((edit_body, edit_body, edit_section, edit_section, corruption.spoil))(snapshot, chance)
