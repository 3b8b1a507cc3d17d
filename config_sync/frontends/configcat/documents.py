"""Config JSON documents: preferences, segments, settings and the values they serve. Used by the ConfigCat front end only.

A setting is read in two steps, because a prerequisite is compared with the values of another setting: here everything but
conditions, then ``flags`` with those.
"""

import math
from collections.abc import Iterable
from typing import Any

import msgspec

from config_sync.diagnostics import Diagnostics
from config_sync.frontends.base import Source
from config_sync.frontends.configcat.reading import Item, Malformed, Notes, choice, items, mapping, number, text
from config_sync.ir import Origin, Range, Variant

_TYPES = (("b", "boolean"), ("s", "text"), ("i", "whole number"), ("d", "decimal number"))  # by the setting's ``t``
_V5 = "config JSON v5 isn't evaluated; download config_v6.json"


class Config(msgspec.Struct):
    """What a document's settings share."""

    salt: str
    segments: list[Item]


class RuleDraft(msgspec.Struct):
    """A targeting rule without its conditions' meaning. ``served``: a variant's name."""

    origin: Origin
    conditions: list[Item]
    served: str | None
    options: tuple[Range, ...]


class Setting(msgspec.Struct):
    """One feature flag or setting. ``type`` is its ``t``, None if it has none that makes sense."""

    key: str
    config: Config
    notes: Notes
    origin: Origin
    type: int | None = None
    variants: Any = None  # Variants, once the type is known
    default: str = ""
    rules: list[RuleDraft] = []
    options: tuple[Range, ...] = ()
    unit: str | None = None

    @property
    def is_broken(self) -> bool:
        return self.notes.first_error is not None


class Variants:
    """The values that a setting serves, under their variation ids. An id may stand for several, and there may be none."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def add(self, value: Any, variation: Any) -> str:
        """The variant's name: the id, and where that has another value already, something behind it that isn't shown."""
        shown = variation.partition("\x00")[0] if isinstance(variation, str) else ""
        name, number = shown or "\x00", 0
        while not _same(self._values.setdefault(name, value), value):
            number += 1
            name = f"{shown}\x00{number}"
        return name

    def named(self) -> tuple[Variant, ...]:
        return tuple(Variant(name, value) for name, value in self._values.items())

    def equal_to(self, value: Any) -> tuple[str, ...]:
        """The variants with this value; 1 and 1.0 are the same."""
        return tuple(name for name, known in self._values.items() if known == value)

    def other_than(self, value: Any) -> tuple[str, ...]:
        return tuple(name for name, known in self._values.items() if known != value)


def _same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and bool(left == right)


def read_settings(sources: Iterable[Source], diagnostics: Diagnostics) -> dict[str, Setting]:
    """Every document's settings by key, with what is wrong about them reported."""
    settings: dict[str, Setting] = {}
    for source in sources:
        notes = Notes(diagnostics)
        with notes.collected():
            for setting, data in _document(source, diagnostics, notes):
                if setting.key in settings:
                    other = settings[setting.key].origin.document
                    message = f"the setting {setting.key!r} is in {other!r} too; this one counts"
                    diagnostics.warning("SHADOWED-FLAG", message, setting.origin, "remove the other")
                with setting.notes.collected():
                    _read(setting, mapping(data, "a setting", setting.origin))
                settings[setting.key] = setting
    return settings


def _document(source: Source, diagnostics: Diagnostics, notes: Notes) -> list[tuple[Setting, Any]]:
    origin = source.origin
    data = mapping(source.data, "a config JSON document", origin)
    if "f" not in data:
        hint = 'write {"p": {…}, "s": […], "f": {…}}: the body of config_v6.json'
        raise Malformed("MISSING-FIELD", "a config JSON document has settings ('f')", origin, hint)
    settings = mapping(data["f"], "'f'", origin.child("f"))
    config = Config("", [])
    with notes.collected():
        config.salt = text(mapping(data.get("p", {}), "'p'", origin.child("p")), "s", "the salt", origin.child("p"), "")
    with notes.collected():
        config.segments = items(data, "s", "segments", origin)
    places = ((str(key), origin.child("f", str(key)), value) for key, value in settings.items())
    return [(Setting(key, config, Notes(diagnostics), place), value) for key, place, value in places]


def _read(setting: Setting, data: dict[Any, Any]) -> None:
    origin, notes = setting.origin, setting.notes
    if "v" in data and not isinstance(data["v"], dict):
        raise Malformed("CONFIG-VERSION", "the setting's value ('v') is written as in config JSON v5", origin, _V5)
    setting.type = choice(data, "t", "a setting's type", len(_TYPES), origin)
    setting.variants = Variants()
    with notes.collected():
        setting.default = _served(setting, data, origin)
    with notes.collected():
        unit = data.get("a")
        setting.unit = None if unit is None else text(data, "a", "the attribute of percentage options", origin)
    with notes.collected():
        setting.options = _options(setting, data, origin)
    for item, place in items(data, "r", "targeting rules", origin):
        with notes.collected():
            setting.rules.append(_rule(setting, mapping(item, "a targeting rule", place), place))


def _rule(setting: Setting, data: dict[Any, Any], origin: Origin) -> RuleDraft:
    conditions = items(data, "c", "conditions", origin)
    served = data.get("s")
    name = None if served is None else _served(setting, mapping(served, "'s'", origin.child("s")), origin.child("s"))
    options = _options(setting, data, origin)
    if not options and (name is None or not conditions):
        missing = "conditions" if name is not None else "a value or percentage options"
        message = f"the targeting rule has no {missing}, so it never applies"
        setting.notes.warning("INEFFECTIVE-RULE", message, origin, f"add {missing}, or remove the rule")
    return RuleDraft(origin, conditions, name, options)


def _served(setting: Setting, data: dict[Any, Any], origin: Origin) -> str:
    """The name of the variant that a value and its variation id make."""
    if setting.variants is None or setting.type is None:
        raise ValueError("values are read after the type")
    name: str = setting.variants.add(value_of(data, setting.type, origin), data.get("i"))
    return name


def value_of(data: dict[Any, Any], kind: int, origin: Origin) -> Any:
    """The value in ``v`` of a setting's type (``t``). Malformed if it is of another."""
    field, name = _TYPES[kind]
    if data.get("v") is None:
        raise Malformed("MISSING-FIELD", "a value ('v') is missing", origin)
    value = mapping(data["v"], "a value ('v')", origin.child("v")).get(field)
    if field in "id" and not isinstance(value, bool) and isinstance(value, int | float):
        return value
    if field in "id" or type(value) is not (bool if field == "b" else str):
        message = f"the setting's type is {kind}, so its values are a {name} ({field!r})"
        raise Malformed("VARIANT-TYPE", message, origin.child("v"), "make type and value agree")
    return value


def _options(setting: Setting, data: dict[Any, Any], origin: Origin) -> tuple[Range, ...]:
    """Percentage options as ranges of the 100 buckets: the first option whose cumulative percentage exceeds the bucket."""
    ranges: list[Range] = []
    end: int | float = 0
    found = items(data, "p", "percentage options", origin)
    for item, place in found:
        option = mapping(item, "a percentage option", place)
        name = _served(setting, option, place)
        end += number(option.get("p", 0), "a percentage", place)
        if not math.isfinite(end) or abs(end) > 1e6:
            raise Malformed("OUT-OF-RANGE", f"percentages that sum to {end}", place, "write percentages that sum to 100")
        last = math.ceil(end) - 1
        if last > (ranges[-1].last if ranges else -1):
            ranges.append(Range(last, name))
    if found and end != 100:
        message = f"the percentages sum to {end:g}, not 100"
        setting.notes.warning("PERCENTAGE-SUM", message, origin.child("p"), "what is left over goes on to the next rule")
    return tuple(ranges)
