"""CloudWatch's embedded metric format, as its specification has it: no metric comes of a line that breaks it."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator

_NAME = {"type": "string", "minLength": 1, "maxLength": 1024}
_METRIC = {
    "type": "object",
    "required": ["Name"],
    "additionalProperties": False,
    "properties": {
        "Name": _NAME,
        "Unit": {"enum": ["Microseconds", "Milliseconds", "Seconds", "Count", "Bytes", "Percent", "None"]},  # those we know
        "StorageResolution": {"enum": [1, 60]},
    },
}
_DIRECTIVE = {
    "type": "object",
    "required": ["Namespace", "Dimensions", "Metrics"],
    "additionalProperties": False,
    "properties": {
        "Namespace": _NAME,
        "Dimensions": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "array", "maxItems": 30, "uniqueItems": True, "items": {**_NAME, "maxLength": 250}},
        },
        "Metrics": {"type": "array", "minItems": 1, "maxItems": 100, "items": _METRIC},
    },
}
_ABOUT = {
    "type": "object",
    "required": ["Timestamp", "CloudWatchMetrics"],
    "additionalProperties": False,
    "properties": {
        "Timestamp": {"type": "integer"},
        "CloudWatchMetrics": {"type": "array", "minItems": 1, "items": _DIRECTIVE},
    },
}
_FORMAT = Draft202012Validator({"type": "object", "required": ["_aws"], "properties": {"_aws": _ABOUT}})
_MOST_BYTES = 256 * 1024  # of a line; it was raised to 1 MB, not everywhere
_AGE_MS, _AHEAD_MS = 14 * 86_400_000, 2 * 3_600_000  # what of a time CloudWatch takes


def wrong_in(document: Mapping[str, Any]) -> str:
    """Why CloudWatch would ignore a line's metrics, by the specification of the format; empty if it wouldn't."""
    for error in _FORMAT.iter_errors(document):
        return f"{error.json_path}: {error.message:.200}"
    about = document["_aws"]
    if not -_AHEAD_MS <= time.time() * 1_000 - about["Timestamp"] <= _AGE_MS:
        return f"{about['Timestamp']} is no time of now in milliseconds"
    if len(json.dumps(document)) > _MOST_BYTES:
        return "it is too long"
    seen: set[tuple[str, str, str]] = set()
    for directive in about["CloudWatchMetrics"]:
        for name in {name for names in directive["Dimensions"] for name in names}:
            if not isinstance(document.get(name), str) or not 0 < len(document[name]) <= 1024:
                return f"the dimension {name} is {document.get(name)!r}"
        for name in (metric["Name"] for metric in directive["Metrics"]):
            values = document.get(name)
            if not _are_values(values if isinstance(values, list) else [values]):
                return f"the metric {name} is {values!r:.100}"
            place = (directive["Namespace"], name, str(directive["Dimensions"]))
            if place in seen:
                return f"{name} is there twice"
            seen.add(place)
    return ""


def _are_values(values: Sequence[Any]) -> bool:
    return 0 < len(values) <= 100 and all(type(value) in (int, float) and abs(value) < 2**360 for value in values)
