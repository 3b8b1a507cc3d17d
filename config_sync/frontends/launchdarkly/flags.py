"""One flag: off, prerequisites, targets, rules, fallthrough, in this order. Used by the launchdarkly front end only.

What LaunchDarkly calls a malformed flag is an error for whoever gets to the malformed part, and for nobody else: a rule with
an error's reason. A flag whose fields are of the wrong types is lost as a whole.
"""

from typing import Any, NamedTuple

import msgspec

from config_sync import ir
from config_sync.frontends.launchdarkly.clauses import read_clauses
from config_sync.frontends.launchdarkly.contexts import USER
from config_sync.frontends.launchdarkly.reading import Fields, Notes, NotJson, plain_json
from config_sync.frontends.launchdarkly.rollouts import Choice, constant, read_choice
from config_sync.frontends.launchdarkly.segments import Segments, TooComplex, has_key
from config_sync.ir import Origin
from config_sync.limits import MAX_KEY_LENGTH
from evaluator.snapshot import opcodes as codes

_ERROR = codes.REASON_PARSE_ERROR
Rules = tuple[ir.Rule, ...]


class Prerequisite(msgspec.Struct, frozen=True):
    key: str
    variation: int
    origin: Origin


class Draft(msgspec.Struct, frozen=True):
    """A flag but for its prerequisites, which depend on the other flags. ``fails``: it may be malformed for somebody."""

    flag: ir.Flag
    is_on: bool = False
    fails: bool = False
    off: ir.Outcome | None = None  # None: malformed
    prerequisites: tuple[Prerequisite, ...] = ()


def read_flag(key: str, data: Any, origin: Origin, notes: Notes, segments: Segments) -> Draft | None:
    """The flag; None if it was deleted. With errors it is a draft of a tombstone."""
    fields = Fields(data, origin, notes, "a flag")
    if fields.boolean("deleted"):
        return None
    draft = _Reader(key, fields, segments).read()
    return draft if notes.first_error is None else Draft(ir.Flag(key=key, error=notes.first_error, origin=origin))


class _Target(NamedTuple):
    item: Fields
    kind: str
    variation: int
    keys: tuple[str, ...]


class _Reader:
    def __init__(self, key: str, fields: Fields, segments: Segments) -> None:
        self._key, self._fields, self._segments = key, fields, segments
        self._hashed_key, self._salt = fields.text("key") or key, fields.text("salt") or ""
        self._variants = tuple(self._variant(index, value) for index, value in enumerate(fields.items("variations")))
        self._fails = False

    def read(self) -> Draft:
        fields, off = self._fields, self._fields.integer("offVariation")
        outcome = ir.NoAnswer() if off is None else constant(off, len(self._variants))
        if not fields.boolean("on"):
            reason = codes.REASON_DISABLED if outcome else _ERROR
            return Draft(self._flag((), outcome or ir.NoAnswer(), reason))
        prerequisites = tuple(
            Prerequisite(item.text("key") or "", item.needed("variation"), item.origin)
            for item in fields.objects("prerequisites", "a prerequisite")
        )
        rules = (*self._targets(), *self._rules())
        default, reason, more = self._fallthrough()
        return Draft(self._flag((*rules, *more), default, reason), True, self._fails, outcome, prerequisites)

    def _flag(self, rules: Rules, default: ir.Outcome, reason: int) -> ir.Flag:
        return ir.Flag(self._key, self._variants, rules, default, reason, origin=self._fields.origin)

    def _variant(self, index: int, value: Any) -> ir.Variant:
        try:
            return ir.Variant(str(index), plain_json(value))
        except NotJson as problem:
            self._fields.notes.error("NOT-JSON", f"this value is {problem}", self._fields.origin.child("variations", index))
            return ir.Variant(str(index), None)

    # --- targets ------------------------------------------------------------------------------------------------------

    def _targets(self) -> Rules:
        """Keys by name. ``contextTargets`` give the order, if there are any; users' keys are in ``targets`` all the same."""
        targets = [self._target(item) for item in self._fields.objects("targets", "a target")]
        contexts = [self._target(item) for item in self._fields.objects("contextTargets", "a target")]
        rules: list[ir.Rule] = []
        for target in contexts or targets:
            keys = target.keys
            if contexts and target.kind == USER:
                keys = next((other.keys for other in targets if other.variation == target.variation), ())
            if keys:
                choice = Choice(constant(target.variation, len(self._variants)))
                condition = has_key(target.kind, keys, target.item.origin)
                rules += self._decided(choice, condition, target.item, codes.REASON_TARGETING_MATCH)
        return tuple(rules)

    def _target(self, item: Fields) -> "_Target":
        return _Target(item, item.text("contextKind") or USER, item.needed("variation"), item.texts("values"))

    # --- rules --------------------------------------------------------------------------------------------------------

    def _rules(self) -> list[ir.Rule]:
        rules: list[ir.Rule] = []
        for item in self._fields.objects("rules", "a rule"):
            try:
                rules += self._rule(item)
            except TooComplex:
                message = "segments that can fail refer to each other in too many ways"
                item.notes.error("LIMIT-CONDITIONS", message, item.origin, "correct the segments with warnings")
        return rules

    def _rule(self, item: Fields) -> list[ir.Rule]:
        self._segments.begin()
        asked = self._segments.all_of(read_clauses(item))
        choice = read_choice(item, self._hashed_key, self._salt, len(self._variants))
        rules = []
        if asked.fails is not None:
            self._fails = True
            rules.append(ir.Rule(ir.NoAnswer(), _ERROR, asked.fails, _id(item), item.origin))
        reason = codes.REASON_SPLIT if choice.is_split else codes.REASON_TARGETING_MATCH
        return rules + self._decided(choice, asked.holds, item, reason)

    def _decided(self, choice: Choice, condition: ir.Condition | None, item: Fields, reason: int) -> list[ir.Rule]:
        """The rules that stand for one: an error where LaunchDarkly finds no variation, else the outcome."""
        self._fails = self._fails or choice.fails
        if choice.outcome is None:
            message = "this leads to no variation: whoever gets here is answered an error"
            item.notes.warning("MISSING-VARIATION", message, item.origin, "name one of the flag's variations by its index")
            return [ir.Rule(ir.NoAnswer(), _ERROR, condition, _id(item), item.origin)]
        rules = []
        if choice.invalid is not None:
            message = "a part of this rollout leads to no variation: whoever is in it is answered an error"
            item.notes.warning("MISSING-VARIATION", message, item.origin, "name one of the flag's variations by its index")
            both = choice.invalid if condition is None else ir.All((condition, choice.invalid))
            rules.append(ir.Rule(ir.NoAnswer(), _ERROR, both, _id(item), item.origin))
        return [*rules, ir.Rule(choice.outcome, reason, condition, _id(item), item.origin)]

    def _fallthrough(self) -> tuple[ir.Outcome, int, list[ir.Rule]]:
        """The default outcome, its reason, and rules before it where it is malformed."""
        item = self._fields.object("fallthrough", "the fallthrough") or Fields({}, self._fields.origin, self._fields.notes, "")
        choice = read_choice(item, self._hashed_key, self._salt, len(self._variants))
        *errors, last = self._decided(choice, None, item, codes.REASON_SPLIT if choice.is_split else codes.REASON_STATIC)
        if last.reason == _ERROR:
            return ir.NoAnswer(), codes.REASON_DEFAULT, [last]
        return last.outcome, last.reason, errors


def _id(item: Fields) -> str | None:
    """A rule's id, if a snapshot can hold it: it is told with answers, and means nothing else."""
    found = item.raw("id")
    return found if isinstance(found, str) and 0 < len(found) <= MAX_KEY_LENGTH else None
