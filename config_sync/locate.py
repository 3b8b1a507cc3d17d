"""From a pointer into a document to line and column, only when somebody wants to see it. Used by sources, rendering and tests.

A clean compile never runs this. One pass over a text finds every pointer that is asked for, so a thousand diagnostics cost as
much as one.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from config_sync.ir import Origin, Pointer
from config_sync.places import KeyOrigin, Spot

DEEPEST = 1_000  # levels that are followed; what is deeper is refused by the sources anyway

Position = tuple[int, int]  # line and column, from 1


class JsonToken(NamedTuple):
    """A scalar, a key or the opening of a container: its text, offset and pointer. ``repeated``: this key was there before."""

    pointer: Pointer
    text: str
    start: int
    is_key: bool = False
    repeated: bool = False


class Found(NamedTuple):
    """Where an entry is: its key (None in a list) and its value."""

    key: Position | None
    value: Position | None


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def line_and_column(text: str, offset: int) -> Position:
    """Line and column, from 1, of a character offset."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def locate_all(text: str, is_json: bool, origins: Iterable[Origin]) -> dict[Origin, Position]:
    """The position of each origin in this text: of the entry itself, else of the nearest one around it, else the beginning."""
    wanted = list(origins)
    pointers = {origin.pointer[:length] for origin in wanted for length in range(len(origin.pointer) + 1)}
    found = (_find_json if is_json else _find_yaml)(text, pointers)
    return {origin: _position(origin, found) for origin in wanted}


def _position(origin: Origin, found: dict[Pointer, Found]) -> Position:
    if isinstance(origin, Spot):
        return origin.line, origin.column
    for length in range(len(origin.pointer), -1, -1):
        entry = found.get(origin.pointer[:length])
        if entry is not None:
            wants_key = isinstance(origin, KeyOrigin) or length < len(origin.pointer)
            return (entry.key if wants_key else None) or entry.value or entry.key or (1, 1)
    return 1, 1


# --- JSON -------------------------------------------------------------------------------------------------------------


def _find_json(text: str, wanted: set[Pointer]) -> dict[Pointer, Found]:
    keys: dict[Pointer, int] = {}
    values: dict[Pointer, int] = {}
    for token in scan_json(text):
        if token.pointer in wanted:
            (keys if token.is_key else values).setdefault(token.pointer, token.start)
    lines = _Lines(text)
    return {
        pointer: Found(lines.position(keys[pointer]) if pointer in keys else None, lines.position(start))
        for pointer, start in values.items()
    }


class _Lines:
    """Offsets to positions, with the line starts found once."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def position(self, offset: int) -> Position:
        from bisect import bisect_right

        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


class _Level:
    """An open object (``seen`` is its keys) or list (``index`` is its next element)."""

    __slots__ = ("index", "is_object", "key", "pointer", "seen", "wants_key")

    def __init__(self, pointer: Pointer, is_object: bool) -> None:
        self.pointer = pointer
        self.is_object = is_object
        self.wants_key = is_object
        self.key = ""
        self.index = 0
        self.seen: set[str] = set()

    def child(self) -> Pointer:
        return (*self.pointer, self.key if self.is_object else self.index)


def scan_json(text: str) -> Iterator[JsonToken]:
    """Every key and value of a JSON text in order. Doesn't check the text: it is for texts that were parsed before."""
    levels: list[_Level] = []
    for match in _TOKEN.finditer(text):
        token, start, top = match[0], match.start(), levels[-1] if levels else None
        if token in "}]":
            levels = levels[:-1]
        elif token == ",":
            _next_entry(top)
        elif token != ":":
            if top is not None and top.wants_key and token[0] == '"':
                yield _key(top, token, start)
                continue
            pointer = top.child() if top is not None else ()
            yield JsonToken(pointer, token, start)
            if token in "{[":
                if len(levels) > DEEPEST:
                    return
                levels.append(_Level(pointer, token == "{"))


def _next_entry(level: _Level | None) -> None:
    if level is not None:
        level.index += 1
        level.wants_key = level.is_object


def _key(level: _Level, token: str, start: int) -> JsonToken:
    level.key = _unquoted(token)
    level.wants_key = False
    repeated = level.key in level.seen
    level.seen.add(level.key)
    return JsonToken(level.child(), token, start, True, repeated)


def _unquoted(token: str) -> str:
    import json

    try:
        return str(json.loads(token, strict=False))
    except ValueError:
        return token


# --- YAML -------------------------------------------------------------------------------------------------------------


def _find_yaml(text: str, wanted: set[Pointer]) -> dict[Pointer, Found]:
    import yaml

    found: dict[Pointer, Found] = {}
    try:
        for pointer, is_key, mark in scan_yaml(text):
            if pointer in wanted:
                position, known = (mark.line + 1, mark.column + 1), found.get(pointer, Found(None, None))
                found[pointer] = Found(position, None) if is_key else Found(known.key, position)
    except yaml.YAMLError:
        pass  # found up to here; the syntax error has a spot of its own
    return found


def scan_yaml(text: str) -> Iterator[tuple[Pointer, bool, Any]]:
    """(pointer, is it the key?, mark) of every key and value of a YAML text. Raises yaml.YAMLError."""
    import yaml

    levels: list[_Level] = []
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    while loader.check_event():
        event = loader.get_event()
        top = levels[-1] if levels else None
        if isinstance(event, yaml.CollectionEndEvent):
            levels.pop()
        elif isinstance(event, yaml.NodeEvent):
            is_key = top is not None and top.wants_key
            if top is not None and is_key:
                top.key, top.wants_key = getattr(event, "value", ""), False
            pointer = top.child() if top is not None else ()
            if not is_key:
                _next_entry(top)
            yield pointer, is_key, event.start_mark
            if isinstance(event, yaml.CollectionStartEvent):
                if len(levels) > DEEPEST:
                    return
                levels.append(_Level(pointer, isinstance(event, yaml.MappingStartEvent)))
