"""Full flags: typed variants by name, ordered rules, splits by percentages. Used by the native front end only."""

from fractions import Fraction
from typing import Any

import msgspec

from config_sync import ir
from config_sync.frontends.native import exact, models
from config_sync.frontends.native.buckets import NOBODY, Hashing, attribute, rollout, split
from config_sync.frontends.native.conditions import Reader
from config_sync.frontends.native.expressions import expression
from config_sync.frontends.native.gates import Gatekeeper
from config_sync.frontends.native.items import (
    Built,
    Entry,
    Workshop,
    finished,
    hash_version,
    hashing_of,
    metadata_of,
    stopped,
    tombstone,
)
from config_sync.frontends.native.question import Scope
from config_sync.frontends.native.reading import Notes, described, did_you_mean, percentage, read
from config_sync.frontends.native.targeting import Decision
from config_sync.ir import Origin
from config_sync.words import REASONS
from evaluator.snapshot import opcodes as codes

BOOLEANS = {"on": True, "off": False}  # the variants of a boolean flag that names none
ANY = "any"  # the type of values of several types, null among them
SUM_TOLERANCE = Fraction(1, 100)  # of percentages that should sum to 100
_TYPES: dict[type, str] = {bool: "boolean", str: "string", int: "integer", float: "number", dict: "object", list: "object"}


def full_flag(entry: Entry, shop: Workshop) -> Built:
    """A flag of named values."""
    notes = Notes(shop.diagnostics)
    data, more = exact.later(ir.Flag, entry.data, entry.origin, notes)
    item = read(models.FullFlag, data, entry.origin, notes)
    if item is None:
        return Built(tombstone(entry, (), ir.NoAnswer(), None, notes))
    built = _Flag(entry, item, shop, notes).build()
    return built._replace(flag=msgspec.structs.replace(built.flag, **more)) if more else built


def variants_on(data: dict[str, Any]) -> tuple[str, ...]:
    """The variants whose value is true, without reading the rest of the flag."""
    variants = data.get("variants")
    named = variants if isinstance(variants, dict) else BOOLEANS
    return tuple(sorted(inner_name(data, name) for name, value in named.items() if value is True))


def inner_name(data: dict[str, Any], name: str) -> str:
    """A variant's name in the IR. Of one that is reported otherwise than it is written, what is written follows a NUL."""
    unnamed, others = data.get("unnamed"), data.get("reported_as")
    shown = others.get(name) if isinstance(others, dict) else None
    if isinstance(unnamed, list) and name in unnamed:
        shown = ""
    return f"{shown}\x00{name}" if isinstance(shown, str) else name


class _Flag:
    def __init__(self, entry: Entry, item: models.FullFlag, shop: Workshop, notes: Notes) -> None:
        self._entry = entry
        self._item = item
        self._shop = shop
        self._notes = notes
        self._origin = entry.origin
        self._hashing = hashing_of(item, entry.key)
        self._values = _typed_values(item, entry.origin, notes)
        for field in ("unnamed", "reported_as", "is_on", "variant_fields"):
            for name in sorted(set(getattr(item, field) or ()) - self._values.keys()):
                self._variant(name, entry.origin.child(field))

    def build(self) -> Built:
        item, notes = self._item, self._notes
        default = self._default()
        off_outcome = default if item.off is None else self._constant(item.off, self._origin.child("off"))
        if item.error is not None:
            hint = "mend the flag, then take error out"
            notes.error("FLAG-ERROR", item.error, self._origin.child("error"), hint)
        keeper = Gatekeeper(item, self._origin, notes, self._shop.around, off=off_outcome, named=self._override)
        gates = keeper.rules(self._hashing.source)
        rules = self._rules()
        variants = tuple(self._made(name, value) for name, value in self._values.items())
        metadata = metadata_of(item, "flag", item.flag_id)
        enabled = item.enabled is not False
        reason = codes.REASON_DEFAULT if gates or rules else codes.REASON_STATIC
        if item.default_reason is not None:
            reason = exact.coded(item.default_reason, REASONS, self._origin.child("default_reason"), notes)
        if notes.first_error is not None:
            return Built(tombstone(self._entry, variants, default if enabled else off_outcome, metadata, notes))
        if not enabled:
            return Built(stopped(self._entry, variants, off_outcome, metadata))
        flag = finished(self._entry, variants, gates, Decision(rules, default, reason), metadata)
        return Built(flag, keeper.place, self._origin.child("layer"))

    # --- variants -----------------------------------------------------------------------------------------------------

    def _default(self) -> ir.Outcome:
        """The outcome when no rule decides; no answer, noted, if that can't be told."""
        origin = self._origin.child("default")
        written = self._item.default
        if isinstance(written, str):
            return self._constant(written, origin)
        if written is not None:
            item = read(models.Answer, written, origin, self._notes)
            return (None if item is None else self._outcome(item, origin)) or ir.NoAnswer()
        if not self._item.variants and "off" in self._values:
            return ir.Constant(self._inner("off"))
        if self._values or self._item.type == ANY:
            self._notes.error("MISSING-FIELD", "the field 'default' is missing: the variant when no rule decides", self._origin)
        return ir.NoAnswer()

    def _constant(self, name: str, origin: Origin) -> ir.Outcome:
        known = self._variant(name, origin)
        return ir.NoAnswer() if known is None else ir.Constant(known)

    def _made(self, name: str, value: Any) -> ir.Variant:
        origin = self._origin.child("variant_fields", name)
        _, more = exact.later(ir.Variant, (self._item.variant_fields or {}).get(name), origin, self._notes)
        return ir.Variant(self._inner(name), value, is_on=name in (self._item.is_on or ()), **more)

    def _inner(self, name: str) -> str:
        return inner_name(self._entry.data, name)

    def _variant(self, name: str, origin: Origin) -> str | None:
        """The variant's name in the IR; None, noted, if there is no such variant."""
        if name in self._values:
            return self._inner(name)
        if self._values or self._item.type == ANY:  # else: that there are none has been said
            hint = did_you_mean(name, self._values) or f"the variants are {', '.join(self._values) or 'none'}"
            self._notes.error("UNKNOWN-VARIANT", f"there is no variant {name!r}", origin, hint)
        return None

    def _override(self, wanted: str | bool) -> str | None:
        """The variant of that name; of a boolean flag, also the one with that value."""
        if isinstance(wanted, str):
            return self._inner(wanted) if wanted in self._values else None
        return next((self._inner(name) for name, value in self._values.items() if value is wanted), None)

    # --- rules --------------------------------------------------------------------------------------------------------

    def _rules(self) -> list[ir.Rule]:
        origin = self._origin.child("rules")
        rules = [self._rule(data, origin.child(index)) for index, data in enumerate(self._item.rules or [])]
        self._check_ids(origin)
        if self._item.split is not None:
            outcome = self._split(self._item.split, self._origin.child("split"))
            rules.append(None if outcome is None else ir.Rule(outcome, codes.REASON_SPLIT, origin=self._origin.child("split")))
        return [rule for rule in rules if rule is not None]

    def _check_ids(self, origin: Origin) -> None:
        seen = set()
        for index, data in enumerate(self._item.rules or []):
            rule_id = data.get("id") if isinstance(data, dict) else None
            if isinstance(rule_id, str) and rule_id in seen:
                self._notes.error("DUPLICATE-RULE", f"the rule id {rule_id!r} is used twice", origin.child(index, "id"))
            if isinstance(rule_id, str):
                seen.add(rule_id)

    def _rule(self, data: Any, origin: Origin) -> ir.Rule | None:
        """One rule; None for a wrong one, and for one that a rollout of 0 % leaves to nobody."""
        data, more = exact.later(ir.Rule, data, origin, self._notes)
        item = read(models.Rule, data, origin, self._notes)
        if item is None:
            return None
        outcome = self._outcome(item, origin)
        condition = None if item.when is None else self._reader(item.id).root(item.when, origin.child("when"))
        chance = self._chance(item, origin)
        if outcome is None or chance == NOBODY:
            return None
        parts = [part for part in (condition, chance) if part is not None and not isinstance(part, str)]
        split_up = isinstance(outcome, ir.Split) or isinstance(chance, ir.InBucket)
        reason = codes.REASON_SPLIT if split_up else codes.REASON_TARGETING_MATCH
        if item.reason is not None:
            reason = exact.coded(item.reason, REASONS, origin.child("reason"), self._notes)
        if item.id is not None and item.reported_id is not None:
            self._notes.error("REPEATED-FIELD", "a rule has an id or a reported_id", origin.child("reported_id"), "keep one")
        return ir.Rule(outcome, reason, _all_of(parts), item.id or item.reported_id, origin=origin, **more)

    def _reader(self, rule_id: str | None) -> Reader:
        salt = "_bucket" if rule_id is None else f"_bucket_{rule_id}"
        reader = self._shop.reader(self._notes, self._hashing)
        reader.scope = Scope(self._hashing.salted(salt))
        return reader

    def _outcome(self, item: models.Rule | models.Answer, origin: Origin) -> ir.Outcome | None:
        """The one outcome that is written."""
        given = (item.variant is not None, item.split is not None, item.no_answer, item.expression is not msgspec.UNSET)
        if sum(given) != 1:
            message = "a rule gives either a variant or a split"
            self._notes.error("RULE-OUTCOME", message, origin, "write one of variant:, split:, no_answer: and expression:")
            return None
        if item.split is not None:
            return self._split(item.split, origin.child("split"))
        if item.no_answer:
            return ir.NoAnswer()
        if item.variant is None:
            root = expression(item.expression, origin.child("expression"), self._notes)
            return None if root is None else ir.Computed(root)
        name = self._variant(item.variant, origin.child("variant"))
        return None if name is None else ir.Constant(name)

    def _chance(self, item: models.Rule, origin: Origin) -> ir.InBucket | str | None:
        """The rule's share of the units: one bucket per flag, so that rules of one flag agree about who comes first."""
        if item.rollout is None:
            return None
        percent = percentage(item.rollout, "rollout", origin.child("rollout"), self._notes)
        return None if percent is None else rollout(self._hashing, percent)

    def _split(self, data: Any, origin: Origin) -> ir.Outcome | None:
        if isinstance(data, dict) and "bucketing" in data:
            return exact.bucket_split(data, origin, self._notes, self._variant)
        item = read(models.Split, data, origin, self._notes)
        if item is None:
            return None
        shares = self._shares(item, origin.child("variants"))
        hashing = Hashing(
            self._hashing.version if item.hash_version is None else hash_version(item.hash_version),
            self._hashing.source if item.by is None else attribute(item.by),
            item.salt or f"{self._hashing.salt}_variant",
        )
        return split(hashing, shares) if shares else None

    def _shares(self, item: models.Split, origin: Origin) -> list[tuple[str, Fraction]]:
        shares, good = [], bool(item.variants)
        for name, value in sorted(item.variants.items()):  # by name: a mapping's order means nothing, and may not last
            known = self._variant(name, origin.child(name))
            percent = percentage(value, "a percentage", origin.child(name), self._notes)
            good = good and known is not None and percent is not None
            shares.append((known or name, (percent or Fraction(0)) / 100))
        total = sum((share for _, share in shares), Fraction(0)) * 100
        if not item.variants or (good and abs(total - 100) > SUM_TOLERANCE):
            message = f"the percentages sum to {float(total):g}, and must sum to 100"
            self._notes.error("PERCENTAGE-SUM", message, origin, "give what is left to one of the variants")
            return []
        return shares if good else []


def _all_of(parts: list[Any]) -> ir.Condition | None:
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else ir.All(tuple(parts))


def _typed_values(item: models.FullFlag, origin: Origin, notes: Notes) -> dict[str, Any]:
    """The variants' values, all of one type: the one that is declared, else the one that they have."""
    if item.type == ANY:
        return dict(item.variants or {})
    if not item.variants:
        if item.type in (None, "boolean") and item.variants is None:
            return dict(BOOLEANS)
        notes.error("MISSING-FIELD", f"a flag of type {item.type or 'boolean'} needs variants", origin)
        return {}
    place = origin.child("variants")
    wanted = item.type or _common_type(item.variants, place, notes)
    if wanted is None:
        return dict(item.variants)
    return {name: _typed(value, wanted, place.child(name), notes) for name, value in item.variants.items()}


def _common_type(variants: dict[str, Any], origin: Origin, notes: Notes) -> str | None:
    """The type that all values have; None, noted, if there is none."""
    types = {_TYPES.get(type(value), "null") for value in variants.values()} - {"null"}
    if types == {"integer", "number"}:
        return "number"
    if len(types) > 1:
        notes.error(
            "VARIANT-TYPE", f"variants of different types: {', '.join(sorted(types))}", origin, "all values have one type"
        )
        return None
    return min(types, default="object")


def _typed(value: Any, wanted: str, origin: Origin, notes: Notes) -> Any:
    """The value, if it is of the type; a whole number may be written as 1.0."""
    if wanted == "integer" and isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    found = _TYPES.get(type(value))
    if found != wanted and (found, wanted) != ("integer", "number"):
        notes.error("VARIANT-TYPE", f"expected a value of type {wanted}, got {described(value)}", origin)
    return value
