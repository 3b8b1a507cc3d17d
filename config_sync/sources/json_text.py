"""JSON text into data, with what ``json`` lets pass diagnosed: repeated keys, NaN, integers past 64 bits, half surrogate pairs.

The clean case is one call of the C parser; only a text that has something wrong is scanned again to say where.
Used through ``config_sync.sources``.
"""

import json
from typing import Any

from config_sync.diagnostics import Diagnostics
from config_sync.ir import Origin
from config_sync.locate import JsonToken, line_and_column, scan_json
from config_sync.places import Spot
from config_sync.sources.limits import MAX_DEPTH, MAX_INTEGER, MAX_VALUES, MIN_INTEGER

_LONGEST_INTEGER = len(str(MIN_INTEGER))


class _Suspect(Exception):
    """Something the scanner must look at."""


def parse_json(text: str, origin: Origin, diagnostics: Diagnostics) -> tuple[bool, Any]:
    """(True, data), or (False, None) with diagnostics."""
    try:
        data = json.loads(text, object_pairs_hook=_object, parse_int=_integer, parse_constant=_constant, parse_float=_float)
        if "\\u" in text:
            _check_unicode(text)
        if _too_deep(data):
            raise RecursionError
        return True, data
    except json.JSONDecodeError as error:
        spot = Spot(origin.document, line=error.lineno, column=error.colno)
        diagnostics.error("JSON-SYNTAX", f"this isn't JSON: {error.msg}", spot)
    except RecursionError:
        diagnostics.error("DOCUMENT-TOO-DEEP", f"nested deeper than {MAX_DEPTH}", origin)
    except _Suspect:
        _report(text, origin, diagnostics)
    return False, None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Suspect
    return made


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST_INTEGER or not MIN_INTEGER <= (value := int(digits)) <= MAX_INTEGER:
        raise _Suspect
    return value


def _float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise _Suspect
    return value


def _constant(name: str) -> float:
    raise _Suspect


def _check_unicode(text: str) -> None:
    """Escapes can write half a surrogate pair; finding out means reading them all, so it's asked only when there are any."""
    for token in scan_json(text):
        if "\\u" in token.text and not _is_unicode(token):
            raise _Suspect


def _is_unicode(token: JsonToken) -> bool:
    try:
        json.loads(token.text).encode()
    except (UnicodeEncodeError, ValueError, AttributeError):
        return False
    return True


def _too_deep(data: Any) -> bool:
    """Level by level, so that the depth of the data isn't a depth of calls."""
    level, total = [data], 0
    for _ in range(MAX_DEPTH + 1):
        containers = [item for item in level if isinstance(item, (dict, list))]
        if not containers:
            return False
        level = [child for item in containers for child in (item.values() if isinstance(item, dict) else item)]
        total += len(level)
        if total > MAX_VALUES:
            return True
    return True


def _report(text: str, origin: Origin, diagnostics: Diagnostics) -> None:
    """Says where each suspicious thing is."""
    for token in scan_json(text):
        found = _problem(token)
        if found:
            line, column = line_and_column(text, token.start)
            diagnostics.error(*found[:2], Spot(origin.document, token.pointer, line, column), found[2])


def _problem(token: JsonToken) -> tuple[str, str, str] | None:
    if token.repeated:
        return "DUPLICATE-KEY", f"the key {token.text} is repeated in one object", "keep one of them"
    if "\\u" in token.text and not _is_unicode(token):
        return "INVALID-UNICODE", "the string has half a surrogate pair and so isn't Unicode", ""
    if token.text in ("NaN", "Infinity", "-Infinity"):
        return "NUMBER-NOT-FINITE", f"{token.text} is no number that JSON has", ""
    if token.text[0] not in "-0123456789":
        return None
    if token.text.lstrip("-").isdigit():
        fits = len(token.text) <= _LONGEST_INTEGER and MIN_INTEGER <= int(token.text) <= MAX_INTEGER
        return None if fits else ("NUMBER-TOO-LARGE", "the integer doesn't fit 64 bits", "quote it to make it a string")
    return (
        None if abs(float(token.text)) != float("inf") else ("NUMBER-NOT-FINITE", f"{token.text} is too large for a double", "")
    )
