"""A small msgpack reader for the snapshot's body (the format's public specification; docs/snapshot-format.md, section 2).

Its own, because the reading side must not import msgspec. Used by ``_pure.load`` only.
"""

import struct
from typing import Any, Final

from evaluator.errors import SnapshotError

MAX_DEPTH: Final = 64

_NUMBERS: Final = {
    0xCA: struct.Struct(">f"),
    0xCB: struct.Struct(">d"),
    0xCC: struct.Struct(">B"),
    0xCD: struct.Struct(">H"),
    0xCE: struct.Struct(">I"),
    0xCF: struct.Struct(">Q"),
    0xD0: struct.Struct(">b"),
    0xD1: struct.Struct(">h"),
    0xD2: struct.Struct(">i"),
    0xD3: struct.Struct(">q"),
}
_SINGLETONS: Final = {0xC0: None, 0xC2: False, 0xC3: True}
# first byte -> (what follows, bytes of its length)
_SIZED: Final = {
    0xC4: ("bin", 1),
    0xC5: ("bin", 2),
    0xC6: ("bin", 4),
    0xD9: ("text", 1),
    0xDA: ("text", 2),
    0xDB: ("text", 4),
    0xDC: ("array", 2),
    0xDD: ("array", 4),
    0xDE: ("map", 2),
    0xDF: ("map", 4),
}


class Reader:
    """Reads values one after the other from ``data``, from ``position`` on."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data = data
        self.position = position

    def take(self, size: int) -> bytes:
        start, end = self.position, self.position + size
        if end > len(self.data):
            raise SnapshotError("the snapshot's body ends in the middle of a value")
        self.position = end
        return self.data[start:end]

    def value(self, depth: int) -> Any:
        """The next value; ``depth`` is that of the containers around it, itself included if it is one."""
        first = self.take(1)[0]
        if first < 0x80:
            return first
        if first >= 0xE0:
            return first - 0x100
        if first in _SINGLETONS:
            return _SINGLETONS[first]
        if first in _NUMBERS:
            form = _NUMBERS[first]
            return form.unpack(self.take(form.size))[0]
        kind, size = self.kind_and_size(first)
        if kind == "text":
            return self._text(size)
        if kind == "bin":
            return self.take(size)
        return self._container(kind, size, depth)

    def kind_and_size(self, first: int) -> tuple[str, int]:
        """Of a value that has a length, by its first byte: ``map``, ``array``, ``text`` or ``bin``, and the length."""
        if first < 0x90:
            return "map", first & 0x0F
        if first < 0xA0:
            return "array", first & 0x0F
        if first < 0xC0:
            return "text", first & 0x1F
        if first not in _SIZED:
            raise SnapshotError("the snapshot's body has a type that snapshots don't use")
        kind, width = _SIZED[first]
        return kind, int.from_bytes(self.take(width), "big")

    def _text(self, size: int) -> str:
        try:
            return self.take(size).decode()
        except UnicodeDecodeError:
            raise SnapshotError("a text in the snapshot's body is not UTF-8") from None

    def _container(self, kind: str, size: int, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise SnapshotError("the snapshot's body is nested too deep")
        if size > len(self.data) - self.position:  # each element takes a byte at least
            raise SnapshotError("a container in the snapshot's body is longer than the body")
        if kind == "array":
            return [self.value(depth + 1) for _ in range(size)]
        return dict(self._pair(depth) for _ in range(size))

    def _pair(self, depth: int) -> tuple[str, Any]:
        key = self.value(depth + 1)
        if not isinstance(key, str):
            raise SnapshotError("a map in the snapshot's body has a key that is no text")
        return key, self.value(depth + 1)
