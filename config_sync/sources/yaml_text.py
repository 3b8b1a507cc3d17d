"""YAML text into data: YAML 1.2's core schema, so ``on``, ``no`` and ``12:30`` stay strings and dates do too.

Built from the parser's events with a stack of our own: PyYAML's composer recurses in C and overflows on deep nesting, resolves
YAML 1.1's words, and keeps the last of two equal keys without a word. Used through ``config_sync.sources``.
"""

import re
from typing import Any

import yaml

from config_sync.diagnostics import Diagnostics
from config_sync.ir import Origin
from config_sync.places import Spot
from config_sync.sources.limits import MAX_DEPTH, MAX_INTEGER, MAX_VALUES, MIN_INTEGER

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_NUMBER_STARTS = frozenset("0123456789+-.")
_TAGS = "tag:yaml.org,2002:"
_NOTHING = object()
_LONGEST_INTEGER = 66  # characters; sign, prefix and 64 binary digits would do


class _Stop(Exception):
    """The document can't be read any further; why has been said."""


def parse_yaml(text: str, origin: Origin, diagnostics: Diagnostics) -> tuple[bool, Any]:
    """(True, data), or (False, None) with diagnostics. An empty document is an empty mapping."""
    builder = _Builder(origin, diagnostics)
    try:
        for event in _events(text):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        builder.error("YAML-SYNTAX", f"this isn't YAML: {error.problem or error.context}", mark)
    except yaml.YAMLError as error:
        builder.error("YAML-SYNTAX", f"this isn't YAML: {str(error).splitlines()[0]}", None)
    except _Stop:
        pass
    if builder.failed:
        return False, None
    return True, {} if builder.root in (_NOTHING, None) else builder.root


def _events(text: str) -> Any:
    loader = Loader(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


class _Open:
    """A list or mapping whose end hasn't been seen."""

    __slots__ = ("anchor", "data", "first_value", "key", "merges")

    def __init__(self, data: Any, anchor: str | None, first_value: int) -> None:
        self.data = data
        self.anchor = anchor
        self.key: Any = _NOTHING
        self.merges: list[dict[str, Any]] = []
        self.first_value = first_value


class _Builder:
    def __init__(self, origin: Origin, diagnostics: Diagnostics) -> None:
        self.root: Any = _NOTHING
        self.failed = False
        self._origin = origin
        self._diagnostics = diagnostics
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int] | None] = {}  # None while its own end hasn't been seen
        self._values = 0

    def error(self, code: str, message: str, mark: Any, hint: str = "") -> None:
        self.failed = True
        spot = Spot(self._origin.document, line=mark.line + 1, column=mark.column + 1) if mark else self._origin
        self._diagnostics.error(code, message, spot, hint)

    def take(self, event: Any) -> None:
        """Adds one event of the parser."""
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent):
            self._open({}, event)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._open([], event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close(event)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not _NOTHING:
            self.error(
                "YAML-DOCUMENTS", "one file holds one document", event.start_mark, "put the second one into its own file"
            )
            raise _Stop

    def _count(self, values: int, event: Any) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            self.error(
                "DOCUMENT-TOO-LARGE", f"more than {MAX_VALUES:,} values, aliases counted as often as used", event.start_mark
            )
            raise _Stop

    # --- lists and mappings -------------------------------------------------------------------------------------------

    def _open(self, data: Any, event: Any) -> None:
        self._count(1, event)
        if len(self._stack) >= MAX_DEPTH:
            self.error("DOCUMENT-TOO-DEEP", f"nested deeper than {MAX_DEPTH}", event.start_mark)
            raise _Stop
        if self._wants_key():
            self.error("YAML-KEY", "a key must be a plain word", event.start_mark)
            raise _Stop
        if event.tag not in (None, "!", _TAGS + "map", _TAGS + "seq"):
            self.error("YAML-TAG", f"the tag {event.tag} has no meaning here", event.start_mark)
        if event.anchor:
            self._anchors[event.anchor] = None
        self._stack.append(_Open(data, event.anchor, self._values))

    def _close(self, event: Any) -> None:
        done = self._stack.pop()
        for merged in done.merges:
            for key, value in merged.items():
                done.data.setdefault(key, value)
        if done.anchor:
            self._anchors[done.anchor] = (done.data, self._values - done.first_value + 1)
        self._add(done.data, event)

    def _wants_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].data, dict) and self._stack[-1].key is _NOTHING

    def _add(self, value: Any, event: Any) -> None:
        if not self._stack:
            self.root = value
            return
        top = self._stack[-1]
        if isinstance(top.data, list):
            top.data.append(value)
            return
        key, top.key = top.key, _NOTHING
        if key is not None:
            top.data[key] = value
        elif isinstance(value, dict):
            top.merges.append(value)
        elif isinstance(value, list) and all(isinstance(item, dict) for item in value):
            top.merges += value
        else:
            self.error("YAML-MERGE", "<< merges a mapping or a list of mappings", event.start_mark)

    # --- scalars and aliases ------------------------------------------------------------------------------------------

    def _scalar(self, event: Any) -> None:
        self._count(1, event)
        if self._wants_key():
            return self._key(event)
        value = self._value(event)
        if event.anchor:
            self._anchors[event.anchor] = (value, 1)
        self._add(value, event)

    def _key(self, event: Any) -> None:
        """A key is its text, whatever type the text would have as a value; None stands for the merge key."""
        top = self._stack[-1]
        if event.value == "<<" and event.implicit[0]:
            top.key = None
            return
        if event.value in top.data:
            self.error(
                "DUPLICATE-KEY", f"the key {event.value!r} is repeated in one mapping", event.start_mark, "keep one of them"
            )
        top.key = event.value

    def _alias(self, event: Any) -> None:
        known = self._anchors.get(event.anchor)
        if known is None or self._wants_key():
            self.error("YAML-ALIAS", f"the alias *{event.anchor} has nothing to stand for here", event.start_mark)
            raise _Stop
        value, size = known
        self._count(size, event)
        self._add(value, event)

    def _value(self, event: Any) -> Any:
        text: str = event.value
        tag: str | None = event.tag
        if tag is not None and tag != "!":
            return self._tagged(text, tag, event)
        if tag == "!" or not event.implicit[0]:  # "!" says: not resolved
            return text
        if text in _WORDS:
            return _WORDS[text]
        return self._number(text, event) if text[0] in _NUMBER_STARTS else text

    def _tagged(self, text: str, tag: str, event: Any) -> Any:
        value: Any = text
        if tag in (_TAGS + "int", _TAGS + "float"):
            value = self._number(text, event)
        elif tag in (_TAGS + "bool", _TAGS + "null"):
            value = _WORDS.get(text, text)
        elif tag != _TAGS + "str":
            self.error("YAML-TAG", f"the tag {tag} has no meaning here", event.start_mark)
        return value

    def _number(self, text: str, event: Any) -> Any:
        if _INTEGER.fullmatch(text):
            value = int(text, 0 if text[:2] in ("0o", "0x") else 10) if len(text) <= _LONGEST_INTEGER else MAX_INTEGER + 1
            if MIN_INTEGER <= value <= MAX_INTEGER:
                return value
            self.error("NUMBER-TOO-LARGE", "the integer doesn't fit 64 bits", event.start_mark, "quote it to make it a string")
        elif _FLOAT.fullmatch(text):
            number = float(text)
            if abs(number) != float("inf"):
                return number
            self.error("NUMBER-NOT-FINITE", f"{text} is too large for a double", event.start_mark)
        elif _NOT_FINITE.fullmatch(text):
            self.error("NUMBER-NOT-FINITE", f"{text} is no number that JSON has", event.start_mark)
        return text
