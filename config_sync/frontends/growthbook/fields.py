"""The fields of rules, filters and experiments as JavaScript takes them: falsy ones aren't there. Used by that front end only.

A field of a type that JavaScript would make nonsense of is an error, which costs the feature.
"""

import json
import math
from typing import Any

from config_sync import ir
from config_sync.frontends.growthbook import ecmascript as js
from config_sync.frontends.growthbook.buckets import TOTALS, Span
from config_sync.frontends.growthbook.conditions import UNIT
from config_sync.frontends.growthbook.notes import Notes
from config_sync.ir import TARGETING_KEY, Attribute, Origin

Fields = dict[str, Any]


class FieldReader:
    """Reads fields of one feature's rules."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes

    def wrong(self, origin: Origin, wanted: str, found: Any) -> None:
        self.notes.error("WRONG-TYPE", f"this is {wanted}, not {js.kind_of(found)}", origin)

    def unit(self, fields: Fields, name: str, origin: Origin) -> Attribute:
        """The attribute that is hashed: the entry of this very name, dots and all."""
        attribute = fields.get(name) or UNIT
        if not isinstance(attribute, str):
            self.wrong(origin.child(name), "the name of an attribute", attribute)
            return TARGETING_KEY
        return Attribute(UNIT, fallback=TARGETING_KEY) if attribute == UNIT else Attribute(attribute)

    def version(self, fields: Fields, default: int) -> int | None:
        """The hash version, or None for one that nobody is hashed with."""
        version = fields.get("hashVersion") or default
        known = isinstance(version, int | float) and not isinstance(version, bool) and version in TOTALS
        return int(version) if known else None

    def text(self, value: Any, origin: Origin) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, list | dict):
            self.wrong(origin, "a text", value)
        return js.text_of(value)

    def number(self, value: Any, origin: Origin) -> float:
        """As arithmetic takes it: null 0, booleans 0 and 1."""
        if value is None or isinstance(value, bool | int | float):
            number = js.number_of(value)
            if math.isfinite(number):
                return number
        self.wrong(origin, "a number", value)
        return 0.0

    def spans(self, value: Any, origin: Origin) -> list[Span]:
        if isinstance(value, list):
            return [self.span(item, origin.child(index)) for index, item in enumerate(value)]
        self.wrong(origin, "a list of [start, end]", value)
        return []

    def span(self, value: Any, origin: Origin) -> Span:
        if isinstance(value, list) and len(value) >= 2:
            return self.number(value[0], origin.child(0)), self.number(value[1], origin.child(1))
        self.wrong(origin, "[start, end]", value)
        return 0.0, 0.0

    def weights(self, value: Any, origin: Origin) -> list[float] | None:
        if not js.is_truthy(value):
            return None
        if isinstance(value, list):
            return [self.number(item, origin.child(index)) for index, item in enumerate(value)]
        self.wrong(origin, "a list of weights", value)
        return None

    def objects(self, fields: Fields, name: str, origin: Origin) -> list[tuple[Fields, Origin]]:
        """A list of objects, with where each is; nothing for a field that isn't there."""
        found, here = fields.get(name), origin.child(name)
        if not js.is_truthy(found):
            return []
        if not isinstance(found, list):
            self.wrong(here, "a list", found)
            return []
        items = [(item, here.child(index)) for index, item in enumerate(found)]
        for item, place in items:
            if not isinstance(item, dict):
                self.wrong(place, "an object", item)
        return [(item, place) for item, place in items if isinstance(item, dict)]


class Variants:
    """A feature's values as variants: an experiment's under its variation's key, all others under no name."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], ir.Variant] = {}
        self._names: set[str] = set()

    def add(self, value: Any, key: str = "") -> str:
        """The name of the variant that answers this value under this key."""
        reported = key.replace("\x00", "")
        written = json.dumps(value, sort_keys=True)
        known = self._known.get((reported, written))
        if known is None:
            name = reported if reported and reported not in self._names else f"{reported}\x00{len(self._known)}"
            known = self._known[reported, written] = ir.Variant(name, value)
            self._names.add(name)
        return known.name

    def all(self) -> tuple[ir.Variant, ...]:
        return tuple(self._known.values())
