"""Values as they are stored: JSON texts for responses, and a canonical form so that equal values share an entry.

Used by the lowering only. Keys of objects are sorted: their order means nothing in JSON, and the bytes shall not depend on it.
"""

import json
from typing import Any

import msgspec

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)


def json_text(value: Any) -> bytes:
    """Compact UTF-8 JSON text of a finite JSON value."""
    return _ENCODER.encode(value).encode()


def canonical(value: Any) -> Any:
    """The same JSON value with the keys of every object in code point order, tuples as lists."""
    if isinstance(value, dict):
        return {key: canonical(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [canonical(item) for item in value]
    return value


class ValueTable:
    """The snapshot's ``values``: each distinct value once. 1, 1.0 and true are distinct."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._known: dict[bytes, int] = {}

    def intern(self, value: Any) -> int:
        ordered = canonical(value)
        key = msgspec.msgpack.encode(ordered)
        index = self._known.get(key)
        if index is None:
            index = self._known[key] = len(self.values)
            self.values.append(ordered)
        return index


class NameTable:
    """A list of distinct names, numbered at their first use."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._known: dict[str, int] = {}

    def intern(self, name: str) -> int:
        index = self._known.setdefault(name, len(self.names))
        if index == len(self.names):
            self.names.append(name)
        return index
