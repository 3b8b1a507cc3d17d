"""What an attribute's value is turned into before an operator sees it (docs/snapshot-format.md, section 4.10).

Used by ``_pure.walk`` only.
"""

import json
import math
from collections.abc import Callable
from typing import Any, Final

from evaluator._pure.times import as_instant
from evaluator._pure.values import MAX_INTEGER_BITS, MISSING, UNUSABLE, as_items, is_unicode, plain
from evaluator.snapshot import opcodes as codes


def converted(flags: int, value: object) -> Any:
    """The value that the attribute's flags ask for; UNUSABLE where there is none. What is missing or null stays so."""
    how = flags & codes.ATTRIBUTE_CONVERSION
    value = plain(value)
    if how == 0 or value is None or value is MISSING:
        return value
    if how not in _CONVERSIONS or (isinstance(value, str) and not is_unicode(value)):
        return UNUSABLE
    try:
        return _CONVERSIONS[how](value)
    except Exception:  # no such value, or whatever a caller's object raises
        return UNUSABLE


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, int) and value.bit_length() > MAX_INTEGER_BITS:
        raise ValueError("too long an integer")
    if isinstance(value, int):
        return str(value)
    instant = None if isinstance(value, list | tuple) else as_instant(value)
    return _list_text(value) if instant is None else _float_text(_seconds(instant))


def _float_text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    text = repr(value)
    return str(int(value)) if value.is_integer() and "e" not in text else text


def _list_text(value: Any) -> str:
    return json.dumps(_texts(value), ensure_ascii=False, separators=(",", ":"))


def _as_trimmed_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value.strip()


def _as_number(value: Any) -> float:
    return float(value.replace(",", ".") if isinstance(value, str) else value)


def _as_seconds(value: Any) -> float:
    instant = None if isinstance(value, str | int | float) else as_instant(value)
    return _as_number(value) if instant is None else _seconds(instant)


def _seconds(instant: int) -> float:
    return float(instant) / 1e6


def _as_texts(value: Any) -> list[str]:
    if isinstance(value, str):
        from evaluator import json_text

        value = json_text.parse(value)
    return _texts(value)


def _texts(value: Any) -> list[str]:
    """A list's or tuple's texts. Raises TypeError if there is anything else in it, or it is something else."""
    items = [plain(item) for item in as_items(value) or []]
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in items):
        raise TypeError("no list of texts")
    return items


def _as_map_names(value: Any) -> list[str]:
    if not isinstance(value, dict):
        raise TypeError("no map")
    return [name for name, item in dict.items(value) if isinstance(name, str) and isinstance(item, dict)]


_CONVERSIONS: Final[dict[int, Callable[[Any], Any]]] = {
    codes.ATTRIBUTE_AS_TEXT: _as_text,
    codes.ATTRIBUTE_AS_TRIMMED_TEXT: _as_trimmed_text,
    codes.ATTRIBUTE_AS_NUMBER: _as_number,
    codes.ATTRIBUTE_AS_SECONDS: _as_seconds,
    codes.ATTRIBUTE_AS_TEXTS: _as_texts,
    codes.ATTRIBUTE_AS_MAP_NAMES: _as_map_names,
}
