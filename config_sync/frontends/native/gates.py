"""What every flag and experiment passes before its own rules: schedule, overrides, prerequisites, holdouts, layer.

Each gate is a rule with its own reason, in the order of docs/semantics.md. Used by the native front end only.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from config_sync import ir
from config_sync.frontends.native import models
from config_sync.frontends.native.buckets import EVERYBODY, SPACE, Chance, Hashing, last_bucket
from config_sync.frontends.native.reading import Notes, described, did_you_mean, exact, read
from config_sync.instants import instant
from config_sync.ir import Origin
from evaluator.snapshot import opcodes as codes

Ranges = tuple[tuple[int, int], ...]
Named = Callable[[str | bool], str | None]


class Surroundings(NamedTuple):
    """What a flag may refer to: the project's layers and holdouts; of another flag, the variants that count as on, and the one
    that is written so."""

    layers: dict[str, Hashing]
    holdouts: dict[str, Chance]
    variants_on: Callable[[str], tuple[str, ...]]
    named: Callable[[str, str], str]


class Gatekeeper:
    """Builds the gates of one item. ``off`` is what those who don't pass get; ``named`` finds the variant an override wants."""

    def __init__(
        self, item: models.Shared, origin: Origin, notes: Notes, around: Surroundings, *, off: ir.Outcome, named: Named
    ) -> None:
        self._item = item
        self._origin = origin
        self._notes = notes
        self._around = around
        self._off = off
        self._named = named
        self.place: tuple[str, Ranges] | None = None  # in which layer, once the rules are built

    def rules(self, unit: ir.Attribute) -> list[ir.Rule]:
        """The rules, in their order. ``unit`` is what overrides are keyed by."""
        return [*self._schedule(), *self._overrides(unit), *self._prerequisites(), *self._holdouts(), *self._layer()]

    def _refuse(self, reason: int, condition: ir.Condition, field: str) -> ir.Rule:
        return ir.Rule(self._off, reason, condition, origin=self._origin.child(field))

    # --- schedule -----------------------------------------------------------------------------------------------------

    def _schedule(self) -> Iterable[ir.Rule]:
        """Before the start and from the end on, the item is not scheduled."""
        origin, inner = self._origin.child("schedule"), models.Schedule()
        if self._item.schedule is not None:
            inner = read(models.Schedule, self._item.schedule, origin, self._notes) or inner
        start = self._bound("start", self._item.start, inner.start)
        end = self._bound("end", self._item.end, inner.end)
        if start is not None and end is not None and start[0] >= end[0]:
            self._notes.error("EMPTY-SCHEDULE", "the end isn't after the start", end[1])
        tests = [
            ir.Test("now", None, bound[0], compare=compare, origin=bound[1])
            for bound, compare in ((start, codes.CMP_LT), (end, codes.CMP_GE))
            if bound is not None
        ]
        if tests:
            condition = tests[0] if len(tests) == 1 else ir.Any_(tuple(tests))
            yield self._refuse(codes.REASON_NOT_SCHEDULED, condition, "schedule")

    def _bound(self, name: str, outer: Any, inner: Any) -> tuple[int, Origin] | None:
        """One end of the schedule, in µs, and where it is written: in ``schedule`` or beside it."""
        if outer is not None and inner is not None:
            self._notes.error(
                "REPEATED-FIELD", f"{name!r} is given twice", self._origin.child(name), "keep the one in schedule"
            )
        value, place = (outer, self._origin.child(name)) if inner is None else (inner, self._origin.child("schedule", name))
        when = None if value is None else instant(value)
        if value is not None and when is None:
            self._notes.error(
                "BAD-INSTANT", f"{described(value)} is no date or time", place, "for example 2025-01-31T12:00:00Z"
            )
        return None if when is None else (when, place)

    # --- overrides and prerequisites ----------------------------------------------------------------------------------

    def _overrides(self, unit: ir.Attribute) -> Iterable[ir.Rule]:
        """One rule per forced variant, with all its units."""
        units: dict[str, list[str | int]] = {}
        for who, wanted in (self._item.overrides or {}).items():
            name = self._named(wanted)
            if name is None:
                message = f"there is no variant {described(wanted)}"
                self._notes.error("UNKNOWN-VARIANT", message, self._origin.child("overrides", who))
                continue
            units.setdefault(name, []).append(who)
            if unit != ir.TARGETING_KEY and who.isascii() and who.isdigit() and str(int(who[:20])) == who:
                units[name].append(int(who))  # an attribute may hold numbers; a targeting key is a string
        for name, members in sorted(units.items()):
            origin = self._origin.child("overrides")
            test = ir.Test("one_of", unit, tuple(members), origin=origin)
            yield ir.Rule(ir.Constant(name), codes.REASON_OVERRIDE, test, origin=origin)

    def _prerequisites(self) -> Iterable[ir.Rule]:
        needed = []
        for index, data in enumerate(self._item.prerequisites or []):
            origin = self._origin.child("prerequisites", index)
            item = read(models.NeededFlag, data, origin, self._notes)
            variants = () if item is None else self._needed_variants(item, origin)
            if item is not None and variants:
                needed.append(ir.Prerequisite(item.flag, variants, origin))
        if needed:
            yield self._refuse(codes.REASON_PREREQUISITE_FAILED, ir.Not(ir.All(tuple(needed))), "prerequisites")

    def _needed_variants(self, item: models.NeededFlag, origin: Origin) -> tuple[str, ...]:
        wanted = [item.variant] if isinstance(item.variant, str) else []
        wanted += item.variants or []
        if wanted:
            return tuple(self._around.named(item.flag, name) for name in wanted)
        if item.variant is False:
            self._notes.error(
                "BAD-PREREQUISITE", "a prerequisite can't ask for off", origin.child("variant"), "name the variants it needs"
            )
            return ()
        on = self._around.variants_on(item.flag)
        if not on:
            message = f"which variants of {item.flag!r} are needed? It has none whose value is true"
            self._notes.error("BAD-PREREQUISITE", message, origin, "add variant: or variants:")
        return on

    # --- holdouts and layers ------------------------------------------------------------------------------------------

    def _holdouts(self) -> Iterable[ir.Rule]:
        for index, name in enumerate(self._item.holdouts or []):
            place = self._origin.child("holdouts", index)
            if name not in self._around.holdouts:
                hint = did_you_mean(name, self._around.holdouts)
                self._notes.error("UNKNOWN-HOLDOUT", f"there is no holdout {name!r}", place, hint)
                continue
            chance = self._around.holdouts[name]
            if isinstance(chance, ir.InBucket):
                yield ir.Rule(self._off, codes.REASON_HELD_OUT, chance, origin=place)
            elif chance == EVERYBODY:
                yield ir.Rule(self._off, codes.REASON_HELD_OUT, origin=place)

    def _layer(self) -> Iterable[ir.Rule]:
        """Those outside the item's share of the layer are refused; without a unit nobody is inside."""
        origin = self._origin.child("layer")
        layer = None if self._item.layer is None else read(models.LayerPlace, self._item.layer, origin, self._notes)
        if layer is None:
            return
        ranges = layer_ranges(layer.range, origin.child("range"), self._notes)
        hashing = self._around.layers.get(layer.name)
        if hashing is None:
            hint = did_you_mean(layer.name, self._around.layers) or "declare it under layers"
            self._notes.error("UNKNOWN-LAYER", f"there is no layer {layer.name!r}", origin.child("name"), hint)
        elif ranges:
            self.place = (layer.name, ranges)
            yield self._refuse(codes.REASON_NOT_IN_LAYER, ir.Not(ir.InBucket(hashing.full(), ranges)), "layer")


def layer_ranges(data: list[Any], origin: Origin, notes: Notes) -> Ranges:
    """[from, to] in percent, or a list of such pairs, as inclusive buckets; () if something is wrong."""
    pairs = data if data and all(isinstance(item, list) for item in data) else [data]
    ranges = []
    for pair in pairs:
        bounds = [bound for bound in map(exact, pair) if bound is not None]
        if len(pair) != 2 or len(bounds) != 2:
            notes.error("BAD-RANGE", "a range is [from, to], two percentages", origin, "for example [0, 50]")
            return ()
        low, high = bounds
        if not 0 <= low < high <= 100:
            notes.error("BAD-RANGE", "a range lies within 0 to 100, and its end is above its start", origin)
            return ()
        ranges.append((last_bucket(low / 100, SPACE) + 1, last_bucket(high / 100, SPACE)))
    return tuple(sorted(ranges))
