"""Growing sections of a snapshot: packed rows and byte heaps, each content stored once. Used by the lowering only."""

import struct

from evaluator.snapshot.layout import Row


class RowSection:
    """Rows of one layout, packed as they come."""

    def __init__(self, row: Row) -> None:
        self.data = bytearray()
        self._size = row.size
        self._pack = row.packer.pack
        self._known: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self.data) // self._size

    def append(self, *fields: int | float) -> int:
        """Adds a row; gives its index."""
        index = len(self)
        self.data += self._pack(*fields)
        return index

    def intern(self, *fields: int | float) -> int:
        """The index of a row with these fields, added if there is none."""
        return self.intern_run(self._pack(*fields))

    def intern_run(self, packed: bytes) -> int:
        """The index of the first of these consecutive, already packed rows, added if there is no such run; 0 for none."""
        if not packed:
            return 0
        index = self._known.get(packed)
        if index is None:
            index = self._known[packed] = len(self)
            self.data += packed
        return index


class Heap:
    """Bytes addressed by offset; each entry starts at a multiple of ``alignment``."""

    def __init__(self, alignment: int = 1) -> None:
        self.data = bytearray()
        self._alignment = alignment
        self._known: dict[bytes, int] = {}

    def intern(self, entry: bytes) -> int:
        """The offset of these bytes, added if they are new; 0 for none."""
        if not entry:
            return 0
        offset = self._known.get(entry)
        if offset is None:
            self.data += bytes(-len(self.data) % self._alignment)
            offset = self._known[entry] = len(self.data)
            self.data += entry
        return offset


def text_prefix(text: bytes) -> int:
    """The first 8 bytes as a little-endian number, zero-padded: what the cores compare first."""
    return int.from_bytes(text[:8], "little")


def signed_bits(value: int) -> int:
    """A signed 64-bit integer as the u64 with the same bits."""
    return value & 0xFFFFFFFFFFFFFFFF


def double_bits(value: float) -> int:
    """A double as the u64 with the same bits."""
    bits: int = struct.unpack("<Q", struct.pack("<d", value))[0]
    return bits
