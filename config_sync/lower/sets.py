"""Large sets of strings as hash tables that the cores read in place (docs/snapshot-format.md). Used by the lowering only."""

import struct
import sys
from array import array
from collections.abc import Iterable, Iterator

import mmh3

from evaluator.snapshot.opcodes import SET_EMPTY_SLOT, SET_SEED

_HEADER = struct.Struct("<IIII")
_LENGTH = struct.Struct("<H")
MAX_HEAP_BYTES = (1 << 24) - 2  # a slot holds 24 bits of heap offset
MAX_ITEM_BYTES = 0xFFFF  # and the heap a u16 length


def build_sets(strings: Iterable[bytes]) -> Iterator[bytes]:
    """Distinct strings, in any order, as one table; as several when the heap would outgrow a slot's 24 bits."""
    chunk: list[bytes] = []
    heap_bytes = 0
    for string in sorted(strings):
        heap_bytes += len(string) + 2
        if heap_bytes > MAX_HEAP_BYTES:
            yield _build(chunk)
            chunk, heap_bytes = [], len(string) + 2
        chunk.append(string)
    yield _build(chunk)


def _build(strings: list[bytes]) -> bytes:
    hash_of, pack_length = mmh3.hash, _LENGTH.pack
    hashed = sorted((hash_of(string, SET_SEED, False), string) for string in strings)
    slot_count = len(strings) * 3 // 2 + 1  # a load of about 0.66 (fast to miss, small to keep), and one slot always empty
    heap = b"".join(pack_length(len(string)) + string for _, string in hashed)
    slots = _place(hashed, slot_count)
    return _HEADER.pack(len(strings), slot_count, len(heap), 0) + slots.tobytes() + heap


def _place(hashed: list[tuple[int, bytes]], slot_count: int) -> "array[int]":
    """Linear probing in hash order: each string takes its own slot or the next after its predecessor's; what runs over the
    end takes the first empty slots from the start. Every slot between a string's first slot and its place is full."""
    slots = array("I", [SET_EMPTY_SLOT]) * slot_count
    place, offset, overflow = -1, 0, []
    for digest, string in hashed:
        place = max(place + 1, (digest * slot_count) >> 32)
        entry = (offset << 8) | (digest & 255)
        offset += len(string) + 2
        if place < slot_count:
            slots[place] = entry
        else:
            overflow.append(entry)
    place = 0
    for entry in overflow:
        while slots[place] != SET_EMPTY_SLOT:
            place += 1
        slots[place] = entry
    if sys.byteorder == "big":
        slots.byteswap()
    return slots
