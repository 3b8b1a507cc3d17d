"""Ways to spoil a snapshot, most of them with the checksum made right again, so that the checks behind it are tested."""

import struct
from random import Random

from evaluator.snapshot import codec, layout
from evaluator.snapshot.opcodes import FORMAT_VERSION, HEADER_BYTES, MAGIC

INTERESTING = (0, 1, 2, 7, 0x7F, 0x80, 0xFF, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)


def sealed(payload: bytes | bytearray) -> bytes:
    """A snapshot of this payload whose header is right."""
    return struct.pack("<8sIIQ", MAGIC, FORMAT_VERSION, 0, codec.checksum(bytes(payload))) + bytes(payload)


def tables_start(snapshot: bytes) -> int:
    """Where the tables begin: their bin is the last element and fills the rest."""
    return len(snapshot) - len(codec.decode_body(snapshot).tables)


def flip_bits(snapshot: bytes, chance: Random) -> bytes:
    """A few bits anywhere; the checksum catches it."""
    spoiled = bytearray(snapshot)
    for _ in range(chance.randrange(1, 4)):
        spoiled[chance.randrange(len(spoiled))] ^= 1 << chance.randrange(8)
    return bytes(spoiled)


def cut(snapshot: bytes, chance: Random) -> bytes:
    """The first part only, sealed or not."""
    kept = snapshot[: chance.randrange(len(snapshot))]
    return sealed(kept[HEADER_BYTES:]) if len(kept) > HEADER_BYTES and chance.randrange(2) else kept


def flip_sealed(snapshot: bytes, chance: Random) -> bytes:
    """A few bytes of the payload, sealed."""
    payload = bytearray(snapshot[HEADER_BYTES:])
    for _ in range(chance.randrange(1, 3)):
        payload[chance.randrange(len(payload))] = chance.choice((chance.randrange(256), 0, 0xFF))
    return sealed(payload)


def set_field(snapshot: bytes, chance: Random) -> bytes:
    """One field of one row takes another value, mostly one near a bound; sealed."""
    start = tables_start(snapshot)
    spoiled = bytearray(snapshot)
    for _ in range(chance.randrange(1, 3)):
        _set_one_field(spoiled, start, chance)
    return sealed(spoiled[HEADER_BYTES:])


def _set_one_field(spoiled: bytearray, start: int, chance: Random) -> None:
    number = chance.randrange(len(layout.SECTIONS))
    row = layout.SECTIONS[number][1]
    place, count = struct.unpack_from("<II", spoiled, start + number * 8)
    if not count or not chance.randrange(30):
        field = start + number * 8 + chance.choice((0, 4))
        struct.pack_into("<I", spoiled, field, chance.choice((*INTERESTING, count + 1, place + 1, max(0, place - 1))))
        return
    position = start + place * 8 + chance.randrange(count) * row.size
    if position + row.size > len(spoiled):
        return  # an earlier change moved the section away
    values = list(row.packer.unpack_from(spoiled, position))
    which = chance.randrange(len(values))
    kind = row.fields[which][1]
    wanted = chance.choice((*INTERESTING, count, count - 1, chance.randrange(256)))
    values[which] = float(wanted) if kind == "f64" else _fit(wanted, kind)
    row.packer.pack_into(spoiled, position, *values)


def _fit(value: int, kind: str) -> int:
    """``value`` cut to the field's width."""
    bits = int(kind[1:])
    value &= (1 << bits) - 1
    return value - (1 << bits) if kind[0] == "i" and value >> (bits - 1) else value


def splice(snapshot: bytes, chance: Random) -> bytes:
    """A piece of the payload copied over another, left out, or put in twice; sealed."""
    payload = snapshot[HEADER_BYTES:]
    first, second = sorted(chance.randrange(len(payload)) for _ in range(2))
    piece = payload[first:second]
    spoiled = chance.choice(
        (payload[:first] + payload[second:], payload[:second] + piece + payload[second:], piece + payload[len(piece) :])
    )
    return sealed(spoiled)


WAYS = (flip_bits, cut, flip_sealed, set_field, set_field, set_field, splice)


def spoil(snapshot: bytes, chance: Random) -> bytes:
    return chance.choice(WAYS)(snapshot, chance)
