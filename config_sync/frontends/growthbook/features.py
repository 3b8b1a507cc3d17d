"""A feature's rules as rules here: forced values, experiments, prerequisites. Used by the growthbook front end only.

Order within a rule, as in the SDK: prerequisites, filters, condition, then the unit's bucket.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from config_sync import ir
from config_sync.frontends.growthbook import ecmascript as js
from config_sync.frontends.growthbook.buckets import TOTALS, assigned, bucketing, buckets_of, spans_of, up_to
from config_sync.frontends.growthbook.conditions import Both, Condition, lowered
from config_sync.frontends.growthbook.fields import FieldReader, Fields, Variants
from config_sync.frontends.growthbook.notes import Notes
from config_sync.frontends.growthbook.reading import ConditionReader, SavedGroups
from config_sync.ir import Origin
from evaluator.snapshot import opcodes as codes

ALWAYS, NEVER = ir.All(()), ir.Any_(())


class Payload(msgspec.Struct, frozen=True):
    """What a document's features share. ``optimise``: conditions become tests where these are exact."""

    groups: SavedGroups
    bandits: dict[str, Any]
    optimise: bool = True


class Parent(msgspec.Struct, frozen=True):
    """A prerequisite of a rule: the feature, what its value must satisfy, and whether failing blocks the feature."""

    feature: str
    condition: Condition
    gate: bool
    origin: Origin


class Draft(msgspec.Struct, frozen=True):
    """One outcome of a feature on its way into a rule, before its prerequisites' variants are known."""

    parents: tuple[Parent, ...]
    condition: ir.Condition
    outcome: ir.Outcome | None  # None: only the prerequisites count
    reason: int
    id: str | None
    origin: Origin


class Feature:
    """Reads one feature; ``drafts``, ``variants`` and ``default`` are what it is made of."""

    def __init__(self, key: str, data: Fields, payload: Payload, notes: Notes, origin: Origin) -> None:
        self.key = key
        self.origin = origin
        self.notes = notes
        self._payload = payload
        self._fields = FieldReader(notes)
        self._conditions = ConditionReader(payload.groups, notes)
        self._variants = Variants()
        rules = self._fields.objects(data, "rules", origin)
        self.has_rules = bool(rules)
        self.drafts = [draft for rule, place in rules for draft in self._rule(rule, place)]
        self.default = self._variants.add(data.get("defaultValue"))
        gates = any(parent.gate for draft in self.drafts for parent in draft.parents)
        self.blocked = self._variants.add(None) if gates else self.default  # what a failed gate answers

    @property
    def variants(self) -> tuple[ir.Variant, ...]:
        return self._variants.all()

    # --- rules --------------------------------------------------------------------------------------------------------

    def _rule(self, rule: Fields, origin: Origin) -> Iterator[Draft]:
        parents = tuple(self._parents(rule, origin))
        filters = self._filters(rule, origin)
        targeting = self._targeting(rule.get("condition"), origin.child("condition"))
        name = self._fields.text(rule["id"], origin.child("id")) if rule.get("id") else None

        def draft(condition: ir.Condition, outcome: ir.Outcome | None, reason: int) -> Draft:
            parts = tuple(part for part in (*filters, targeting, condition) if part != ALWAYS)
            return Draft(parents, ir.All(parts), outcome, reason, name, origin)

        if "force" in rule:
            outcome, reason = self._forced(rule, origin)
            yield draft(ALWAYS if outcome else NEVER, outcome, reason)
            return
        variations = rule.get("contextualVariations")
        variations = rule.get("variations") if variations is None else variations
        if not js.is_truthy(variations) or not _runs(rule):
            yield draft(NEVER, None, codes.REASON_SPLIT)
        elif not isinstance(variations, list):
            self._fields.wrong(origin.child("variations"), "a list of values", variations)
        else:
            yield from self._experiment(rule, variations, origin, draft)

    def _targeting(self, written: Any, origin: Origin) -> ir.Condition:
        if not js.is_truthy(written):
            return ALWAYS
        return lowered(self._conditions.condition(written, origin), self._payload.optimise)

    def _parents(self, rule: Fields, origin: Origin) -> Iterator[Parent]:
        for parent, place in self._fields.objects(rule, "parentConditions", origin):
            written = parent.get("condition")
            here = place.child("condition")
            condition = self._conditions.condition(written, here) if js.is_truthy(written) else Both(())
            feature = self._fields.text(parent.get("id", "undefined"), place.child("id"))
            yield Parent(feature, condition, js.is_truthy(parent.get("gate")), place)

    def _filters(self, rule: Fields, origin: Origin) -> list[ir.Condition]:
        return [self._filter(each, place) for each, place in self._fields.objects(rule, "filters", origin)]

    def _filter(self, fields: Fields, origin: Origin) -> ir.Condition:
        version = self._fields.version(fields, 2)
        unit = self._fields.unit(fields, "attribute", origin)
        spans = self._fields.spans(fields.get("ranges"), origin.child("ranges"))
        if version is None:
            return NEVER
        seed = self._fields.text(fields.get("seed", "undefined"), origin.child("seed"))
        return ir.InBucket(bucketing(version, seed, unit), buckets_of(spans, TOTALS[version]))

    # --- forced values ------------------------------------------------------------------------------------------------

    def _forced(self, rule: Fields, origin: Origin) -> tuple[ir.Outcome | None, int]:
        """The outcome, None for nobody, and its reason."""
        variant = self._variants.add(rule["force"])
        span, coverage = rule.get("range"), rule.get("coverage")
        if not js.is_truthy(span) and "coverage" not in rule:
            return ir.Constant(variant), codes.REASON_TARGETING_MATCH
        version = self._fields.version(rule, 1)
        unit = self._fields.unit(rule, "hashAttribute", origin)
        total = TOTALS.get(version or 0, 0)
        if js.is_truthy(span):
            included = buckets_of([self._fields.span(span, origin.child("range"))], total)
        else:
            share = self._fields.number(coverage, origin.child("coverage"))
            included = up_to(share, total) if share != 0 or coverage is None else ()
        if version is None or not included:
            return None, codes.REASON_SPLIT
        seed = self._fields.text(rule.get("seed") or self.key, origin.child("seed"))
        first, last = included[0]
        gap = (ir.Range(first - 1, ir.NEXT_RULE),) if first else ()
        return _split(bucketing(version, seed, unit), (*gap, ir.Range(last, variant))), codes.REASON_SPLIT

    # --- experiments --------------------------------------------------------------------------------------------------

    def _experiment(
        self,
        rule: Fields,
        variations: list[Any],
        origin: Origin,
        draft: Callable[[ir.Condition, ir.Outcome | None, int], Draft],
    ) -> Iterator[Draft]:
        """One draft, or one for each leaf of a contextual bandit: the first whose condition holds has the weights."""
        unit = self._fields.unit(rule, "hashAttribute", origin)
        version = self._fields.version(rule, 1)
        if len(variations) < 2 or version is None:
            yield draft(NEVER, None, codes.REASON_SPLIT)
            return
        seed = self._fields.text(rule.get("seed") or rule.get("key") or self.key, origin.child("seed"))
        how, space = bucketing(version, seed, unit), self._namespace(rule, unit, origin)
        others: list[ir.Condition] = []  # leaves before this one that let somebody through to the next rule
        for leaf, weights in self._leaves(rule, origin):
            ranges = self._ranges(rule, variations, weights, TOTALS[version], origin)
            parts = tuple(part for part in (space, leaf, *map(ir.Not, others)) if part != ALWAYS)
            yield draft(ir.All(parts), _split(how, ranges), codes.REASON_SPLIT)
            if any(each.variant == ir.NEXT_RULE for each in ranges):
                others.append(leaf)
            if leaf == ALWAYS:
                return

    def _namespace(self, rule: Fields, unit: ir.Attribute, origin: Origin) -> ir.Condition:
        """Filters take the place of a namespace."""
        written, here = rule.get("namespace"), origin.child("namespace")
        if not js.is_truthy(written) or js.is_truthy(rule.get("filters")):
            return ALWAYS
        if not isinstance(written, list) or len(written) < 3:
            self._fields.wrong(here, "[name, start, end]", written)
            return ALWAYS
        name = "__" + self._fields.text(written[0], here.child(0))
        return ir.InBucket(bucketing(1, name, unit), buckets_of([self._fields.span(written[1:], here)], TOTALS[1]))

    def _leaves(self, rule: Fields, origin: Origin) -> Iterator[tuple[ir.Condition, list[float] | None]]:
        """(condition, weights) of a bandit's contexts, then the rule's own weights."""
        bandit = (
            self._payload.bandits.get(js.text_of(rule.get("contextualBanditRef"))) if rule.get("contextualBanditRef") else None
        )
        if isinstance(bandit, dict):
            place = Origin(origin.document, ("contextualBandits", str(rule["contextualBanditRef"])))
            for context, here in self._fields.objects(bandit, "contexts", place):
                weights = self._fields.weights(context.get("weights"), here.child("weights"))
                yield self._targeting(context.get("condition"), here.child("condition")), weights
        yield ALWAYS, self._fields.weights(rule.get("weights"), origin.child("weights"))

    def _ranges(
        self, rule: Fields, variations: list[Any], weights: list[float] | None, total: int, origin: Origin
    ) -> tuple[ir.Range, ...]:
        if js.is_truthy(rule.get("ranges")):
            spans = self._fields.spans(rule["ranges"], origin.child("ranges"))
        else:
            coverage = self._fields.number(rule["coverage"], origin.child("coverage")) if "coverage" in rule else 1.0
            spans = spans_of(len(variations), coverage, weights)
        names = [self._variation(rule, variations, index) for index in range(len(variations))]
        return tuple(
            ir.Range(last, ir.NEXT_RULE if number is None or number >= len(names) else names[number])
            for last, number in assigned(spans, total)
        )

    def _variation(self, rule: Fields, variations: list[Any], index: int) -> str:
        """The variant's name; a variation that only marks who passes through is none."""
        meta = rule.get("meta")
        own = meta[index] if isinstance(meta, list) and index < len(meta) and isinstance(meta[index], dict) else {}
        if js.is_truthy(own.get("passthrough")):
            return ir.NEXT_RULE
        key = own.get("key")
        return self._variants.add(variations[index], js.text_of(key) if js.is_truthy(key) else str(index))


def _runs(rule: Fields) -> bool:
    """An experiment that is inactive, a draft or stopped takes nobody in; a payload's rules don't say so, an experiment may."""
    return rule.get("active") is not False and rule.get("status") not in ("draft", "stopped")


def _split(how: ir.Bucketing, ranges: tuple[ir.Range, ...]) -> ir.Split:
    return ir.Split(how, ranges, codes.ON_NEXT_RULE, codes.ON_NEXT_RULE)
