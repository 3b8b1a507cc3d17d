"""Variants, their payloads, overrides and weights. Used by the Unleash front end only.

A toggle may have several variants of one name, since every strategy can bring its own; inside the toggle they are told apart by
what follows a NUL in their names, which is never shown.
"""

import json
import math
import re
from typing import Any

from config_sync import ir
from config_sync.frontends.unleash.constraints import ALWAYS, in_list
from config_sync.frontends.unleash.contexts import attribute, unit
from config_sync.frontends.unleash.reading import Mapping, Notes, text_of
from config_sync.ir import Attribute, Bucketing, Origin
from evaluator.snapshot import opcodes as codes

VARIANT_SEED = 86028157

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")

ON, OFF = ir.Constant(ir.UNNAMED_ON), ir.Constant(ir.UNNAMED_OFF)


class Choice:
    """What a toggle, or a strategy, answers when it is on: an override's variant, else one by weight."""

    def __init__(self, outcome: ir.Outcome, overrides: tuple[tuple[ir.Condition, ir.Constant], ...] = ()) -> None:
        self.outcome = outcome
        self.overrides = overrides


PLAIN = Choice(ON)


class Variants:
    """All variants of one toggle, as they are met."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._found: dict[str, ir.Variant] = {
            ir.UNNAMED_ON: ir.Variant(ir.UNNAMED_ON, True),
            ir.UNNAMED_OFF: ir.Variant(ir.UNNAMED_OFF, False),
        }
        self.undrawn: dict[str, frozenset[str]] = {}  # a variant that says "on" where Unleash draws lots, and among which ones

    def all(self) -> tuple[ir.Variant, ...]:
        return tuple(self._found.values())

    def read(self, data: Any, group: str, stickiness: str | None, origin: Origin) -> Choice | None:
        """The choice among a list of variants; None for an empty list. ``stickiness`` None: the first variant's own.

        Raises Malformed.
        """
        items = self._notes.items(data, "'variants'", origin)
        if not items:
            return None
        read = [(self._notes.mapping(item, "a variant", place), place) for item, place in items]
        named = [(self._variant(item, place), self._weight(item, place)) for item, place in read]
        overrides: tuple[tuple[ir.Condition, ir.Constant], ...] = ()
        if stickiness is None:
            first, place = read[0]
            stickiness = (
                self._notes.optional_text(first.get("stickiness"), "a stickiness", place.child("stickiness")) or "default"
            )
            names = (name for name, _ in named)
            overrides = tuple(
                (condition, ir.Constant(name))
                for name, (item, place) in zip(names, read, strict=True)
                for condition in self._overrides(item, place)
            )
        return Choice(self._split(named, group, stickiness, origin), overrides)

    # --- one variant --------------------------------------------------------------------------------------------------

    def _variant(self, item: Mapping, origin: Origin) -> str:
        """Takes the variant in; gives the name that it has inside the toggle."""
        name = self._notes.text(item.get("name"), "a variant's name", origin.child("name"))
        if "\x00" in name:
            raise self._notes.malformed("INVALID-NAME", "a variant's name has a NUL", origin.child("name"), "rename it")
        value = self._value(item.get("payload"), origin.child("payload"))
        inside, number = name or "\x00", 1
        while inside in self._found and not _same(self._found[inside].value, value):
            number += 1
            inside = f"{name}\x00{number}"
        self._found.setdefault(inside, ir.Variant(inside, value, is_on=True))
        return inside

    def _weight(self, item: Mapping, origin: Origin) -> int:
        weight = item.get("weight")
        if isinstance(weight, bool) or not isinstance(weight, int) or not 0 <= weight < 2**31:
            message = f"a variant's weight is a whole number from 0 on, not {weight!r:.80}"
            raise self._notes.malformed("INVALID-VALUE", message, origin.child("weight"))
        return weight

    def _value(self, payload: Any, origin: Origin) -> Any:
        """True without a payload; the text, or what it says if it is of the type json or number."""
        payload = self._notes.mapping(payload, "a payload", origin)
        value, kind = payload.get("value"), payload.get("type")
        text = text_of(value)
        if text is None:
            return True if value is None else value  # already parsed by who wrote the document
        try:
            return _parsed(text) if kind == "json" else _number(text) if kind == "number" else text
        except ValueError:
            message = f"the payload {text[:60]!r} is no {kind}; its text is answered"
            self._notes.warning("INVALID-PAYLOAD", message, origin.child("value"), "correct it, or give it the type string")
            return text

    def _overrides(self, item: Mapping, origin: Origin) -> list[ir.Condition]:
        found: list[ir.Condition] = []
        for data, place in self._notes.items(item.get("overrides"), "'overrides'", origin.child("overrides")):
            override = self._notes.mapping(data, "an override", place)
            name = self._notes.text(override.get("contextName"), "an override's 'contextName'", place.child("contextName"))
            values = self._notes.texts(override.get("values"), "an override's value", place.child("values"))
            tested = attribute(name)
            if tested is not None and values:
                found.append(in_list(tested, values, place))
        return found

    # --- one of several -----------------------------------------------------------------------------------------------

    def _split(self, named: list[tuple[str, int]], group: str, stickiness: str, origin: Origin) -> ir.Outcome:
        """By weight. Without a unit, where Unleash draws lots, the toggle is on and no variant is named."""
        weighty = [name for name, weight in named if weight]
        if not weighty:
            return ON
        if len(set(weighty)) == 1:
            return ir.Constant(weighty[0])
        hashed = unit(stickiness)
        if hashed is None:
            random_stickiness(self._notes, "no variant is named", origin)
            return ir.Constant(self._undrawn(weighty))
        ranges, end = [], 0
        for name, weight in named:
            end += weight
            ranges.append(ir.Range(end - 1, name))
        bucketing = bucketing_of(hashed, group, end, VARIANT_SEED)
        return ir.Split(bucketing, tuple(ranges), codes.ON_VARIANT, codes.ON_VARIANT, self._undrawn(weighty))

    def _undrawn(self, names: list[str]) -> str:
        name = f"\x00undrawn {len(self.undrawn)}"
        self._found[name] = ir.Variant(name, True)
        self.undrawn[name] = frozenset(map(ir.reported_name, names))
        return name


def bucketing_of(hashed: Attribute, group: str, total: int, seed: int = 0) -> Bucketing:
    """Unleash's normalised hash, counted from 0: MurmurHash3 of group, colon, unit, modulo the total."""
    return Bucketing(codes.HASH_MURMUR3_32, codes.SPACE_MODULO, codes.UNIT_TEXT, hashed, seed, total, f"{group}:")


def random_stickiness(notes: Notes, instead: str, origin: Origin) -> None:
    message = f"random stickiness: an answer here depends on nothing but what is asked, so {instead}"
    notes.warning("RANDOM-STICKINESS", message, origin, "use a stickiness that names a field of the context")


def is_static(choice: Choice) -> bool:
    """Whether everybody for whom the toggle is on gets the same."""
    return not choice.overrides and not isinstance(choice.outcome, ir.Split)


def rules_of(condition: ir.Condition, choice: Choice, reason: int, rule_id: str | None, origin: Origin) -> list[ir.Rule]:
    """The rules that answer a choice where the condition holds; an override or a split has a reason of its own."""
    found = [
        ir.Rule(
            constant,
            codes.REASON_TARGETING_MATCH,
            override if condition == ALWAYS else ir.All((condition, override)),
            rule_id,
            origin,
        )
        for override, constant in choice.overrides
    ]
    reason = codes.REASON_SPLIT if isinstance(choice.outcome, ir.Split) else reason
    return [*found, ir.Rule(choice.outcome, reason, condition, rule_id, origin)]


def _same(left: Any, right: Any) -> bool:
    """Whether two values are one, where 1 isn't true and 1.0 isn't 1."""
    return left is right or repr(left) == repr(right)


def _parsed(text: str) -> Any:
    """JSON; raises ValueError."""
    try:
        return json.loads(text, parse_constant=_refused, parse_float=_number, parse_int=_number)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _refused(name: str) -> Any:
    raise ValueError(f"{name} isn't JSON")


def _number(text: str) -> int | float:
    """A number that a snapshot holds; raises ValueError."""
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(number):
        raise ValueError(text)
    return number
