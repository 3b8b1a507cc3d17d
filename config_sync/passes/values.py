"""What may be stored in a snapshot: finite JSON values of bounded size, and names that are Unicode. Used by the passes.

Every function gives ``None`` for what is right, else a ``Problem``: a diagnostic's code and sentence.
"""

import math
from collections.abc import Iterable
from typing import Any

from config_sync import ir
from config_sync.limits import MAX_KEY_LENGTH, MAX_METADATA_BYTES, MAX_VALUE_BYTES, MAX_VALUE_DEPTH
from config_sync.lower.json_text import json_text

Problem = tuple[str, str]

_LEAST, _MOST = -(1 << 63), (1 << 64) - 1  # what the snapshot's integers hold


def value_problem(value: Any, what: str) -> Problem | None:
    """A JSON value: types, finite numbers, depth, and length of its text."""
    pending: list[tuple[Any, int]] = [(value, 1)]
    while pending:
        item, depth = pending.pop()
        if depth > MAX_VALUE_DEPTH:
            return "LIMIT-VALUE", f"{what} is nested more than {MAX_VALUE_DEPTH} deep"
        problem = _scalar_problem(item, what)
        if problem:
            return problem
        if isinstance(item, dict):
            pending += ((key, depth) if isinstance(key, str) else (_NotText(), depth) for key in item)
            pending += ((child, depth + 1) for child in item.values())
        elif isinstance(item, (list, tuple)):
            pending += ((child, depth + 1) for child in item)
    size = len(json_text(value))
    return ("LIMIT-VALUE", f"{what} has {size} bytes as JSON, more than {MAX_VALUE_BYTES}") if size > MAX_VALUE_BYTES else None


class _NotText:
    """Stands for a key that isn't text."""


def _scalar_problem(item: Any, what: str) -> Problem | None:
    if isinstance(item, str):
        return None if is_unicode(item) else ("INVALID-VALUE", f"{what} isn't Unicode text (it has a lone surrogate)")
    if isinstance(item, float):
        return None if math.isfinite(item) else ("INVALID-VALUE", f"{what} is {item}, which JSON doesn't have")
    if isinstance(item, int):
        return None if _LEAST <= item <= _MOST else ("INVALID-VALUE", f"{what} is an integer beyond 64 bits")
    if item is None or isinstance(item, (list, tuple, dict)):
        return None
    kind = "a key that isn't text" if isinstance(item, _NotText) else f"a {type(item).__name__}, which JSON doesn't have"
    return "INVALID-VALUE", f"{what} has {kind}"


def name_problem(name: Any, what: str, code: str = "INVALID-NAME") -> Problem | None:
    """A name: text, not empty, Unicode, of at most MAX_KEY_LENGTH characters."""
    if not isinstance(name, str) or not name:
        return code, f"{what} is empty or no text"
    if len(name) > MAX_KEY_LENGTH:
        return "LIMIT-KEY", f"{what} has {len(name)} characters, more than {MAX_KEY_LENGTH}"
    return None if is_unicode(name) else (code, f"{what} isn't Unicode text (it has a lone surrogate)")


def variant_problem(variant: ir.Variant) -> Problem | None:
    """A variant's name, which may also be empty (reported as none at all), and its value."""
    what = f"the variant {variant.name!r}"
    problem = None if variant.name == "" else name_problem(variant.name, "a variant's name")
    return problem or value_problem(variant.value, f"the value of {what}")


def metadata_problem(metadata: dict[str, Any] | None) -> Problem | None:
    """Flat metadata: texts, booleans, integers and finite floats by name."""
    for key, value in (metadata or {}).items():
        problem = name_problem(key, "a metadata key", "INVALID-METADATA") or value_problem(value, f"the metadata {key!r}")
        if problem:
            return problem
        if not isinstance(value, (str, bool, int, float)):
            return "INVALID-METADATA", f"the metadata {key!r} is neither text, boolean nor number"
    if metadata and len(json_text(metadata)) > MAX_METADATA_BYTES:
        return "LIMIT-VALUE", f"the metadata has more than {MAX_METADATA_BYTES} bytes"
    return None


def first_problem(problems: Iterable[Problem | None]) -> Problem | None:
    """The first that isn't None, if any."""
    return next((problem for problem in problems if problem), None)


def is_unicode(text: str) -> bool:
    """Whether the text can be written as UTF-8: it has no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
