"""The bytes of an automaton, as docs/snapshot-format.md has them, and a plain walk over them. For ``config_sync`` and tests."""

import struct

from config_sync.regex.dfa import Table
from evaluator.snapshot.opcodes import AUTOMATON_ACCEPT, AUTOMATON_DEAD

_HEADER = struct.Struct("<IIII")
_ALIGNMENT = 8


def encode(table: Table, start: int, class_of: list[int]) -> bytes:
    """Header, class of each byte, transitions; equal columns joined, zero-padded to a multiple of 8 bytes."""
    columns = list(zip(*table, strict=True))
    joined: dict[tuple[int, ...], int] = {}
    classes = bytes(joined.setdefault(columns[class_of[byte]], len(joined)) for byte in range(256))
    rows = list(zip(*joined, columns[-1], strict=True))
    cells = [target for row in rows for target in row]
    body = _HEADER.pack(len(rows), len(joined) + 1, start, 0) + classes + struct.pack(f"<{len(cells)}H", *cells)
    return body + bytes(-len(body) % _ALIGNMENT)


def accepts(automaton: bytes, text: bytes) -> bool:
    """Whether the automaton accepts this UTF-8 text: one step per byte, then one for the end."""
    classes: int
    state: int
    _, classes, state, _ = _HEADER.unpack_from(automaton)
    cells = memoryview(automaton)[_HEADER.size + 256 :]
    for byte in text:
        if state in (AUTOMATON_DEAD, AUTOMATON_ACCEPT):
            return state == AUTOMATON_ACCEPT
        state = _cell(cells, state * classes + automaton[_HEADER.size + byte])
    if state not in (AUTOMATON_DEAD, AUTOMATON_ACCEPT):
        state = _cell(cells, state * classes + classes - 1)
    return state == AUTOMATON_ACCEPT


def _cell(cells: memoryview, index: int) -> int:
    return int.from_bytes(cells[2 * index : 2 * index + 2], "little")
