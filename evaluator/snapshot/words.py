"""Codes and values in words, for ``describe``, ``explain`` and the compiler's tools. Nothing here is asked while evaluating."""

import json
import struct
from collections.abc import Iterable, Iterator
from typing import Any, Final

from evaluator.snapshot import opcodes as codes

SHOWN_ITEMS: Final = 8  # of a long list
SHOWN_CHARACTERS: Final = 120  # of a long text

COMPARISONS: Final = ("=", "!=", "<", "<=", ">", ">=")
HASHES: Final = {
    value: name[5:].lower() for name, value in vars(codes).items() if name.startswith("HASH_") and name != "HASH_LAST"
}
WIDTHS: Final = {codes.HASH_SHA1_28: 28, codes.HASH_SHA1_60: 60}  # in bits, where it isn't 32
SPACES: Final = {
    codes.SPACE_FULL: "of 2^{1}",
    codes.SPACE_MODULO: "modulo {}",
    codes.SPACE_MULTIPLY: "of {}",
    codes.SPACE_ABSOLUTE: "of 2^31, absolute",
}
UNITS: Final = {codes.UNIT_TEXT: "text", codes.UNIT_CBOR: "CBOR", codes.UNIT_STRING: "string", codes.UNIT_TRUTHY: "truthy text"}
CONVERSIONS: Final = {
    0: "",
    codes.ATTRIBUTE_AS_TEXT: " as text",
    codes.ATTRIBUTE_AS_TRIMMED_TEXT: " trimmed",
    codes.ATTRIBUTE_AS_NUMBER: " as a number",
    codes.ATTRIBUTE_AS_SECONDS: " as seconds",
    codes.ATTRIBUTE_AS_TEXTS: " as a list of texts",
    codes.ATTRIBUTE_AS_MAP_NAMES: " as the names of its maps",
}
ENDS: Final = ("next rule", "the default", "an error", "a variant")
_HEADER: Final = struct.Struct("<IIII")


def quoted(value: Any) -> str:
    """A value as JSON, cut where it gets long."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


def listed(items: Iterable[Any], count: int) -> str:
    """The first items, and how many there are when that isn't all. ``items`` may be read lazily."""
    shown = [quoted(item) for _, item in zip(range(SHOWN_ITEMS), items, strict=False)]
    more = f", … ({count:,} in all)" if count > len(shown) else ""
    return (", ".join(shown) or "nothing") + more


def text_of(program: Any, offset: int, length: int) -> str:
    """A slice of ``text``, readable whatever is in it."""
    data: bytes = bytes(program.text[offset : offset + length])
    return data.decode(errors="backslashreplace")


def strings_of_set(sets: bytes, at: int) -> Iterator[str]:
    """The strings of a hash table in ``sets``, in heap order; ends where the heap does."""
    _, slots, heap_bytes, _ = _HEADER.unpack_from(sets, at)
    position = at + _HEADER.size + 4 * slots
    end = min(position + heap_bytes, len(sets))
    while position + 2 <= end:
        length = int.from_bytes(sets[position : position + 2], "little")
        yield bytes(sets[position + 2 : position + 2 + length]).decode(errors="backslashreplace")
        position += 2 + length
