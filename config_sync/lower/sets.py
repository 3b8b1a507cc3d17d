"""Large sets of strings as hash tables that the cores read in place (docs/snapshot-format.md). Used by the lowering only."""

import struct
import sys
from array import array
from collections.abc import Iterable, Iterator
from itertools import accumulate

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
    """One table of sorted strings; the heap keeps their order."""
    hash_of, pack_length = mmh3.hash, _LENGTH.pack
    slot_count = len(strings) * 3 // 2 + 1  # a load of about 0.66 (fast to miss, small to keep), and one slot always empty
    offsets = accumulate((len(string) + 2 for string in strings), initial=0)
    hashed = sorted((hash_of(string, SET_SEED, False), offset) for string, offset in zip(strings, offsets, strict=False))
    heap = b"".join(pack_length(len(string)) + string for string in strings)
    return _HEADER.pack(len(strings), slot_count, len(heap), 0) + _place(hashed, slot_count).tobytes() + heap


def _place(hashed: list[tuple[int, int]], slot_count: int) -> "array[int]":
    """Slots for (hash, heap offset) pairs in the order of the hash, by linear probing: each takes its own slot or the next
    after its predecessor's; what runs over the end takes the first empty slots from the start. So every slot between a
    string's own and its place is full, which is all that a look-up needs."""
    slots = array("I", [SET_EMPTY_SLOT]) * slot_count
    place, overflow = -1, []
    for digest, offset in hashed:
        place = max(place + 1, (digest * slot_count) >> 32)
        if place < slot_count:
            slots[place] = (offset << 8) | (digest & 255)
        else:
            overflow.append((offset << 8) | (digest & 255))
    place = 0
    for entry in overflow:
        while slots[place] != SET_EMPTY_SLOT:
            place += 1
        slots[place] = entry
    if sys.byteorder == "big":
        slots.byteswap()
    return slots
