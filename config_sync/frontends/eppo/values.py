"""The variations of a flag as variants. Used by the Eppo front end only.

A value that isn't of the flag's type costs the flag only the splits that name it, as in Eppo's SDKs.
"""

import json
from typing import Any, NamedTuple

from config_sync import ir
from config_sync.frontends.eppo.reading import Malformed, checked, field, number, short
from config_sync.ir import Origin

TYPES = ("BOOLEAN", "STRING", "INTEGER", "NUMERIC", "JSON")
_LEAST, _MOST = -(2**63), 2**63 - 1  # an integer's


class Variations(NamedTuple):
    """``variants`` by key, and what is wrong with the others: (sentence, place)."""

    variants: dict[str, ir.Variant]
    unusable: list[tuple[str, Origin]]


class _Unusable(Exception):
    """The value isn't of the flag's type."""


def read_variations(data: dict[Any, Any], origin: Origin) -> Variations:
    """The flag's variations, by the key that splits name: the one inside. Raises Malformed."""
    kind, found = field(data, "variationType", str, origin), field(data, "variations", dict, origin)
    if kind not in TYPES:
        hint = "one of " + ", ".join(TYPES)
        raise Malformed("INVALID-VALUE", f"there is no variation type {short(kind)}", origin.child("variationType"), hint)
    here, result = origin.child("variations"), Variations({}, [])
    for name, variation in found.items():
        place = here.child(str(name))
        checked(variation, dict, "a variation", place)
        key = field(variation, "key", str, place, str(name))
        if variation.get("value") is None:
            raise Malformed("MISSING-FIELD", f"the variation {short(key)} has no value", place, "add 'value'")
        try:
            value = _READERS[kind](variation["value"], "totalShards" in data)
        except _Unusable as problem:
            told = f"the value of the variation {short(key)} is {problem}; splits that name it give no answer"
            result.unusable.append((told, place.child("value")))
        else:
            result.variants[key] = ir.Variant(key, value)
    return result


def _boolean(value: Any, _encoded: bool) -> bool:
    return bool(_of(bool, value, "true or false"))


def _text(value: Any, _encoded: bool) -> str:
    return str(_of(str, value, "text"))


def _of(kind: type, value: Any, what: str) -> Any:
    if not isinstance(value, kind):
        raise _Unusable(f"{short(value)}, not {what}")
    return value


def _integer(value: Any, _encoded: bool) -> int:
    found = number(value)
    if found is None or found != found // 1 or not _LEAST <= found <= _MOST:  # NaN and infinities aren't equal
        raise _Unusable(f"{short(value)}, not an integer")
    return int(found)


def _numeric(value: Any, _encoded: bool) -> int | float:
    found = number(value)
    if found is None:
        raise _Unusable(f"{short(value)}, not a number")
    return found


def _json(value: Any, encoded: bool) -> Any:
    """Eppo writes JSON into a text, Datadog writes it as it is: a flag with ``totalShards`` is Eppo's."""
    if not encoded or isinstance(value, (dict, list, tuple)):
        return _plain(value)
    text = _of(str, value, "JSON in a text")
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _Unusable(f"{short(text)}, which isn't JSON") from None


def _plain(value: Any, depth: int = 1) -> Any:
    """The value with decimals as integers or floats, and tuples as lists."""
    if depth > 100:
        raise _Unusable("nested more than 100 deep")
    if isinstance(value, (list, tuple)):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item, depth + 1) for key, item in value.items()}
    found = number(value)
    return value if found is None else found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} isn't JSON")


_READERS = {"BOOLEAN": _boolean, "STRING": _text, "INTEGER": _integer, "NUMERIC": _numeric, "JSON": _json}
