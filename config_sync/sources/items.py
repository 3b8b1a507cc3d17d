"""The write side of the platform's tables: a native project as the items that hold it, in DynamoDB's own notation.

``to_items`` is the opposite of ``config_sync.sources.tables.read_tables``, and ``burgee up`` seeds its tables with it. Sends
nothing itself. For ``burgee`` and tests.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import Any

from config_sync.diagnostics import ERROR, Diagnostics
from config_sync.sources.reading import read_sources

AttributeValue = dict[str, Any]
RawItem = dict[str, AttributeValue]

SECTIONS = ("flags", "experiments", "segments", "layers")
MAX_NUMBER, MIN_NUMBER = 9.99e125, 1e-130  # what a DynamoDB number can be, besides 0


def to_items(place: str | os.PathLike[str] | Mapping[str, Any]) -> dict[str, list[RawItem]]:
    """table (flags, experiments, segments, layers) -> its items, in the order of their keys.

    ``place`` is a native project: a directory, a file, or a parsed mapping. Holdouts go to the layers' table. The project's
    own metadata has no table. Raises ValueError for what can't be read or has no place in the tables, naming it.
    """
    diagnostics = Diagnostics()
    documents = [source.data for source in read_sources(place, diagnostics)]
    if wrong := next((item for item in diagnostics if item.severity == ERROR), None):
        raise ValueError(f"{wrong.origin.document or 'the project'}: {wrong.message}")
    found: dict[str, dict[str, RawItem]] = {section: {} for section in SECTIONS}
    for document in documents:
        for table, key, item in _plain_items(document):
            if key in found[table]:
                raise ValueError(f"two items of the {table} table would have the key {key!r}: rename one of them")
            found[table][key] = _raw_item(item, f"{table}.{key}")
    return {table: [items[key] for key in sorted(items)] for table, items in found.items()}


def _plain_items(document: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(table, key, item) of everything in a document that a table holds."""
    if not isinstance(document, dict):
        raise ValueError("a project is a mapping of sections: flags, experiments, segments, layers, holdouts")
    for section in ("flags", "experiments"):
        for key, data in _entries(document.get(section), section):
            yield section, key, {**_mapping(data, section, key), "key": key}
    for key, data in _entries(document.get("segments"), "segments"):
        yield "segments", key, {**_segment(data), "key": key}
    for key, data in _entries(document.get("layers"), "layers"):
        yield "layers", key, {**_mapping(data or {}, "layers", key), "key": key, "kind": "layer"}
    for key, data in _entries(document.get("holdouts"), "holdouts"):
        yield "layers", key, {**_mapping(data, "holdouts", key), "key": key, "kind": "holdout"}


def _entries(data: Any, section: str) -> Iterable[tuple[str, Any]]:
    """A section's entries: a mapping by key, or a list of items with a key."""
    if isinstance(data, list):
        pairs = [(item.get("key") if isinstance(item, dict) else None, item) for item in data]
    elif data is None or isinstance(data, dict):
        pairs = list((data or {}).items())
    else:
        raise ValueError(f"{section} is neither a mapping nor a list")
    for key, item in pairs:
        if not isinstance(key, str) or not key:
            raise ValueError(f"an item of {section} has no key")
        yield key, item


def _mapping(data: Any, section: str, key: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ValueError(f"{section}.{key} is no mapping")
    return data


def _segment(data: Any) -> dict[str, Any]:
    """A segment's condition under ``when``, so that the condition's fields aren't among the item's own."""
    if isinstance(data, dict) and "when" in data:
        return data
    bare = {name: value for name, value in data.items() if name != "key"} if isinstance(data, dict) else data
    return {"when": bare}


# --- values -----------------------------------------------------------------------------------------------------------


def _raw_item(item: dict[str, Any], place: str) -> RawItem:
    return {name: _raw(value, f"{place}.{name}") for name, value in item.items()}


def _raw(value: Any, place: str) -> AttributeValue:
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, (int, float)):
        return {"N": _number(value, place)}
    if isinstance(value, list):
        return {"L": [_raw(item, f"{place}[{index}]") for index, item in enumerate(value)]}
    return {"M": {name: _raw(item, f"{place}.{name}") for name, item in value.items()}}


def _number(value: int | float, place: str) -> str:
    if not isfinite(value) or (value and not MIN_NUMBER <= abs(value) <= MAX_NUMBER):
        raise ValueError(f"{place}: DynamoDB has no number {value}")
    return repr(value)
